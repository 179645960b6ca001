"""A provider down for a day, a subscriber for a week, a wrong clock: what docs/operating.md says happens at each."""

import json

import pytest

from arrivals.core.cadence import RETRY_SCHEDULE_S
from arrivals.core.generation import Status
from arrivals.core.standard_webhooks import make_secret
from arrivals.core.subscriber import Subscriber
from arrivals.flow.submission.order import stored
from arrivals.store import deliveries, subscribers
from tests.conftest import context_over, run_worker
from tests.flow.conftest import ACCEPTED, POLLED, SUCCEEDED

HOUR_S = 3600
DAY_S = 24 * HOUR_S
NOWHERE = "http://127.0.0.1:1"
COMPLETED = json.dumps(SUCCEEDED).encode()


@pytest.fixture
def down(store, transport, clock):
    """The context of a service while nobody listens where its providers should be."""
    return context_over(store, transport, clock, NOWHERE)


@pytest.fixture
async def subscriber(context, clock, listener):
    """A subscriber to every event, at the listener; its id."""
    url = listener.url + "/events"
    subscriber = Subscriber(id=context.make_id("sub"), url=url, secret=make_secret(bytes(32)), created_at=clock())
    async with context.store.transaction() as tx:
        await subscribers.insert(tx, subscriber)
    return subscriber.id


async def through(clock, seconds, *work, step_s=1800):
    """Lets so much time pass in steps, with one turn of the work in each; returns how much was done."""
    done = 0
    for _ in range(round(seconds / step_s)):
        clock.advance(step_s)
        for turn in work:
            done += await turn()
    return done


async def test_orders_wait_for_a_provider_that_is_down_for_a_day(context, down, clock, upstream, ordered):
    """The provider is tried ever more rarely, no order is refused, and all of them go out when it is back."""
    ids = [await ordered(deadline_s=3.0 * DAY_S) for _ in range(5)]

    await through(clock, DAY_S - HOUR_S, lambda: run_worker(down, "submit"))
    tries = await through(clock, HOUR_S, lambda: run_worker(down, "submit"), step_s=60)

    assert [Status.PENDING] * 5 == [(await stored(context, generation_id)).status for generation_id in ids]
    assert 0 < tries <= 5 * HOUR_S / 250
    upstream.answers += [(200, {**ACCEPTED, "predictionID": f"el-{n}"}) for n in range(5)]
    await through(clock, HOUR_S, lambda: run_worker(context, "submit"))
    assert [Status.SUBMITTED] * 5 == [(await stored(context, generation_id)).status for generation_id in ids]


async def test_what_is_under_way_at_a_provider_that_goes_down_for_a_day_ends_when_it_is_back(
    context, down, clock, upstream, submitted
):
    generation_id = await submitted(deadline_s=3.0 * DAY_S)

    await through(clock, DAY_S - HOUR_S, lambda: run_worker(down, "poll"))
    tries = await through(clock, HOUR_S, lambda: run_worker(down, "poll"), step_s=60)

    assert 0 < tries <= HOUR_S / 250
    assert Status.SUBMITTED == (await stored(context, generation_id)).status
    upstream.answers.append((200, POLLED))
    await through(clock, HOUR_S, lambda: run_worker(context, "poll"))
    assert Status.COMPLETED == (await stored(context, generation_id)).status


async def test_a_deadline_that_passes_while_the_provider_is_down_is_announced_and_its_late_word_still_closes(
    context, down, clock, submitted, calls_back
):
    generation_id = await submitted(deadline_s=float(HOUR_S))

    await through(clock, 2 * HOUR_S, lambda: run_worker(down, "poll"), lambda: run_worker(down, "expire"))

    expired = await stored(context, generation_id)
    assert (Status.EXPIRED, "deadline_passed") == (expired.status, expired.failure.code)
    await calls_back(generation_id, COMPLETED)
    await run_worker(context, "read")
    late = await stored(context, generation_id)
    assert (Status.COMPLETED, True) == (late.status, late.late)


async def test_a_subscriber_down_for_a_week_is_tried_by_the_schedule_then_disabled_and_its_events_are_kept(
    context, clock, listener, subscriber, submitted, calls_back
):
    ids = []

    async def another():
        ids.append(await submitted())
        await calls_back(ids[-1], COMPLETED)
        await run_worker(context, "read")

    for _ in range(7):
        await another()
        await through(clock, DAY_S, lambda: run_worker(context, "deliver"))

    async with context.store.reading() as tx:
        disabled = await subscribers.by_id(tx, subscriber)
        made = [len(await deliveries.attempts_of(tx, generation_id)) for generation_id in ids]
    assert "every attempt of the last five days failed" == disabled.disabled_reason
    assert max(made) <= len(RETRY_SCHEDULE_S)
    assert len(listener.requests) == sum(made) > 0


async def test_a_clock_that_steps_back_an_hour_delays_what_waited_and_loses_and_doubles_nothing(
    context, clock, listener, subscriber, submitted, calls_back
):
    """A delivery that was due by the old clock is due again when the clock gets there; a new one does not wait."""
    before = await submitted()
    await calls_back(before, COMPLETED)
    await run_worker(context, "read")
    listener.answers += [204] * 2
    clock.advance(-HOUR_S)
    clock.advance(60)  # the account's budget is whole again
    after = await submitted()
    await calls_back(after, COMPLETED)
    await run_worker(context, "read")

    await run_worker(context, "deliver")
    delivered = [request.json["data"]["generation"]["id"] for request in listener.requests]
    await through(clock, 2 * HOUR_S, lambda: run_worker(context, "deliver"))

    assert [after] == delivered
    assert [after, before] == [request.json["data"]["generation"]["id"] for request in listener.requests]


async def test_a_clock_that_steps_forward_an_hour_expires_early_and_the_late_word_still_closes(
    context, clock, submitted, calls_back, gives_up
):
    generation_id = await submitted(deadline_s=HOUR_S / 2)
    clock.advance(HOUR_S)
    await gives_up()
    clock.advance(-HOUR_S)
    expired = await stored(context, generation_id)

    await calls_back(generation_id, COMPLETED)
    await run_worker(context, "read")

    late = await stored(context, generation_id)
    assert (Status.EXPIRED, Status.COMPLETED, True) == (expired.status, late.status, late.late)
