"""A ping reaches its subscriber, whatever that asked for, and nobody else."""

import json

import pytest

from arrivals.core.event import EventType
from arrivals.core.wire import rfc3339
from arrivals.flow.delivery.ping import ping
from arrivals.store import deliveries, events
from arrivals.store.engine.base import Missing
from tests.conftest import run_worker
from tests.flow.delivery import test_deliver

subscribed, completed = test_deliver.subscribed, test_deliver.completed


async def test_a_ping_is_delivered_to_one_that_asked_for_other_events(context, listener, subscribed):
    subscriber_id = await subscribed(event_types=("generation.completed",), filter={"provider": "runblob"})
    await subscribed("/other")
    listener.answers.append(204)

    event, delivery, attempts = await ping(context, subscriber_id)

    (request,) = listener.requests
    assert ("/events", event.id, event.body.encode()) == (request.path, request.headers["webhook-id"], request.body)
    assert "arrivals-redelivered" not in request.headers
    assert delivery.delivered_at is not None
    assert [204] == [attempt.http_status for attempt in attempts]
    assert 0 == await run_worker(context, "deliver")


async def test_a_ping_is_an_event_about_nothing(context, subscribed):
    event, delivery, _ = await ping(context, await subscribed())

    assert {"id": event.id, "type": "ping", "timestamp": rfc3339(event.at), "data": {}} == json.loads(event.body)
    async with context.store.reading() as tx:
        assert [(delivery.position, event)] == (await events.page_after(tx, 0, 10)).events
        assert EventType.PING == (await events.by_id(tx, event.id)).type


async def test_a_ping_waits_for_no_other_event(context, clock, listener, subscribed, completed):
    """Each generation's events wait for each other; a ping is about none."""
    subscriber_id = await subscribed()
    await completed()
    listener.answers += [500, 204]
    await run_worker(context, "deliver")

    first, _, _ = await ping(context, subscriber_id)

    assert first.id == listener.requests[-1].headers["webhook-id"]


async def test_a_ping_that_does_not_arrive_is_tried_again(context, clock, listener, subscribed):
    listener.answers += [500, 204]
    _, delivery, attempts = await ping(context, await subscribed())
    assert ["status: HTTP 500"] == [attempt.error for attempt in attempts]
    clock.advance(10)
    await run_worker(context, "deliver")

    async with context.store.reading() as tx:
        tries = await deliveries.attempts_at(tx, delivery.id)
    assert [(1, 500), (2, 204)] == [(attempt.number, attempt.http_status) for attempt in tries]


async def test_nobody_is_pinged_who_is_not_there(context):
    with pytest.raises(Missing):
        await ping(context, "sub_nobody")

    async with context.store.reading() as tx:
        assert [] == (await events.page_after(tx, 0, 10)).events
