"""Pages of events for whoever waits for them: a list that is held, or a stream.

Every reader stands at a position of its own and asks for what comes behind it. Who stands at the same place and wants
the same asks at the same time and shares the same page; nobody looks at an event twice.
"""

from collections.abc import Sequence

from arrivals.flow.context import Context
from arrivals.flow.delivery.event_page import EventPage, Place
from arrivals.store import events


async def page_behind(context: Context, place: Place) -> EventPage:
    """The next page, read together with those of everybody who asks at the same time."""
    return await context.batches.event_pages.add(place)


async def read_pages(context: Context, places: Sequence[Place]) -> list[EventPage]:
    """One page for all who stand at the same place."""
    async with context.store.reading() as tx:
        pages = {
            place: EventPage(await events.behind(tx, place.position, place.limit, place.wanted))
            for place in dict.fromkeys(places)
        }
    return [pages[place] for place in places]
