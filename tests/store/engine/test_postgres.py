"""The PostgreSQL driver's promises: dead connections are replaced, trouble has a name, bells reach everybody."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

import anyio
import psycopg
import pytest

from arrivals.core.budget import Budget
from arrivals.core.generation import Status
from arrivals.flow.delivery.claim import claim_due
from arrivals.flow.observation.claim import claim_polls
from arrivals.store import accounts, deliveries, events, subscribers
from arrivals.store.deliveries import Attempt
from arrivals.store.engine import base
from arrivals.store.engine import postgres as room
from arrivals.store.engine.base import Collided, Unavailable, Unsuitable
from arrivals.store.engine.connect import open_database
from arrivals.store.engine.listen_notify import SignalListener
from arrivals.store.engine.migrate import migrate
from arrivals.store.engine.postgres import PostgresDatabase, without_password
from arrivals.store.engine.queries import parse
from tests.support.attempts import record_attempts
from tests.support.databases import START, reopened
from tests.support.examples import delivery, due, event, keep, scheduled, subscribe, subscriber
from tests.support.postgres import fresh_database, server

QUERIES = parse("""
-- name: kill_others
SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid();
-- name: kill_me
SELECT pg_terminate_backend(pg_backend_pid());
-- name: counted
SELECT value FROM counters WHERE name = 'events';
-- name: lock
SELECT * FROM counters WHERE name = :name FOR UPDATE;
-- name: add_counter
INSERT INTO counters (name, value) VALUES (:name, 0);
-- name: count_up
UPDATE counters SET value = value + 1 WHERE name = 'events' RETURNING value;
-- name: touch
UPDATE generations SET polls = polls;
-- name: generation
SELECT * FROM generations;
-- name: take_delivery
UPDATE deliveries SET attempt_count = attempt_count WHERE id = 'dlv_1';
-- name: compared_by_language
SELECT table_name, column_name FROM information_schema.columns
 WHERE table_schema = CURRENT_SCHEMA() AND column_name ~ '(^|_)id$' AND column_name <> 'external_id'
   AND COALESCE(collation_name, '') <> 'C';
-- name: only_by_index
SET LOCAL enable_seqscan = off;
-- name: waiting
SELECT COUNT(*) AS waiting FROM pg_locks
 WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database());
""")


@pytest.fixture
async def mortal(postgres_url, clock):
    """A database of its own, whose connections may be killed."""
    with fresh_database(postgres_url) as url:
        database = await PostgresDatabase.open(url, clock, connections=4, carries_signals=False)
        await migrate(database, START)
        yield database
        await database.close()


async def somebody_waits(database, most=1):
    """Waits until so many transactions wait for a lock."""
    waiting = 0
    while waiting < most:
        async with database.reading() as tx:
            waiting = (await base.fetch_one(tx, QUERIES["waiting"]))["waiting"]


async def claim(database, claimed):
    """Claims deliveries, as another process would."""
    async with database.transaction() as tx:
        claimed.extend(await claim_due(tx, 9, 1))


async def count_up(database, then=None):
    async with database.transaction() as tx:
        counted = (await base.fetch_one(tx, QUERIES["count_up"]))["value"]
        if then is not None:
            await then(tx)
        return counted


async def kill_everybody(url):
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(QUERIES["kill_others"].postgres)


async def test_connections_that_died_while_nobody_used_them_are_not_noticed(mortal):
    """The server was restarted: every pooled connection is dead, and the next transaction goes through."""
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(count_up, mortal)
    for expected in range(5, 8):
        await kill_everybody(mortal.url)
        assert expected == await count_up(mortal)


async def test_connection_that_dies_in_a_transaction_undoes_it_and_says_so(mortal):
    with pytest.raises(Unavailable, match="just now"):
        await count_up(mortal, then=lambda tx: tx.fetch(QUERIES["kill_me"]))
    assert 1 == await count_up(mortal)


async def test_connection_that_dies_before_the_commit_undoes_it(mortal):
    with pytest.raises(Unavailable):
        await count_up(mortal, then=lambda _tx: kill_everybody(mortal.url))
    assert 1 == await count_up(mortal)


class Heap:
    """Values that arrive one by one, and that a test can wait for."""

    def __init__(self):
        self.values = []
        self._more = anyio.Event()

    def put(self, value):
        """Adds a value."""
        self.values.append(value)
        self._more.set()

    async def grows(self, by):
        """Waits until there are so many more values."""
        wanted = len(self.values) + by
        while len(self.values) < wanted:
            self._more = anyio.Event()
            await self._more.wait()


@pytest.mark.timeout(30)
async def test_server_that_is_away_is_unavailable_and_comes_back(clock, monkeypatch):
    """It dies under load and starts again, as in a failover: meanwhile it is said, and nothing committed is lost."""
    monkeypatch.setattr(room, "PATIENCE_S", 0.5)
    counted, refused = Heap(), Heap()

    async def load(database, stop):
        while not stop.is_set():
            try:
                counted.put(await count_up(database))
            except Unavailable as error:
                refused.put(error)

    with server() as instance:
        database = await PostgresDatabase.open(instance.url, clock, connections=4)
        await migrate(database, START)
        stop = anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(load, database, stop)
            await counted.grows(20)
            await anyio.to_thread.run_sync(instance.die)
            await refused.grows(4)
            await anyio.to_thread.run_sync(instance.start)
            await counted.grows(20)
            stop.set()
        last = await count_up(database)
        await database.close()

    assert len(counted.values) == len(set(counted.values))
    assert last > max(counted.values)


async def test_transactions_in_each_others_way_are_told_to_try_again(mortal):
    """The server ends one of two that wait for each other."""
    async with mortal.transaction() as tx:
        await tx.fetch(QUERIES["add_counter"], name="other")
    ready, collided = [anyio.Event(), anyio.Event()], []

    async def cross(first, second, *bells):
        mine, theirs = bells
        try:
            async with mortal.transaction() as tx:
                await tx.fetch(QUERIES["lock"], name=first)
                mine.set()
                await theirs.wait()
                await tx.fetch(QUERIES["lock"], name=second)
        except Collided:
            collided.append(first)

    async with anyio.create_task_group() as group:
        group.start_soon(cross, "events", "other", *ready)
        group.start_soon(cross, "other", "events", *reversed(ready))
    assert 1 == len(collided)


@pytest.mark.parametrize("change", [subscribers.delete, partial(subscribers.disable, reason="gone")])
async def test_who_ends_a_subscriber_and_who_records_an_attempt_at_it_wait_for_one_another_in_one_order(mortal, change):
    """Both take the delivery's row, then the subscriber's: the server has to end neither."""
    await subscribe(mortal, subscriber())
    await due(mortal, delivery())
    async with mortal.transaction() as tx:
        (claimed,) = await claim_due(tx, 1, 1)
        missed = Attempt(delivery_id=claimed.id, number=1, at=START, duration_s=0.5)
        await record_attempts(tx, [(missed, claimed)])

    async def end():
        async with mortal.transaction() as tx:
            await change(tx, "sub_1", START)

    async with anyio.create_task_group() as group, mortal.transaction() as tx:
        await tx.fetch(QUERIES["take_delivery"])
        group.start_soon(end)
        await somebody_waits(mortal)
        await subscribers.forgive(tx, "sub_1")

    async with mortal.reading() as tx:
        assert [START] == [row.given_up_at for row in await deliveries.of_generation(tx, "gen_1")]


async def test_who_waited_for_a_subscriber_sees_its_debt_as_it_is(mortal, clock):
    """Debt that grew while a claim waited is not mistaken for that of a clock that ran ahead."""
    await subscribe(mortal, subscriber(rate_per_s=3))
    await due(mortal, *(delivery(str(number), generation_id=f"gen_{number}") for number in range(9)))
    waited = []

    async with anyio.create_task_group() as group, mortal.transaction() as tx:
        await tx.fetch(deliveries.SQL["lock_subscribers_in_need"], now=START + 1000)
        group.start_soon(claim, mortal, waited)
        await somebody_waits(mortal)
        clock.advance(0.01)
        assert 3 == len(await claim_due(tx, 9, 1))

    assert [] == waited


async def test_who_claims_touches_no_subscriber_that_came_into_need_while_it_waited(mortal, clock):
    """A lock out of turn would wait for a transaction that waits for this one, and the server would end either."""
    await subscribe(mortal, subscriber("1", rate_per_s=3), subscriber("2", rate_per_s=3))
    await due(mortal, *(delivery(f"b{n}", subscriber_id="sub_2", generation_id=f"gen_b{n}") for n in range(3)))
    claimed = []

    async with anyio.create_task_group() as group, mortal.transaction() as tx:
        await tx.fetch(deliveries.SQL["lock_subscribers_in_need"], now=START + 1000)
        group.start_soon(claim, mortal, claimed)
        await somebody_waits(mortal)
        clock.advance(0.01)
        later = [delivery(f"a{n}", generation_id=f"gen_a{n}", created_at=START + 5000) for n in range(3)]
        await due(mortal, *later)
        group.start_soon(claim, mortal, claimed)
        await somebody_waits(mortal, 2)

    assert ["sub_1"] * 3 + ["sub_2"] * 3 == sorted(row.subscriber_id for row in claimed)


async def test_what_is_claimed_is_what_was_counted(mortal, clock):
    """A claim that waited for an account's ledger is as of the moment it counts, or the budget is spent for nothing."""
    polled = [
        scheduled(f"{n}", status=Status.SUBMITTED, poll_at=START - 1 if n == 0 else START + 5000) for n in range(9)
    ]
    await keep(mortal, *polled)
    key = (polled[0].generation.provider, polled[0].generation.account)
    budget = Budget(max_in_flight=100, requests_per_minute=60)
    claimed = []

    async def claim():
        async with mortal.transaction() as tx:
            claimed.extend(await claim_polls(tx, {key: budget}, 9, 1))

    async with anyio.create_task_group() as group, mortal.transaction() as tx:
        await accounts.ledger_of(tx, key)
        group.start_soon(claim)
        await somebody_waits(mortal)
        clock.advance(0.01)

    async with mortal.transaction() as tx:
        ledger = await accounts.ledger_of(tx, key)
    assert 9 == len(claimed) == round((ledger.spent_until - clock()) / budget.interval)


async def test_a_script_that_meets_who_is_at_work_is_run_again(mortal):
    """The script locks tables in another order, so the server may end it."""
    await keep(mortal, scheduled("1"))
    script = "ALTER TABLE events ADD COLUMN more TEXT; ALTER TABLE generations ADD COLUMN more TEXT;"

    async with anyio.create_task_group() as group, mortal.transaction() as tx:
        await tx.fetch(QUERIES["touch"])
        group.start_soon(mortal.script, script)
        await somebody_waits(mortal)
        with suppress(Collided):  # the server ends either
            await events.append(tx, [event()])

    async with mortal.reading() as tx:
        assert {"more"} <= {*(await tx.fetch(QUERIES["generation"]))[0]}


async def test_a_plan_that_fits_no_more_is_made_anew(mortal, clock):
    """A migration beside a process at work: what it does then is undone once, and goes through when done again."""
    await keep(mortal, scheduled("1"))

    async def look(database):
        async with database.transaction() as tx:
            return await tx.fetch(QUERIES["generation"])

    async with reopened(mortal, clock) as other:
        other._pool._max_size = other._pool._min_size = 1
        for _ in range(12):
            await look(other)
        await mortal.script("ALTER TABLE generations ADD COLUMN more TEXT;")
        refused = 0
        for _ in range(12):
            try:
                await look(other)
            except Collided:
                refused += 1

    assert 1 <= refused <= 4


async def test_cursor_never_skips_an_event_that_commits_late(mortal, clock):
    """Writers held open in every order: whoever reads by cursor sees every position, each once, none too early."""
    seen, after = [], 0

    async def look():
        nonlocal after
        async with mortal.reading() as tx:
            for position, row in (await events.page_after(tx, after, 100)).events:
                seen.append(row.id)
                after = position

    async with reopened(mortal, clock) as beside, anyio.create_task_group() as group:
        for round_ in range(5):
            holding, go_on = anyio.Event(), anyio.Event()

            async def slow(name=f"slow{round_}", holding=holding, go_on=go_on):
                async with mortal.transaction() as tx:
                    await events.append(tx, [event(name)])
                    holding.set()
                    await go_on.wait()

            async def quick(name=f"quick{round_}"):
                async with beside.transaction() as tx:
                    await events.append(tx, [event(name)])

            group.start_soon(slow)
            await holding.wait()
            group.start_soon(quick)
            await somebody_waits(mortal)
            await look()
            assert 2 * round_ == len(seen)
            go_on.set()
            with anyio.fail_after(5):
                while len(seen) < 2 * round_ + 2:
                    await look()
    assert [name for round_ in range(5) for name in (f"evt_slow{round_}", f"evt_quick{round_}")] == seen


async def test_bell_is_heard_in_every_process(mortal, clock):
    async with (
        reopened(mortal, clock, carries_signals=True) as ringer,
        reopened(mortal, clock, carries_signals=True) as other,
    ):
        heard, ours = other.version("read"), ringer.version("read")
        with anyio.fail_after(8):
            while other.version("read") == heard:
                ringer.notify("read")
                await other.wait("read", heard, 0.05)
        assert other.version("read") > heard
        assert ringer.version("read") > ours


async def test_bells_are_only_hints(mortal, clock, monkeypatch):
    """A server that knows no LISTEN: everything works, and who waits waits no longer than it said."""

    async def refused(*_):
        raise psycopg.errors.FeatureNotSupported("LISTEN")

    monkeypatch.setattr(SignalListener, "_listen", refused)
    monkeypatch.setattr(SignalListener, "_send_signals", refused)
    async with reopened(mortal, clock, carries_signals=True) as deaf:
        deaf.notify("read")
        assert 1 == await count_up(deaf)
        await deaf.wait("read", deaf.version("read"), 0.001)


async def test_ids_compare_alike_wherever_they_stand(mortal):
    """A server uses an index of neither side where two columns do not, however many rows that is."""
    async with mortal.reading() as tx:
        assert [] == await tx.fetch(QUERIES["compared_by_language"])


@pytest.mark.parametrize("name", ["lock_subscribers_in_need", "subscribers_in_need", "claim_deliveries"])
async def test_a_claim_finds_every_delivery_by_index(mortal, name):
    plan = replace(deliveries.SQL[name], postgres="EXPLAIN " + deliveries.SQL[name].postgres)
    async with mortal.transaction() as tx:
        await tx.fetch(QUERIES["only_by_index"])
        rows = await tx.fetch(plan, subscriber_id="sub_1", now=START, lease_until=START, limit=64)

    lines = [row["QUERY PLAN"] for row in rows]
    assert any("deliveries_to_attempt" in line for line in lines)
    assert [] == [line for line in lines if "Seq Scan on deliveries" in line or "Filter: (subscriber_id" in line]


async def test_text_that_postgres_cannot_hold_is_kept_readable(mortal):
    async with mortal.transaction() as tx:
        await tx.fetch(QUERIES["add_counter"], name="a\x00b")
        assert [{"name": "a\N{REPLACEMENT CHARACTER}b", "value": 0}] == await tx.fetch(
            QUERIES["lock"], name="a\N{REPLACEMENT CHARACTER}b"
        )


async def test_reading_writes_nothing(mortal):
    with pytest.raises(Unavailable, match="read-only"):
        async with mortal.reading() as tx:
            await tx.fetch(QUERIES["count_up"])


async def test_leases_are_measured_by_the_servers_clock(postgres_url):
    database = await open_database(postgres_url, lambda: 0, 2)
    try:
        async with database.reading() as tx:
            assert START < await tx.now() < await tx.now()
    finally:
        await database.close()


async def test_server_that_is_not_there_is_said_without_the_password():
    with pytest.raises(Unsuitable, match=r"cannot use the database postgresql://127.0.0.1:1/db: ") as caught:
        await PostgresDatabase.open("postgresql://me:a-secret@127.0.0.1:1/db")
    assert "a-secret" not in str(caught.value)


async def test_too_old_a_server_is_said(postgres_url, monkeypatch):
    monkeypatch.setattr(room, "MIN_VERSION", 99)
    with pytest.raises(Unsuitable, match="not 99 or newer"):
        await PostgresDatabase.open(postgres_url)


async def test_other_encoding_than_utf8_is_said(postgres_url):
    with (
        fresh_database(postgres_url, encoding="SQL_ASCII") as url,
        pytest.raises(Unsuitable, match="its encoding is SQL_ASCII, not UTF8"),
    ):
        await PostgresDatabase.open(url)


def test_url_is_shown_without_its_password():
    assert "postgresql://host:5433/db" == without_password("postgres://me:secret@host:5433/db?sslmode=require")
    assert "postgresql:///db" == without_password("postgresql:///db?host=/tmp&password=secret")
