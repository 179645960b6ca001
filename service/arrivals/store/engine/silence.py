"""What bounds a PostgreSQL connection in time: settings of its line, guards at the server, and hanging up on silence.

A peer that is gone is found out by TCP. One that takes every byte and says nothing (a proxy that stopped forwarding, a
server that hangs) never is: whoever waits for it has to count the time itself. Then it shuts the socket down, which
waits for nobody and wakes the statement with the error of a lost connection. Cancelling the statement would not do:
psycopg asks the server to end it, over that very network, and waits for what it says.
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
LONG_S = 600.0  # what a query that says `(long)` may take
SCRIPT_S = 4 * 3600.0  # an index over a large table; who waits longer migrates by hand
# Of the line, unless the URL says otherwise. What is sent is acknowledged within `tcp_user_timeout` (milliseconds), and
# a line on which nothing is sent is asked now and then whether it is still there; a Unix socket knows neither.
LINE = {
    "connect_timeout": round(CONNECT_S),
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Of each transaction, said with its BEGIN: SET LOCAL ends with the transaction, so it stays right behind a pooler that
# gives every transaction another connection, where SET would reach strangers and startup options are refused. Who waits
# for a lock is told so by the server before we hang up; a transaction whose process stands still, or whose line fell
# silent, gives its locks back. No `statement_timeout`: it would end a COMMIT that waits for a synchronous standby, and
# the server calls such a COMMIT done.
LOCK_MS, IDLE_MS = 25_000, 60_000
GUARDS = f"SET LOCAL lock_timeout = {LOCK_MS}; SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}"


class Silent(Unavailable):
    """The server did not answer in time and was hung up on. What it was told to do, it may have done."""


def with_bounds(url: str) -> str:
    """The connection string with the settings of its line, where it has none of its own."""
    try:
        stated = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return url  # what is wrong with it is told by whoever connects
    return make_conninfo(url, **{name: value for name, value in LINE.items() if name not in stated})


@contextmanager
def answered_within(seconds: float, connection: Connection) -> Iterator[None]:
    """A bound for what is said on the connection in the block; passed, the connection is closed. Raises Silent."""
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
    """End the line without waiting for anybody; who waits on it is told that it is lost."""
    with suppress(psycopg.OperationalError, OSError):  # it is closed already
        line = socket.socket(fileno=connection.fileno())
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.detach()  # the descriptor is the connection's own
