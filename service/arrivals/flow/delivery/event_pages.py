"""Pages of events for those that wait for them: a list that is held, or a stream.

Every reader stands at a position of its own and asks for what comes after it. Readers that stand at the same place,
want the same and ask at the same time share a page; no event is read twice.
"""

from collections.abc import Sequence

from arrivals.core.cursor import UnknownCursor, check_cursor
from arrivals.flow.context import Context
from arrivals.flow.delivery.event_page import EventPage, Place
from arrivals.store import events
from arrivals.store.engine.base import Tx


async def page_behind(context: Context, place: Place) -> EventPage:
    """The next page, read together with all that are asked for at the same time. Raises UnknownCursor."""
    return await context.batches.event_pages.add(place)


async def read_pages(context: Context, places: Sequence[Place]) -> list[EventPage | UnknownCursor]:
    """Reads one page for all who stand at the same place."""
    async with context.store.reading() as tx:
        pages = {place: await _read_page(tx, place) for place in dict.fromkeys(places)}
    return [pages[place] for place in places]


async def _read_page(tx: Tx, place: Place) -> EventPage | UnknownCursor:
    read = await events.page_after(tx, place.cursor.position, place.limit, place.wanted)
    try:
        check_cursor(place.cursor, read.newest)
    except UnknownCursor as unknown:
        return unknown
    return EventPage(read)
