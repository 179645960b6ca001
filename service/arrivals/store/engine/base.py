"""What a database must do for us: a handful of verbs. The drivers beside this file implement them, nothing else."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

from arrivals.core.wire import Micros
from arrivals.store.engine.queries import Query
from arrivals.store.engine.signals import Signal

Row: TypeAlias = Mapping[str, Any]


class StoreError(Exception):
    """The store could not do what was asked."""


class Missing(StoreError):
    """There is no such row."""


class Overtaken(StoreError):
    """Somebody else saved the row first; load it and decide again."""


class Unavailable(StoreError):
    """The database cannot be used just now: locked, full or away. Nothing is wrong with what was asked; try again."""


class Collided(Unavailable):
    """Two transactions wanted the same rows, and this one was undone; done again, it goes through."""


class Unsuitable(StoreError):
    """The database, or its version, cannot be used."""


class Rejected(StoreError):
    """The database would not run a script; nothing of it was kept."""


class Tx(Protocol):
    """One transaction: everything in it happens, or nothing."""

    async def fetch(self, query: Query, **values: Any) -> list[Row]:
        """Run one query; its rows, in no promised order unless the query says so."""
        ...

    async def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run one query for each set of values; how many rows were written in all."""
        ...

    async def now(self) -> Micros:
        """The clock that leases are measured by: the database's, where several machines share one."""
        ...


class Database(Protocol):
    """A place that keeps things. Bells are hints between workers: they may be lost, so nothing waits for one alone."""

    @property
    def name(self) -> str:
        """Where it is, for people; without a password."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that may write; committed when the block ends, undone when it raises."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Tx]:
        """A consistent view for reading only; waits for no writer."""
        ...

    def read_inline(self) -> AbstractAsyncContextManager[Tx]:
        """As `reading`, for a few rows found by a key: nobody else may have to wait while a statement runs."""
        ...

    async def script(self, text: str) -> None:
        """Run several statements of the common text as one transaction that nobody else's script overlaps.

        Raises Rejected.
        """
        ...

    def notify(self, signal: Signal) -> None:
        """See Signals; here, and in every other process where the database can carry it."""
        ...

    def version(self, signal: Signal) -> int:
        """See Signals."""
        ...

    async def wait(self, signal: Signal, version: int, max_s: float) -> None:
        """See Signals."""
        ...

    async def close(self) -> None:
        """Give everything back; open transactions are undone."""
        ...


async def fetch_one(tx: Tx, query: Query, **values: Any) -> Row:
    """The one row that must be there. Raises Missing."""
    rows = await tx.fetch(query, **values)
    if not rows:
        raise Missing(query.name)
    return rows[0]
