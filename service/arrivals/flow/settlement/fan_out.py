"""Events → their deliveries: one for every subscriber that wants one, and one for the order's own callback URL."""

from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from arrivals.core.event import Event
from arrivals.core.generation import Generation
from arrivals.core.subscriber import Subscriber
from arrivals.flow.context import Context
from arrivals.store import subscribers
from arrivals.store.deliveries import Delivery
from arrivals.store.engine.base import Tx

Announced: TypeAlias = tuple[Event, Generation, int]  # the event, what it is about, its position


async def deliveries_for(
    context: Context, tx: Tx, active: Sequence[Subscriber], announced: Sequence[Announced]
) -> list[Delivery]:
    """Deliveries, due now. Callback URLs share a subscriber per origin, so a dead host is limited like any other."""
    origins: dict[str, str] = {}
    deliveries: list[Delivery] = []
    for event, generation, position in announced:
        wanted = [
            (subscriber.id, subscriber.url)
            for subscriber in active
            if subscriber.wants(event.type, generation.provider, generation.model, generation.metadata)
        ]
        if generation.callback_url is not None:
            origin = _origin(generation.callback_url)
            if origin not in origins:
                fresh = Subscriber(id=context.make_id("sub"), url=origin, secret="", created_at=event.at)
                origins[origin] = await subscribers.callback_subscriber(tx, fresh)
            wanted.append((origins[origin], generation.callback_url))
        deliveries += [
            Delivery(
                id=context.make_id("dlv"),
                event_id=event.id,
                event_type=event.type,
                position=position,
                generation_id=generation.id,
                subscriber_id=subscriber_id,
                url=url,
                created_at=event.at,
            )
            for subscriber_id, url in wanted
        ]
    return deliveries


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
