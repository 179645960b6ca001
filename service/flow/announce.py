"""An event → its deliveries: one for every subscriber that wants it, and one for the order's own callback URL."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from service.core.event import Event
from service.core.generation import Generation
from service.flow.tools import Tools
from service.store import subscribers
from service.store.base import Tx
from service.store.deliveries import Delivery
from service.store.subscribers import Subscriber


async def deliveries_for(
    tools: Tools, tx: Tx, active: Sequence[Subscriber], event: Event, generation: Generation, position: int
) -> list[Delivery]:
    """Due at once. Callback URLs share one subscriber per origin, so that a dead host is limited like any other."""
    wanted = [
        (subscriber.id, subscriber.url)
        for subscriber in active
        if subscriber.wants(event.type, generation.provider, generation.model, generation.metadata)
    ]
    if generation.callback_url is not None:
        parts = urlsplit(generation.callback_url)
        fresh = Subscriber(
            id=tools.make_id("sub"), url=f"{parts.scheme}://{parts.netloc}", secret="", created_at=event.at
        )
        wanted.append((await subscribers.callback_subscriber(tx, fresh), generation.callback_url))
    return [
        Delivery(
            id=tools.make_id("dlv"),
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
