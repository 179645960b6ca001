"""An event sent again."""

from dataclasses import replace

import pytest

from arrivals.flow.delivery.ping import ping
from arrivals.flow.delivery.redeliver import redeliver
from arrivals.store import deliveries, events
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
    event, _, _ = await ping(context, await subscribed())

    assert [] == await redeliver(context, event.id, None)


@pytest.mark.parametrize("absent", ["event", "subscriber"])
async def test_what_is_not_there_is_not_sent_again(context, arrived, absent):
    event_id = await arrived()

    with pytest.raises(Missing):
        await redeliver(context, "evt_none" if absent == "event" else event_id, "sub_none")
