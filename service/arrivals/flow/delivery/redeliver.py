"""An event sent again, to everybody who wants it or to one subscriber."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec.structs import replace

from arrivals.core.event import Event
from arrivals.core.subscriber import Subscriber
from arrivals.flow.context import Context
from arrivals.flow.settlement.fan_out import deliveries_for
from arrivals.store import deliveries, events, generations, subscribers
from arrivals.store.deliveries import Delivery
from arrivals.store.engine.base import Missing, Tx
from arrivals.store.engine.signals import Signal


class Outcome(StrEnum):
    """The outcome for an event that was to be sent again."""

    REDELIVERED = "redelivered"
    UNWANTED = "unwanted"  # nobody wants it
    REACHED = "reached"  # everybody who wants it has it, or will


class NotServed(Exception):
    """The subscriber is disabled; PATCH it with {"disabled": false} first."""


async def redeliver(context: Context, event_id: str, subscriber_id: str | None) -> list[Delivery]:
    """Sends one event again. Raises Missing, NotServed."""
    async with context.store.transaction() as tx:
        event, position = await events.by_id(tx, event_id), await events.position_of(tx, event_id)
        due = await due_again(context, tx, event, position, await recipients(tx, subscriber_id))
        await deliveries.insert(tx, due)
    context.store.notify(Signal.DELIVER)
    return due


async def recipients(tx: Tx, subscriber_id: str | None) -> Sequence[Subscriber] | None:
    """The one subscriber that is named; None means everybody, orders' own callback URLs included.

    Raises Missing, NotServed.
    """
    if subscriber_id is None:
        return None
    subscriber = await subscribers.by_id(tx, subscriber_id)
    if subscriber.disabled_at is not None:
        raise NotServed
    return [subscriber]


async def due_again(
    context: Context, tx: Tx, event: Event, position: int, only: Sequence[Subscriber] | None, *, missed: bool = False
) -> list[Delivery]:
    """New deliveries of an event; with `missed`, only for subscribers that neither have it nor will."""
    try:
        generation = (await generations.by_id(tx, event.generation_id)).generation
    except Missing:
        return []  # a ping, or a generation that was pruned
    if only is not None:
        generation = replace(generation, callback_url=None)
    wanting = await subscribers.active(tx) if only is None else only
    due = await deliveries_for(context, tx, wanting, [(event, generation, position)])
    now = context.now()
    return [
        replace(delivery, created_at=now, attempt_at=now, redelivered=True)
        for delivery in due
        if not (missed and await deliveries.reached(tx, event.id, delivery.subscriber_id))
    ]
