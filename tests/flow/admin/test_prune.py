"""Pruning: small transactions, once an hour, never anything open."""

from dataclasses import replace
import json

import anyio
import pytest

from arrivals.core.generation import Status
from arrivals.core.subscriber import Subscriber
from arrivals.flow.admin import prune as room
from arrivals.flow.admin.prune import Retention, claim, handle, prune
from arrivals.flow.admin.timeline import timeline
from arrivals.flow.submission.order import stored
from arrivals.store import deliveries, metrics, observations, subscribers
from arrivals.store.engine.base import Missing
from tests.conftest import run_worker
from tests.flow.conftest import SUCCEEDED
from tests.support.contexts import with_policy

DAY_S = 24 * 3600
NOTHING = dict.fromkeys(room.KINDS, 0)
FIELDS = ("generations_s", "events_s", "webhooks_s", "calls_s", "quarantine_s", "idempotency_s")
AT_ONCE = Retention(**dict.fromkeys(FIELDS, 0))
FOR_EVER = Retention(**dict.fromkeys(FIELDS))


@pytest.fixture
def subscribed(context, clock, listener):
    """Registers a subscriber to everything."""

    async def register():
        subscriber = Subscriber(
            id=context.make_id("sub"), url=listener.url, secret="whsec_" + "A" * 32, created_at=clock()
        )
        async with context.store.transaction() as tx:
            await subscribers.insert(tx, subscriber)

    return register


@pytest.fixture
def completed(context, submitted, calls_back):
    """Brings a generation to its end; returns its id."""

    async def bring(**changed):
        generation_id = await submitted(**changed)
        await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
        await run_worker(context, "read")
        return generation_id

    return bring


def keeping(context, retention):
    return with_policy(context, retention=retention)


async def measured(context):
    async with context.store.reading() as tx:
        return await metrics.snapshot(tx, context.now())


async def history(context, generation_id):
    """The types of the entries in the generation's timeline."""
    return {entry["type"] for entry in (await timeline(context, generation_id))["data"]}


async def test_everything_that_is_over_is_forgotten_and_still_counted(context, clock, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed(idempotency_key="one")
    listener.answers.append(204)
    await run_worker(context, "deliver")
    clock.advance(DAY_S)
    before = await measured(context)

    forgotten = await prune(keeping(context, AT_ONCE), clock())

    expected = {"webhooks": 1, "events": 1, "deliveries": 1, "attempts": 1, "idempotency_keys": 1, "generations": 1}
    assert {**NOTHING, **expected, "observations": 2, "orders": 1} == forgotten
    with pytest.raises(Missing):
        await stored(context, generation_id)
    after = await measured(context)
    assert (before.closed, before.accepted, before.attempts) == (after.closed, after.accepted, after.attempts)
    assert NOTHING == await prune(keeping(context, AT_ONCE), clock())


async def test_nothing_is_forgotten_that_is_kept_for_ever(context, clock, completed):
    await completed(idempotency_key="one")
    clock.advance(3650 * DAY_S)
    assert NOTHING == await prune(keeping(context, FOR_EVER), clock())


async def test_by_default_generations_stay_and_their_history_goes(context, clock, completed):
    """Received webhooks stay for a month, announced events for three."""
    generation_id = await completed(idempotency_key="one")
    clock.advance(30 * DAY_S - 60)
    assert NOTHING == await prune(keeping(context, Retention()), clock())
    clock.advance(120)
    assert {**NOTHING, "webhooks": 1, "idempotency_keys": 1} == await prune(keeping(context, Retention()), clock())
    clock.advance(60 * DAY_S)
    assert {**NOTHING, "events": 1, "observations": 2} == await prune(keeping(context, Retention()), clock())
    assert Status.COMPLETED is (await stored(context, generation_id)).status


@pytest.fixture
def poll_refused(context, clock, upstream, submitted):
    """Submits a generation whose poll is refused, which leaves a call; returns its id."""

    async def ask():
        generation_id = await submitted()
        clock.advance(300)
        upstream.answers.append((422, {"message": "not yet"}))
        assert 1 == await run_worker(context, "poll")
        return generation_id

    return ask


async def test_calls_go_after_a_month_once_their_generation_has_closed(context, clock, poll_refused, calls_back):
    generation_id = await poll_refused()
    clock.advance(31 * DAY_S)
    assert NOTHING == await prune(keeping(context, Retention()), clock())
    await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    await run_worker(context, "read")

    assert {**NOTHING, "calls": 1} == await prune(keeping(context, Retention()), clock())
    assert "poll" not in await history(context, generation_id)


async def test_calls_go_with_their_generation(context, clock, poll_refused, calls_back):
    generation_id = await poll_refused()
    await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    await run_worker(context, "read")
    clock.advance(DAY_S)

    forgotten = await prune(keeping(context, replace(AT_ONCE, calls_s=None)), clock())

    assert (1, 1) == (forgotten["generations"], forgotten["calls"])


async def test_nothing_open_is_forgotten(context, clock, subscribed, submitted, completed, calls_back):
    """Open are an order under way with its key and history, an event that awaits delivery, and an unread webhook."""
    await subscribed()
    delivering = await completed()
    going_on = await submitted(idempotency_key="one")
    unread = await calls_back(going_on, json.dumps(SUCCEEDED).encode())
    clock.advance(DAY_S)

    forgotten = await prune(keeping(context, AT_ONCE), clock())

    assert {**NOTHING, "webhooks": 1, "observations": 2} == forgotten
    assert Status.COMPLETED is (await stored(context, delivering)).status
    assert Status.SUBMITTED is (await stored(context, going_on)).status
    async with context.store.reading() as tx:
        assert [unread.id] == [webhook.id for webhook in await observations.unread(tx, 10)]
        assert [None] == [delivery.delivered_at for delivery in await deliveries.of_generation(tx, delivering)]
    assert {"event", "delivery"} == await history(context, delivering)
    assert {"webhook", "observation"} == await history(context, going_on)


async def test_a_clock_before_the_retention_forgets_nothing(context, clock, completed):
    await completed(idempotency_key="one")
    assert NOTHING == await prune(keeping(context, Retention(generations_s=100 * 365 * DAY_S, events_s=1e12)), clock())


async def test_many_go_in_small_transactions(context, clock, completed, monkeypatch):
    """All of them go, however few at once."""
    monkeypatch.setattr(room, "BATCH", 2)
    monkeypatch.setattr(room, "TOGETHER", 2)
    for _ in range(5):
        await completed()
    clock.advance(DAY_S)
    begun = []
    begin = context.store.transaction
    context.store.transaction = lambda: begun.append(1) or begin()

    forgotten = await prune(keeping(context, AT_ONCE), clock())

    assert (5, 5, 5, 5, 10) == tuple(
        forgotten[kind] for kind in ("webhooks", "events", "generations", "orders", "observations")
    )
    assert len(begun) > 5 * 5 / 2


async def test_two_that_prune_at_once_do_no_harm(context, clock, completed):
    for _ in range(3):
        await completed()
    clock.advance(DAY_S)
    before = await measured(context)
    now = clock()
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(handle, keeping(context, AT_ONCE), now)

    after = await measured(context)
    assert (before.closed, before.accepted) == (after.closed, after.accepted)
    assert {} == after.generations


async def test_somebody_prunes_once_an_hour(context, clock):
    """A fresh database has nothing to forget: its first hour only begins."""
    assert [] == await claim(context, 1)
    clock.advance(3599)
    assert [] == await claim(context, 1)
    clock.advance(2)
    (moment,) = await claim(context, 1)
    assert clock.at - 10 < moment <= clock.at
    assert [] == await claim(context, 1)
    clock.advance(3601)
    assert 1 == len(await claim(context, 1))


async def test_the_worker_prunes(context, clock, completed):
    assert 0 == await run_worker(context, "prune")
    await completed()
    clock.advance(31 * DAY_S)
    assert 1 == await run_worker(context, "prune")
    assert 0 == await run_worker(context, "prune")
    async with context.store.reading() as tx:
        assert {} == (await metrics.snapshot(tx, clock())).webhooks
