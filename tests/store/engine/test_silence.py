"""A PostgreSQL server that takes every byte and says nothing: every wait for it ends, and what comes after works."""

import anyio
import psycopg
from psycopg.conninfo import conninfo_to_dict
import pytest

from arrivals.store.engine import listen_notify, silence
from arrivals.store.engine import postgres as room
from arrivals.store.engine.base import Unavailable, Unsuitable, fetch_one
from arrivals.store.engine.migrate import migrate
from arrivals.store.engine.postgres import PostgresDatabase
from arrivals.store.engine.queries import parse
from arrivals.store.engine.signals import Signal
from arrivals.store.engine.silence import LINE, Silent, with_bounds
from arrivals.workers.loop import Worker
from tests.support.databases import START
from tests.support.postgres import fresh_database
from tests.support.silence import proxy

SHORT_S = 0.2
QUERIES = parse("""
-- name: counted
SELECT value FROM counters WHERE name = 'events';
-- name: count_up
UPDATE counters SET value = value + 1 WHERE name = 'events' RETURNING value;
-- name: guards
SELECT current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle;
-- name: slowly (long)
SELECT 1 AS found;
""")

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
async def line(postgres_url, monkeypatch, clock):
    """A migrated database of its own behind a proxy; bounds are short."""
    with fresh_database(postgres_url) as url:
        straight = await PostgresDatabase.open(url, clock, connections=1, carries_signals=False)
        await migrate(straight, START)
        await straight.close()
        shorten(monkeypatch)
        with proxy(url) as between:
            yield between


def shorten(monkeypatch):
    """Shortens every bound."""
    for name in ("BEGIN_S", "STATEMENT_S", "PATIENCE_S", "LONG_S", "SCRIPT_S"):
        monkeypatch.setattr(room, name, SHORT_S)
    monkeypatch.setitem(silence.LINE, "connect_timeout", 1)


@pytest.fixture
async def database(line, clock):
    """The database, through the proxy."""
    opened = await PostgresDatabase.open(line.url, clock, connections=1, carries_signals=False)
    async with opened.reading():  # its one connection is made
        pass
    yield opened
    await opened.close()


async def counted(database):
    async with database.transaction() as tx:
        return (await fetch_one(tx, QUERIES["count_up"]))["value"]


async def transacted(database, work):
    async with database.transaction() as tx:
        await work(tx)


async def until_it_counts(database):
    """Waits until the database is there again; returns what it counts to then."""
    while True:
        try:
            return await counted(database)
        except Unavailable:
            await anyio.lowlevel.checkpoint()


async def test_a_transaction_that_is_not_begun_in_time_is_unavailable_and_later_ones_work(database, line):
    line.fall_silent()
    with pytest.raises(Silent, match=r"did not answer within 0\.2 s"):
        await counted(database)

    line.speak()

    assert 1 == await until_it_counts(database)


@pytest.mark.parametrize("name", ["count_up", "slowly"])
async def test_a_statement_that_is_not_answered_in_time_is_unavailable_and_undone(database, line, name):
    async def meanwhile(tx):
        await tx.fetch(QUERIES["count_up"])
        line.fall_silent()
        await tx.fetch(QUERIES[name])

    with pytest.raises(Silent):
        await transacted(database, meanwhile)
    line.speak()

    assert 1 == await until_it_counts(database)


async def test_many_rows_that_are_not_answered_in_time_are_unavailable(database, line):
    async def meanwhile(tx):
        line.fall_silent()
        await tx.run_many(QUERIES["count_up"], [{}, {}])

    with pytest.raises(Silent):
        await transacted(database, meanwhile)
    line.speak()


async def test_a_commit_that_is_not_answered_in_time_is_unavailable_and_made_at_most_once(database, line):
    """The outcome of the commit is unknown: here the proxy hands it on afterwards."""

    async def meanwhile(tx):
        await tx.fetch(QUERIES["count_up"])
        line.fall_silent()

    with pytest.raises(Silent):
        await transacted(database, meanwhile)
    line.speak()

    assert await until_it_counts(database) in {1, 2}


async def test_undoing_waits_for_nobody_either(database, line):
    async def meanwhile(_tx):
        line.fall_silent()
        raise LookupError

    with pytest.raises(LookupError):
        await transacted(database, meanwhile)
    line.speak()

    assert 1 == await until_it_counts(database)


async def test_a_script_that_is_not_answered_in_time_is_unavailable(database, line):
    line.fall_silent()
    with pytest.raises(Unavailable):
        await database.script("SELECT 1;")
    line.speak()


async def test_a_statement_is_bounded_though_its_caller_is_cancelled(database, line):
    """A cancelled statement would ask the silent server to end it, and wait for that."""

    async def meanwhile(tx):
        line.fall_silent()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await tx.fetch(QUERIES["count_up"])

    with pytest.raises(Silent):
        await transacted(database, meanwhile)
    line.speak()


async def test_a_server_that_is_silent_from_the_first_is_said(line, clock):
    line.fall_silent()
    with pytest.raises(Unsuitable, match="timeout expired"):
        await PostgresDatabase.open(line.url, clock)


async def test_a_database_is_closed_while_its_server_is_silent(line, clock):
    opened = await PostgresDatabase.open(line.url, clock, connections=2)
    line.fall_silent()
    opened.notify(Signal.READ)
    await anyio.to_thread.run_sync(line.swallowed.wait)

    await opened.close()

    with pytest.raises(Unavailable):
        await counted(opened)


async def test_a_worker_goes_on_after_a_silence(database, line):
    """The worker's claims fail in time, each logged in one line; work that is due once the server speaks is claimed."""
    claims, stop = [], anyio.Event()

    async def claim(_limit):
        try:
            claims.append(await counted(database))
        except Unavailable as error:
            claims.append(error)
            raise
        return []

    async def nothing(*_):
        pass

    worker = Worker(
        signal=Signal.READ, claim=claim, handle=nothing, fail=nothing, interval_s=0.01, trust_s=1, capacity=1
    )
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run, database, stop, worker.heartbeat())
        while not claims:
            await anyio.lowlevel.checkpoint()
        line.fall_silent()
        while not isinstance(claims[-1], Unavailable):
            await anyio.lowlevel.checkpoint()
        line.speak()
        while isinstance(claims[-1], Unavailable):
            await anyio.lowlevel.checkpoint()
        stop.set()
        database.notify(Signal.READ)


async def test_a_messenger_whose_lines_are_silent_makes_new_ones(line, clock, monkeypatch):
    for name in ("ASK_EVERY_S", "ANSWER_S", "AGAIN_S"):
        monkeypatch.setattr(listen_notify, name, 0.05)
    ringer = await PostgresDatabase.open(line.url, clock, connections=1)
    other = await PostgresDatabase.open(line.url, clock, connections=1)
    line.fall_silent()
    await anyio.to_thread.run_sync(line.swallowed.wait)  # who only listens has asked
    before = {id(each) for each in other._listener._lines}
    while before & {id(each) for each in other._listener._lines}:
        await anyio.lowlevel.checkpoint()
    line.speak()

    heard = other.version(Signal.READ)
    while other.version(Signal.READ) == heard:
        ringer.notify(Signal.READ)
        await other.wait(Signal.READ, heard, 0.05)

    await ringer.close()
    await other.close()


async def test_each_transaction_tells_the_server_its_bounds(database):
    for begun in (database.transaction, database.reading):
        async with begun() as tx:
            assert {"lock": "25s", "idle": "1min"} == (await tx.fetch(QUERIES["guards"]))[0]
    async with database._taken() as connection:  # as a pooler hands it to the next
        assert {"lock": "0", "idle": "0"} == await (await connection.execute(QUERIES["guards"].postgres)).fetchone()


async def test_each_connection_is_watched_by_the_system(database):
    async with database._taken() as connection:
        options = {option.keyword.decode(): option.val for option in connection.pgconn.info}
    assert {name: str(value).encode() for name, value in LINE.items()} == {name: options[name] for name in LINE}


def test_what_the_url_says_about_its_line_counts():
    parameters = conninfo_to_dict(with_bounds("postgresql://me@host/db?connect_timeout=3&keepalives=0"))
    assert ("host", "3", "0", "20000") == (
        parameters["host"], parameters["connect_timeout"], parameters["keepalives"], parameters["tcp_user_timeout"],
    )  # fmt: skip


async def test_a_url_that_is_none_is_said():
    with pytest.raises(Unsuitable, match="cannot use the database"):
        await PostgresDatabase.open("postgresql://host/db?nonsense=1")


async def test_who_hangs_up_on_what_is_closed_does_nothing(postgres_url):
    connection = await psycopg.AsyncConnection.connect(postgres_url)
    await connection.close()
    silence.hang_up(connection)
