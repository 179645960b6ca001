"""An event sent again, and a delivery tried again."""

from dataclasses import replace

import pytest

from arrivals.core.generation import Origin, Status
from arrivals.core.observation import Observation, Reading
from arrivals.flow.delivery.claim import claim_due
from arrivals.flow.delivery.ping import ping
from arrivals.flow.delivery.redeliver import Delivered, redeliver, retry
from arrivals.flow.settlement.settle import settle
from arrivals.store import deliveries, events, subscribers
from arrivals.store.engine.base import Missing
from tests.conftest import run_worker
from tests.flow.delivery import test_deliver
from tests.support.contexts import with_policy

subscribed, completed = test_deliver.subscribed, test_deliver.completed


@pytest.fixture
def once(context):
    """A context that tries a delivery once."""
    return with_policy(context, cadence=replace(context.policy.cadence, retry_schedule_s=(0,)))


async def event_of(context, generation_id):
    async with context.store.reading() as tx:
        return (await events.events_of(tx, generation_id))[-1].id


async def delivery_of(context, generation_id):
    async with context.store.reading() as tx:
        return (await deliveries.of_generation(tx, generation_id))[-1]


@pytest.fixture
def arrived(context, listener, completed):
    """Completes a generation and delivers its event to everybody who wants it; returns the event's id."""

    async def bring(**changed):
        event_id = await event_of(context, await completed(**changed))
        listener.answers += [204] * 10
        await run_worker(context, "deliver")
        listener.answers.clear()
        listener.requests.clear()
        return event_id

    return bring


async def test_an_event_is_sent_again_to_everybody_who_wants_it(context, listener, subscribed, arrived):
    await subscribed("/one")
    await subscribed("/two")
    await subscribed("/other", filter={"provider": "runblob"})
    event_id = await arrived(callback_url=f"{listener.url}/own")
    listener.answers += [204] * 3

    due = await redeliver(context, event_id, None)
    await run_worker(context, "deliver")

    assert ["/one", "/own", "/two"] == sorted(request.path for request in listener.requests)
    assert [("true", event_id)] * 3 == [
        (request.headers["arrivals-redelivered"], request.headers["webhook-id"]) for request in listener.requests
    ]
    assert [True] * 3 == [delivery.redelivered for delivery in due]


async def test_an_event_is_sent_again_to_one_alone(context, listener, subscribed, arrived):
    """It is not sent to the order's own callback URL either."""
    await subscribed("/one")
    two = await subscribed("/two")
    event_id = await arrived(callback_url=f"{listener.url}/own")
    listener.answers.append(204)

    await redeliver(context, event_id, two)
    await run_worker(context, "deliver")

    assert ["/two"] == [request.path for request in listener.requests]


async def test_nothing_is_sent_again_to_one_that_does_not_want_it(context, subscribed, arrived):
    other = await subscribed("/other", event_types=("generation.failed",))
    event_id = await arrived()

    assert [] == await redeliver(context, event_id, other)
    assert 0 == await run_worker(context, "deliver")


async def test_an_event_sent_again_has_the_same_bytes(context, listener, subscribed, completed):
    await subscribed()
    event_id = await event_of(context, await completed())
    listener.answers += [204, 204]
    await run_worker(context, "deliver")

    await redeliver(context, event_id, None)
    await run_worker(context, "deliver")

    first, again = listener.requests
    assert (first.body, first.headers["webhook-id"]) == (again.body, again.headers["webhook-id"])
    assert "arrivals-redelivered" not in first.headers


async def test_one_who_came_later_gets_it_too(context, listener, subscribed, arrived):
    event_id = await arrived()
    await subscribed("/late")
    listener.answers.append(204)

    await redeliver(context, event_id, None)
    await run_worker(context, "deliver")

    assert ["/late"] == [request.path for request in listener.requests]


async def test_a_ping_is_not_sent_again(context, listener, subscribed):
    event, _ = await ping(context, await subscribed())

    assert [] == await redeliver(context, event.id, None)


@pytest.mark.parametrize("absent", ["event", "subscriber"])
async def test_what_is_not_there_is_not_sent_again(context, arrived, absent):
    event_id = await arrived()

    with pytest.raises(Missing):
        await redeliver(context, "evt_none" if absent == "event" else event_id, "sub_none")


async def test_a_delivery_that_was_given_up_is_tried_now(context, once, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    listener.answers += [500, 204]
    await run_worker(once, "deliver")
    given_up = await delivery_of(context, generation_id)

    due = await retry(context, given_up.id)
    await run_worker(context, "deliver")

    assert given_up.given_up_at is not None
    assert (given_up.id, 1, None) == (due.id, due.attempt_count, due.given_up_at)
    ended = await delivery_of(context, generation_id)
    assert (2, None) == (ended.attempt_count, ended.given_up_at)
    assert ended.delivered_at is not None
    assert "arrivals-redelivered" not in listener.requests[-1].headers


async def test_a_retry_that_fails_is_the_last_when_the_schedule_is_used_up(
    context, once, listener, subscribed, completed
):
    await subscribed()
    generation_id = await completed()
    listener.answers += [500, 500]
    await run_worker(once, "deliver")

    await retry(once, (await delivery_of(context, generation_id)).id)
    await run_worker(once, "deliver")

    ended = await delivery_of(context, generation_id)
    assert (2, None) == (ended.attempt_count, ended.attempt_at)
    assert ended.given_up_at is not None


async def test_a_delivery_that_waits_is_tried_now(context, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    listener.answers += [500, 204]
    await run_worker(context, "deliver")
    assert 0 == await run_worker(context, "deliver")

    await retry(context, (await delivery_of(context, generation_id)).id)

    assert 1 == await run_worker(context, "deliver")


async def test_a_delivery_on_its_way_is_not_sent_twice(context, clock, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    async with context.store.transaction() as tx:
        (claimed,) = await claim_due(tx, 10, 30_000_000)

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

    await retry(context, first.id)
    listener.requests.clear()
    listener.answers += [204, 204]
    assert 1 == await run_worker(context, "deliver")
    assert 1 == await run_worker(context, "deliver")

    assert [first.event_id, second.event_id] == [request.headers["webhook-id"] for request in listener.requests]
