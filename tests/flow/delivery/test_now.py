"""Attempts that a person asks for are made now: a delivery, a ping, everything that waits."""

from dataclasses import replace

import pytest

from arrivals.core.generation import Origin, Status
from arrivals.core.observation import Observation, Reading
from arrivals.flow.delivery.claim import claim_due
from arrivals.flow.delivery.now import Delivered, EarlierFailed, InFlight, Paused, resend_waiting, retry
from arrivals.flow.delivery.ping import ping
from arrivals.flow.delivery.redeliver import NotServed
from arrivals.flow.settlement.settle import settle
from arrivals.store import deliveries, subscribers
from arrivals.store.engine.base import Missing
from arrivals.store.subscriber_health import health_of
from tests.conftest import run_worker
from tests.flow.delivery import test_deliver, test_redeliver
from tests.flow.delivery.test_redeliver import delivery_of

subscribed, completed = test_deliver.subscribed, test_deliver.completed
once = test_redeliver.once


async def test_a_delivery_that_was_given_up_is_tried_now(context, once, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    listener.answers += [500, 204]
    await run_worker(once, "deliver")
    given_up = await delivery_of(context, generation_id)

    ended, attempts = await retry(context, given_up.id)

    assert given_up.given_up_at is not None
    assert ended == await delivery_of(context, generation_id)
    assert (2, None) == (ended.attempt_count, ended.given_up_at)
    assert ended.delivered_at is not None
    assert [500, 204] == [attempt.http_status for attempt in attempts]
    assert "arrivals-redelivered" not in listener.requests[-1].headers


async def test_a_retry_that_fails_is_the_last_when_the_schedule_is_used_up(
    context, once, listener, subscribed, completed
):
    await subscribed()
    generation_id = await completed()
    listener.answers += [500, 500]
    await run_worker(once, "deliver")

    await retry(once, (await delivery_of(context, generation_id)).id)

    ended = await delivery_of(context, generation_id)
    assert (2, None) == (ended.attempt_count, ended.attempt_at)
    assert ended.given_up_at is not None


async def test_a_delivery_that_waits_is_tried_now(context, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    listener.answers += [500, 204]
    await run_worker(context, "deliver")
    assert 0 == await run_worker(context, "deliver")

    ended, _ = await retry(context, (await delivery_of(context, generation_id)).id)

    assert ended.delivered_at is not None


async def test_a_delivery_on_its_way_is_not_sent_twice(context, clock, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    async with context.store.transaction() as tx:
        (claimed,) = await claim_due(tx, 10, 30_000_000)

    with pytest.raises(InFlight):
        await retry(context, claimed.id)

    assert 0 == await run_worker(context, "deliver")
    assert claimed.attempt_at == (await delivery_of(context, generation_id)).attempt_at


async def test_what_was_delivered_is_not_tried_again(context, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    listener.answers.append(204)
    await run_worker(context, "deliver")

    with pytest.raises(Delivered):
        await retry(context, (await delivery_of(context, generation_id)).id)

    assert 0 == await run_worker(context, "deliver")


async def test_what_is_not_there_is_not_tried(context):
    with pytest.raises(Missing):
        await retry(context, "dlv_none")


async def test_a_delivery_to_one_that_was_deleted_is_not_left_waiting(context, clock, subscribed, completed):
    """Nobody would ever take it, and it would be shown as waiting forever."""
    subscriber_id = await subscribed()
    generation_id = await completed()
    async with context.store.transaction() as tx:
        await subscribers.delete(tx, subscriber_id, clock())

    with pytest.raises(Missing):
        await retry(context, (await delivery_of(context, generation_id)).id)

    assert (await delivery_of(context, generation_id)).attempt_at is None


async def test_a_later_event_waits_for_an_earlier_one_that_is_tried_again(
    context, once, clock, listener, subscribed, submitted
):
    """The order of a generation's events holds for retries too."""
    await subscribed()
    generation_id = await submitted()
    for status in (Status.PROCESSING, Status.FAILED):
        reading = Reading(status=status)
        await settle(
            context,
            [Observation(generation_id=generation_id, origin=Origin.POLL, at=clock(), reading=reading)],
        )
    listener.answers.append(500)
    assert 1 == await run_worker(once, "deliver")
    async with context.store.reading() as tx:
        first, second = await deliveries.of_generation(tx, generation_id)
    assert (True, 0) == (first.given_up_at is not None, second.attempt_count)

    listener.requests.clear()
    listener.answers += [204, 204]
    await retry(context, first.id)
    assert 1 == await run_worker(context, "deliver")

    assert [first.event_id, second.event_id] == [request.headers["webhook-id"] for request in listener.requests]


@pytest.fixture
async def two(context, clock, subscribed, submitted):
    """The deliveries of two events of one generation, of which none was attempted."""
    await subscribed()
    generation_id = await submitted()
    for status in (Status.PROCESSING, Status.FAILED):
        seen = Observation(generation_id=generation_id, origin=Origin.POLL, at=clock(), reading=Reading(status=status))
        await settle(context, [seen])
    async with context.store.reading() as tx:
        return await deliveries.of_generation(tx, generation_id)


async def test_the_earlier_events_of_its_generation_are_attempted_first(context, listener, two):
    first, second = two
    listener.answers += [204, 204]

    ended, _ = await retry(context, second.id)

    assert ended.delivered_at is not None
    assert [first.event_id, second.event_id] == [request.headers["webhook-id"] for request in listener.requests]


async def test_an_earlier_event_that_fails_is_named_and_nothing_overtakes_it(context, listener, two):
    first, second = two
    listener.answers.append(500)

    with pytest.raises(EarlierFailed, match=f"{first.id}.*HTTP 500"):
        await retry(context, second.id)

    assert [first.event_id] == [request.headers["webhook-id"] for request in listener.requests]


@pytest.fixture
async def failing(context, clock, listener, subscribed, completed):
    """The id of a subscriber whose breaker is open, with seven deliveries that wait for it."""
    subscriber_id = await subscribed()
    listener.answers += [500] * 7
    for _ in range(7):
        await completed()
    assert 7 == await run_worker(context, "deliver")
    clock.advance(1)
    assert 0 == await run_worker(context, "deliver")
    listener.requests.clear()
    listener.answers.clear()
    return subscriber_id


async def test_a_ping_passes_an_open_breaker(context, listener, failing):
    listener.answers.append(204)

    _, delivery, _ = await ping(context, failing)

    assert delivery.delivered_at is not None
    async with context.store.reading() as tx:
        assert (None, True) == (
            (health := (await health_of(tx, [failing]))[failing]).failing_since,
            health.last_success_at is not None,
        )


async def test_when_it_is_back_everything_that_waits_goes_now(context, listener, failing):
    listener.answers += [204] * 7

    count = await resend_waiting(context, failing)
    while await run_worker(context, "deliver"):
        pass

    assert (7, 7) == (count, len(listener.requests))
    assert 0 == await resend_waiting(context, failing)


async def test_what_is_on_its_way_is_not_sent_again_beside_itself(context, listener, subscribed, completed):
    subscriber_id = await subscribed()
    await completed()
    async with context.store.transaction() as tx:
        (claimed,) = await claim_due(tx, 10, 30_000_000)

    assert 1 == await resend_waiting(context, subscriber_id)

    async with context.store.reading() as tx:
        assert claimed == await deliveries.by_id(tx, claimed.id)


async def test_nothing_is_resent_to_one_that_is_paused_disabled_or_gone(context, clock, subscribed):
    paused, disabled = await subscribed(paused_at=1), await subscribed()
    async with context.store.transaction() as tx:
        await subscribers.update(tx, replace(await subscribers.by_id(tx, paused), paused_at=clock()))
        await subscribers.disable(tx, disabled, clock(), "it answered 410 Gone")

    for subscriber_id, error in ((paused, Paused), (disabled, NotServed), ("sub_none", Missing)):
        with pytest.raises(error):
            await resend_waiting(context, subscriber_id)
