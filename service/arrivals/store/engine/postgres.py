"""The PostgreSQL driver: a pool of connections, the server's clock, signals that reach every process.

A connection that turns out to be dead before anything was begun on it is replaced, so a restart of the server goes
unnoticed; one that dies later takes its transaction with it, which raises Unavailable. So does one that falls silent
(`silence.py`): every wait for the server is bounded.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

import anyio
import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.rows import DictRow, dict_row
from psycopg.types.string import StrDumperUnknown
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Collided, Rejected, Row, Unavailable, Unsuitable
from arrivals.store.engine.listen_notify import SignalListener
from arrivals.store.engine.queries import Query, for_postgres, parse
from arrivals.store.engine.signals import Signal, Signals
from arrivals.store.engine.silence import GUARDS, LONG_S, SCRIPT_S, STATEMENT_S, Silent, answered_within, with_bounds

CONNECTIONS = 16
BEGIN_S = 5.0  # for BEGIN and for ROLLBACK
PATIENCE_S = 5.0  # for a free connection, or for a server that is coming back
MIN_VERSION = 13
TRIES = 10  # of a script
SCRIPTS = 7_236_154  # the advisory lock that scripts take in turn; any number that nothing else uses
# A standby that is not promoted yet replies that it is read-only.
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction, PoolTimeout, PoolClosed)
# A migration beside a running process leaves it with stale plans; each is made anew after it failed once.
COLLIDED = (errors.SerializationFailure, errors.DeadlockDetected, errors.FeatureNotSupported)
_NOW = parse("-- name: now\nSELECT CAST(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP()) * 1000000 AS INT8) AS now;")["now"]

Connection: TypeAlias = psycopg.AsyncConnection[DictRow]


class _Text(StrDumperUnknown):
    """Replaces each NUL, which PostgreSQL's text cannot hold, by the replacement character."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\x00", "\N{REPLACEMENT CHARACTER}") if "\x00" in obj else obj)


class PostgresTx:
    """One transaction on one connection. No cancellation interrupts a statement, only its own bound does: otherwise it
    would be unclear what it did.
    """

    def __init__(self, connection: Connection, clock: Callable[[], Micros] | None) -> None:
        self._connection, self._clock = connection, clock

    async def fetch(self, query: Query, **values: Any) -> list[Row]:
        """See Tx."""
        with self._bounded(query):
            cursor = await self._connection.execute(query.bind(values).postgres, values)
            rows = await cursor.fetchall() if cursor.description else []
        return [*rows]

    async def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> int:
        """See Tx; all of them take one round trip."""
        if not rows:
            return 0
        cursor = self._connection.cursor()
        with self._bounded(query):
            await cursor.executemany(query.postgres, rows)
        return cursor.rowcount

    @contextmanager
    def _bounded(self, query: Query) -> Iterator[None]:
        bound_s = LONG_S if query.long else STATEMENT_S
        with anyio.CancelScope(shield=True), answered_within(bound_s, self._connection):
            yield

    async def now(self) -> Micros:
        """See Tx; the server's clock, so that machines whose clocks differ agree on a lease."""
        if self._clock is not None:
            return self._clock()
        return int((await self.fetch(_NOW))[0]["now"])


class PostgresDatabase(Signals):
    """A database on a server, shared by many processes. `open` it; `close` it."""

    def __init__(self, url: str, clock: Callable[[], Micros] | None, connections: int) -> None:
        super().__init__()
        self.url, self.name = url, without_password(url)
        self._clock, self._connections = clock, connections
        self._conninfo = with_bounds(url)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._conninfo,
            min_size=min(2, connections),
            max_size=connections,
            kwargs={"autocommit": True, "row_factory": dict_row, "application_name": "arrivals"},
            configure=_configure,
            timeout=PATIENCE_S,
            reconnect_timeout=PATIENCE_S,
            open=False,
        )
        self._listener = SignalListener(self._conninfo, super().notify)

    @classmethod
    async def open(
        cls,
        url: str,
        clock: Callable[[], Micros] | None = None,
        connections: int = CONNECTIONS,
        *,
        carries_signals: bool = True,
    ) -> Self:
        """Connect. `clock` None: the server's own; without `carries_signals` only this process gets its signals.

        Raises Unsuitable when the server cannot be reached or used.
        """
        database = cls(url, clock, connections)
        try:
            connection = await psycopg.AsyncConnection.connect(database._conninfo)
            try:
                _check(connection)
            finally:
                await connection.close()
            await database._pool.open()
        except (psycopg.Error, OSError) as error:
            await database.close()
            raise Unsuitable(f"cannot use the database {database.name}: {error}") from error
        if carries_signals:
            database._listener.start()
        return database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTx]:
        """See Database. The queries themselves lock rows that others may want."""
        async with self._block("BEGIN") as tx:
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[PostgresTx]:
        """See Database."""
        async with self._block("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as tx:
            yield tx

    read_inline = reading

    @asynccontextmanager
    async def _block(self, begin: str) -> AsyncIterator[PostgresTx]:
        with _translated_errors():
            with anyio.CancelScope(shield=True):
                connection = await self._begun(begin)
            try:
                yield PostgresTx(connection, self._clock)
                with anyio.CancelScope(shield=True), answered_within(STATEMENT_S, connection):
                    await connection.execute("COMMIT")
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await _undo(connection)
                raise
            finally:
                with anyio.CancelScope(shield=True):
                    await self._pool.putconn(connection)

    async def _begun(self, begin: str) -> Connection:
        """A connection with a transaction on it; every pooled one may have died with the server meanwhile.

        After a silent one no other is tried: each would take the whole time-out.
        """
        dead = 0
        while True:
            connection = await self._pool.getconn()
            try:
                with answered_within(BEGIN_S, connection):
                    await connection.execute(f"{begin}; {GUARDS}", prepare=False)
            except BaseException as error:
                await _undo(connection)
                await self._pool.putconn(connection)
                dead += 1
                if isinstance(error, Silent) or not connection.closed or dead > self._connections:
                    raise
            else:
                return connection

    async def script(self, text: str) -> None:
        """See Database."""
        lock = f"SELECT pg_advisory_xact_lock({SCRIPTS});"
        with _translated_errors():
            async with self._taken() as connection:
                for left in reversed(range(TRIES)):
                    try:
                        with anyio.CancelScope(shield=True), answered_within(SCRIPT_S, connection):
                            await connection.execute(f"BEGIN; {lock}\n{for_postgres(text)}\n; COMMIT;")
                    except psycopg.Error as error:
                        await _undo(connection)
                        # Processes at work lock tables in another order than a script; the server ends one of the two.
                        if left == 0 or not isinstance(error, errors.DeadlockDetected):
                            raise Rejected(str(error)) from error
                    else:
                        return

    @asynccontextmanager
    async def _taken(self) -> AsyncIterator[Connection]:
        connection = await self._pool.getconn()
        try:
            yield connection
        finally:
            with anyio.CancelScope(shield=True):
                await self._pool.putconn(connection)

    def notify(self, signal: Signal) -> None:
        """See Database: here, and in every other process."""
        super().notify(signal)
        self._listener.send(signal)

    async def close(self) -> None:
        """See Database."""
        await self._listener.stop()
        await self._pool.close()


def without_password(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{parts.hostname or ''}{port}{parts.path}"


def _check(connection: psycopg.AsyncConnection[Any]) -> None:
    if connection.info.server_version // 10_000 < MIN_VERSION:
        raise psycopg.NotSupportedError(
            f"it is PostgreSQL {connection.info.server_version // 10_000}, not {MIN_VERSION} or newer"
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise psycopg.NotSupportedError(f"its encoding is {encoding}, not UTF8")


async def _configure(connection: Connection) -> None:
    connection.adapters.register_dumper(str, _Text)


async def _undo(connection: Connection) -> None:
    """Rolls back, unless the connection is lost or idle."""
    if connection.closed or connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        return
    try:
        with answered_within(BEGIN_S, connection):
            await connection.execute("ROLLBACK")
    except (psycopg.OperationalError, Silent):
        await connection.close()  # the server rolls back what was not committed


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translates the driver's errors. Raises Collided, and Unavailable for a server that is away, full or moved."""
    try:
        yield
    except COLLIDED as error:
        raise Collided(f"another transaction was in the way: {error}") from error
    except AWAY as error:
        raise Unavailable(f"the database cannot be used just now: {error}") from error
