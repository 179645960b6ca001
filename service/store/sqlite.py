"""The SQLite driver: one writer, several readers on their own snapshots, an in-process bell.

Durable by default: write-ahead log with `synchronous=FULL`, so a committed row survives the loss of power.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
import sqlite3
from typing import Any

import aiosqlite
import anyio

from service.core.wire import Micros
from service.store.base import Row, Unavailable, Unsuitable
from service.store.bell import Bells
from service.store.sql import Query

READERS = 3
BUSY_MS = 10_000  # how long a second process on the same file is waited for
OLDEST = (3, 37, 0)  # STRICT tables


class SqliteTx:
    """One transaction on one connection."""

    def __init__(self, connection: aiosqlite.Connection, clock: Callable[[], Micros]) -> None:
        self._connection = connection
        self._clock = clock

    async def fetch(self, query: Query, **values: Any) -> list[Row]:
        """See Tx."""
        return [dict(row) for row in await self._connection.execute_fetchall(query.sqlite, values)]

    async def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> int:
        """See Tx."""
        if not rows:
            return 0
        async with self._connection.executemany(query.sqlite, rows) as cursor:
            return cursor.rowcount

    async def now(self) -> Micros:
        """See Tx: one machine, one clock."""
        return self._clock()


class SqliteDatabase(Bells):
    """A database in one file. `open` it; `close` it."""

    def __init__(self, path: Path, clock: Callable[[], Micros]) -> None:
        super().__init__()
        self.path = path
        self._clock = clock
        self._writer_free = anyio.Lock()
        self._connections: list[aiosqlite.Connection] = []
        self._writer: aiosqlite.Connection | None = None
        self._give_back, self._take = anyio.create_memory_object_stream[aiosqlite.Connection](READERS)

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], Micros]) -> "SqliteDatabase":
        """Open or make the file. Raises Unsuitable when it cannot be used."""
        if sqlite3.sqlite_version_info < OLDEST:
            raise Unsuitable(f"SQLite {sqlite3.sqlite_version} is too old; Python must carry 3.37 or newer")
        database = cls(path, clock)
        try:
            # aiosqlite leaves its thread behind when it cannot connect, so that is found out without it.
            await anyio.to_thread.run_sync(_try, path)
            database._writer = await database._connect()
            for _ in range(READERS):
                database._give_back.send_nowait(await database._connect())
        except (sqlite3.Error, OSError) as error:
            await database.close()
            raise Unsuitable(f"cannot open the database {path}: {error}") from error
        return database

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(self.path, isolation_level=None)
        self._connections.append(connection)
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        return connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTx]:
        """See Database. BEGIN IMMEDIATE: the right to write is taken first, so nothing read here can be overtaken."""
        if self._writer is None:
            raise Unsuitable("the database is closed")
        async with self._writer_free, _block(self._writer, "BEGIN IMMEDIATE"):
            yield SqliteTx(self._writer, self._clock)

    async def script(self, text: str) -> None:
        """Several statements at once, for migrations; the text holds its own BEGIN and COMMIT. All or nothing."""
        if self._writer is None:
            raise Unsuitable("the database is closed")
        async with self._writer_free:
            try:
                await self._writer.executescript(text)
            except sqlite3.Error:
                await self._writer.rollback()
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqliteTx]:
        """See Database."""
        if self._writer is None:
            raise Unsuitable("the database is closed")
        connection = await self._take.receive()
        try:
            async with _block(connection, "BEGIN"):
                yield SqliteTx(connection, self._clock)
        finally:
            self._give_back.send_nowait(connection)

    async def close(self) -> None:
        """See Database."""
        self._writer = None
        while self._connections:
            await self._connections.pop().close()
        self._give_back.close()
        self._take.close()


def _try(path: Path) -> None:
    """Make the file, readable by its owner only (it holds subscribers' secrets), and connect to it once."""
    path.touch(mode=0o600)
    sqlite3.connect(path).close()


@asynccontextmanager
async def _block(connection: aiosqlite.Connection, begin: str) -> AsyncIterator[None]:
    """Commit at the end, undo on any error; shielded, because half a transaction must not outlive a cancellation.

    Raises Unavailable for what is the database's own trouble: a lock that is held too long, a full or broken disk.
    """
    try:
        with anyio.CancelScope(shield=True):
            await connection.execute_fetchall(begin)
        try:
            yield
            with anyio.CancelScope(shield=True):
                await connection.commit()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await connection.rollback()
            raise
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the database cannot be used just now: {error}") from error
