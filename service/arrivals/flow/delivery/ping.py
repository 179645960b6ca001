"""A ping: an event about nothing, for one subscriber, to see whether deliveries arrive and verify."""

from typing import Any

from arrivals.core.event import Event, EventType
from arrivals.core.wire import rfc3339, to_json
from arrivals.flow.context import Context
from arrivals.flow.delivery.now import attempt, claim_now
from arrivals.flow.delivery.redeliver import NotServed
from arrivals.store import deliveries, events, subscribers
from arrivals.store.deliveries import Attempt, Delivery
from arrivals.store.engine.signals import Signal


async def ping(context: Context, subscriber_id: str) -> tuple[Event, Delivery, list[Attempt]]:
    """The event, its delivery after the first attempt, and that attempt. Raises Missing, NotServed."""
    now = context.now()
    event_id = context.make_id("evt")
    body: dict[str, Any] = {"id": event_id, "type": EventType.PING, "timestamp": rfc3339(now), "data": {}}
    # It waits for no other event, so it is its own subject.
    event = Event(id=event_id, type=EventType.PING, generation_id=event_id, at=now, body=to_json(body))
    async with context.store.transaction() as tx:
        subscriber = await subscribers.by_id(tx, subscriber_id)
        if subscriber.disabled_at is not None:
            raise NotServed
        position = (await events.append(tx, [event]))[event_id]
        delivery = Delivery(
            id=context.make_id("dlv"),
            event_id=event_id,
            event_type=event.type,
            position=position,
            generation_id=event_id,
            subscriber_id=subscriber_id,
            url=subscriber.url,
            created_at=now,
            attempt_at=now,
        )
        await deliveries.insert(tx, [delivery])
        claimed = await claim_now(context, tx, delivery.id)
    context.store.notify(Signal.SETTLED)
    return event, *await attempt(context, claimed)
