"""The SQLite driver: one writer whose commits are shared, readers on their own snapshots, in-process signals.

Durable by default: write-ahead log with `synchronous=FULL`, so a committed row survives the loss of power. Writing
goes through `group_commit.py`; reading through aiosqlite, because a reader may take long and must not block; a few
rows are read inline, because a thread costs ten times what the statement does.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
import sqlite3
import time
from typing import Any, Self, TypeAlias

import aiosqlite
import anyio

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Rejected, Row, Unavailable, Unsuitable
from arrivals.store.engine.group_commit import Writer
from arrivals.store.engine.queries import Query, for_sqlite
from arrivals.store.engine.signals import Signals

READERS = 3
BUSY_MS = 10_000  # how long to wait for a second process on the same file
INLINE_MS = 100  # the same, for `read_inline`; only a file that is being recovered makes one wait
CREATE_AGAIN_S = 0.01
# What the writer has in memory: KiB of pages (with SQLite's own 2 MiB it reads most of them again), and pages as they
# were before a block of a group, by which it is undone alone.
IN_MEMORY = ("cache_size=-32768", "temp_store=MEMORY")
STATEMENTS = 512  # kept prepared; enough for every query of the service
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
MIN_VERSION = (3, 37, 0)  # STRICT tables


InThread: TypeAlias = Callable[[Callable[[], list[Row]]], Awaitable[list[Row]]]


class ReadingTx:
    """A view on a connection that has a thread of its own."""

    def __init__(self, connection: aiosqlite.Connection, clock: Callable[[], Micros]) -> None:
        self._connection, self._clock = connection, clock

    async def fetch(self, query: Query, **values: Any) -> list[Row]:
        """See Tx."""
        query = query.bind(values)
        return [dict(row) for row in await self._connection.execute_fetchall(query.sqlite, query.in_order(values))]

    async def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> int:
        """See Tx; a view refuses writes."""
        async with self._connection.executemany(query.sqlite, map(query.in_order, rows)) as cursor:
            return cursor.rowcount

    async def now(self) -> Micros:
        """See Tx; one machine has one clock."""
        return self._clock()


class DirectTx:
    """A block of the writer, or an inline read. Statements run on the event loop, those marked `(long)` in a thread."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], Micros], in_thread: InThread) -> None:
        self._connection, self._clock, self._in_thread = connection, clock, in_thread

    async def fetch(self, query: Query, **values: Any) -> list[Row]:
        """See Tx."""
        query = query.bind(values)

        def run() -> list[Row]:
            cursor = self._connection.execute(query.sqlite, query.in_order(values))
            # Not by sqlite3.Row, which looks for each column's name among all of them.
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

        return await self._in_thread(run) if query.long else run()

    async def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> int:
        """See Tx."""
        return self._connection.executemany(query.sqlite, map(query.in_order, rows)).rowcount if rows else 0

    async def now(self) -> Micros:
        """See Tx; one machine has one clock."""
        return self._clock()


class SqliteDatabase(Signals):
    """A database in one file. `open` it; `close` it."""

    def __init__(self, path: Path, clock: Callable[[], Micros]) -> None:
        super().__init__()
        self.path, self.name = path, str(path)
        self._clock = clock
        self.writer: Writer | None = None
        self._readers: list[aiosqlite.Connection] = []
        self._idle: list[aiosqlite.Connection] = []
        self._inline: list[sqlite3.Connection] = []
        self._places = anyio.Semaphore(READERS)

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], Micros]) -> Self:
        """Opens or creates the file. Raises Unsuitable when it cannot be used."""
        if sqlite3.sqlite_version_info < MIN_VERSION:
            raise Unsuitable(f"SQLite {sqlite3.sqlite_version} is too old; Python must carry 3.37 or newer")
        database = cls(path, clock)
        try:
            # Readers are opened on demand; aiosqlite leaves its thread behind when it cannot connect.
            connection = await anyio.to_thread.run_sync(_create, path)
            database.writer = Writer(connection, path.with_name(f"{path.name}-wal"), BUSY_MS / 1000)
        except (sqlite3.Error, OSError) as error:
            await database.close()
            raise Unsuitable(f"cannot open the database {path}: {error}") from error
        return database

    async def _reader(self) -> aiosqlite.Connection:
        with anyio.CancelScope(shield=True):
            connection = await aiosqlite.connect(self.path, isolation_level=None)
            self._readers.append(connection)
            connection.row_factory = sqlite3.Row
            if self.writer is None:  # it was closed meanwhile, and would never close this one
                self._readers.remove(connection)
                await connection.close()
            self._open_writer()
            for pragma in (*PRAGMAS, f"busy_timeout={BUSY_MS}", "query_only=ON"):
                await connection.execute_fetchall(f"PRAGMA {pragma}")
        return connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[DirectTx]:
        """See Database."""
        writer = self._open_writer()
        with _translated_errors():
            async with writer.block() as connection:
                yield DirectTx(connection, self._clock, writer.in_thread)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadingTx]:
        """See Database."""
        self._open_writer()
        async with self._places:
            with _translated_errors():
                connection = self._idle.pop() if self._idle else await self._reader()
            try:
                with _translated_errors():
                    async with _view(connection):
                        yield ReadingTx(connection, self._clock)
            finally:
                self._idle.append(connection)

    @asynccontextmanager
    async def read_inline(self) -> AsyncIterator[DirectTx]:
        """See Database."""
        writer = self._open_writer()
        with _translated_errors():
            connection = self._inline.pop() if self._inline else _connect(self.path, INLINE_MS, "query_only=ON")
            try:
                connection.execute("BEGIN")
                try:
                    yield DirectTx(connection, self._clock, writer.in_thread)
                finally:
                    connection.execute("ROLLBACK")
            finally:
                self._inline.append(connection)

    async def script(self, text: str) -> None:
        """See Database."""
        writer = self._open_writer()
        try:
            await writer.alone(lambda: _run_script(writer.connection, for_sqlite(text)))
        except sqlite3.Error as error:
            raise Rejected(str(error)) from error

    def _open_writer(self) -> Writer:
        if self.writer is None:
            raise Unsuitable("the database is closed")
        return self.writer

    async def close(self) -> None:
        """See Database."""
        writer, self.writer = self.writer, None
        while self._readers:
            await self._readers.pop().close()
        while self._inline:
            self._inline.pop().close()
        if writer is not None:
            await anyio.to_thread.run_sync(writer.close)


def _create(path: Path) -> sqlite3.Connection:
    """The writer's connection; a missing file is created, readable by its owner only: it holds secrets."""
    path.touch(mode=0o600)
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            return _connect(path, 0, *IN_MEMORY)  # `Writer` waits for another process's lock without blocking
        except sqlite3.OperationalError as error:
            # Two that switch to the log at once would wait for each other, so SQLite refuses one of them at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(CREATE_AGAIN_S)


def _connect(path: Path, busy_ms: int, *more: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
    )
    try:
        for pragma in (*PRAGMAS, f"busy_timeout={busy_ms}", *more):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _run_script(connection: sqlite3.Connection, text: str) -> None:
    """Runs a script in a transaction of its own: executescript commits whatever is open before it starts.

    It may sort a whole table for an index, which is too much for memory.
    """
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA temp_store=FILE")
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{text}\n; COMMIT;")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA temp_store=MEMORY")


@asynccontextmanager
async def _view(connection: aiosqlite.Connection) -> AsyncIterator[None]:
    """A snapshot that outlives no cancellation: asyncio's own passes the shield, and BEGIN is made all the same."""
    try:
        with anyio.CancelScope(shield=True):
            await connection.execute_fetchall("BEGIN")
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await connection.rollback()


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translates the driver's errors: a lock that is held too long, a full or broken disk. Raises Unavailable."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the database cannot be used just now: {error}") from error
