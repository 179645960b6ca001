"""The interface of a database: a handful of operations. The drivers beside this file implement them, nothing else."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

from arrivals.core.wire import Micros
from arrivals.store.engine.queries import Query
from arrivals.store.engine.signals import Signal

Row: TypeAlias = Mapping[str, Any]


class StoreError(Exception):
    """The store could not do what was requested."""


class Missing(StoreError):
    """No row of this kind has this name, which is its `id` where nothing else is said."""

    def __init__(self, kind: str, name: str, what: str = "id") -> None:
        super().__init__(f"no {kind} has the {what} {name}")
        self.kind, self.name = kind, name


class Overtaken(StoreError):
    """Another writer saved the row first; load it and decide again."""


class Unavailable(StoreError):
    """The database cannot be used just now: locked, full or away. Nothing is wrong with the request; try again."""


class Collided(Unavailable):
    """Two transactions needed the same rows and this one was rolled back; repeated, it succeeds."""


class Unsuitable(StoreError):
    """The database, or its version, cannot be used."""


class Rejected(StoreError):
    """The database refused to run a script; nothing of it was kept."""


class Tx(Protocol):
    """One transaction: everything in it happens, or nothing."""

    async def fetch(self, query: Query, **values: Any) -> list[Row]:
        """Runs one query. Returns its rows, in no particular order unless the query has one."""
        ...

    async def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> int:
        """Runs one query for each set of values. Returns the number of rows written in all."""
        ...

    async def now(self) -> Micros:
        """The clock that leases are measured by: the database's, where several machines share one."""
        ...


class Database(Protocol):
    """A store of rows. Signals between workers are hints: they may be lost, so nothing waits for one alone."""

    @property
    def name(self) -> str:
        """Its address for people, without a password."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that may write; committed when the block ends, rolled back when it raises."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Tx]:
        """A consistent read-only view; waits for no writer."""
        ...

    def read_inline(self) -> AbstractAsyncContextManager[Tx]:
        """Like `reading`, for a few rows by key: the event loop may stand still while a statement runs."""
        ...

    async def script(self, text: str) -> None:
        """Runs several statements of the common text as one transaction; no other script overlaps it.

        Raises Rejected.
        """
        ...

    def notify(self, signal: Signal) -> None:
        """See Signals; also reaches other processes where the database can carry it."""
        ...

    def version(self, signal: Signal) -> int:
        """See Signals."""
        ...

    async def wait(self, signal: Signal, version: int, max_s: float) -> None:
        """See Signals."""
        ...

    async def close(self) -> None:
        """Closes every connection; open transactions are rolled back."""
        ...


async def fetch_one(tx: Tx, query: Query, **values: Any) -> Row:
    """The first row of a query that always has one. Raises Missing."""
    rows = await tx.fetch(query, **values)
    if not rows:
        raise Missing(query.name, str(values), "values")
    return rows[0]


async def fetch_by_id(tx: Tx, kind: str, query: Query, row_id: str, **values: Any) -> Row:
    """The row of this kind with this id. Raises Missing."""
    rows = await tx.fetch(query, id=row_id, **values)
    if not rows:
        raise Missing(kind, row_id)
    return rows[0]
