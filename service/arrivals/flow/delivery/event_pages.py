"""Pages of events for whoever waits for them: a list that is held, or a stream.

Every reader stands at a position of its own and asks for what comes behind it. Who stands at the same place and wants
the same asks at the same time and shares the same page; nobody looks at an event twice.
"""

from collections.abc import Sequence

from arrivals.flow.context import Context
from arrivals.flow.delivery.event_page import EventPage, Place
from arrivals.store import events
from arrivals.store.events import Behind, EventFilter


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands, what it wants, and how much of it at once."""

    position: int
    wanted: EventFilter
    limit: int


class EventPage:
    """What comes behind a place. `position` is where to go on; `more`: there may be more already."""

    def __init__(self, behind: Behind) -> None:
        self.events: Sequence[tuple[int, Event]] = behind.found
        self.position, self.more = behind.position, behind.more

    @cached_property
    def stream(self) -> bytes:
        """As a stream of server-sent events tells it, made once for all who share it."""
        return "".join(f"id: {at}\nevent: {event.type}\ndata: {event.body}\n\n" for at, event in self.events).encode()

    @property
    def data(self) -> list[msgspec.Raw]:
        """As a list tells it."""
        return [msgspec.Raw(event.body.encode()) for _, event in self.events]


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
