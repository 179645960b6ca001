"""Time bounds of a PostgreSQL connection: settings of the connection, guards at the server, hanging up on silence.

TCP detects a peer that is gone. It never detects one that takes every byte and says nothing (a proxy that stopped
forwarding, a server that hangs), so the client measures the time itself. Then it shuts the socket down, which waits
for nothing and wakes the statement with the error of a lost connection. Cancelling the statement would not do: psycopg
asks the server to end it, over the same network, and waits for the reply.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
import socket
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from arrivals.store.engine.base import Unavailable

Connection: TypeAlias = psycopg.AsyncConnection[Any]

CONNECT_S = 5.0  # for each host of the URL
STATEMENT_S = 30.0
LONG_S = 600.0  # for a query marked `(long)`
SCRIPT_S = 4 * 3600.0  # for an index over a large table; beyond it, migrate by hand
# Of the connection, unless the URL says otherwise. What is sent must be acknowledged within `tcp_user_timeout`
# (milliseconds), and an idle connection is probed now and then; a Unix socket has neither.
LINE = {
    "connect_timeout": round(CONNECT_S),
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Of each transaction, sent with its BEGIN: SET LOCAL ends with the transaction, so it is safe behind a pooler that
# gives every transaction another connection, where SET would reach strangers and startup options are refused. The
# server ends a wait for a lock before we hang up; a transaction whose process stands still, or whose connection fell
# silent, gives its locks back. No `statement_timeout`: it would end a COMMIT that waits for a synchronous standby, and
# the server calls such a COMMIT done.
LOCK_MS, IDLE_MS = 25_000, 60_000
GUARDS = f"SET LOCAL lock_timeout = {LOCK_MS}; SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}"


class Silent(Unavailable):
    """The server did not answer in time and we hung up. It may have run the statement."""


def with_bounds(url: str) -> str:
    """The connection string with the connection's settings where it has none of its own."""
    try:
        stated = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return url  # connecting reports what is wrong with it
    return make_conninfo(url, **{name: value for name, value in LINE.items() if name not in stated})


@contextmanager
def answered_within(seconds: float, connection: Connection) -> Iterator[None]:
    """Bounds the time of the block; after it, the connection is closed. Raises Silent."""
    silent = False

    def give_up() -> None:
        nonlocal silent
        silent = True
        hang_up(connection)

    timer = asyncio.get_running_loop().call_later(seconds, give_up)
    try:
        yield
    except psycopg.Error as error:
        if not silent:
            raise
        connection.pgconn.finish()
        raise Silent(f"the database did not answer within {seconds:g} s") from error
    finally:
        timer.cancel()


def hang_up(connection: Connection) -> None:
    """Ends the connection without waiting; a statement on it fails as on a lost connection."""
    with suppress(psycopg.OperationalError, OSError):  # it is closed already
        line = socket.socket(fileno=connection.fileno())
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.detach()  # the descriptor is the connection's own
