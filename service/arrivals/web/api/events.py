"""Events: list by cursor, show, stream."""

from collections import deque
from dataclasses import replace

import anyio
import msgspec
from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.core.cursor import BEGINNING, Cursor, check_cursor, read_cursor
from arrivals.core.event import Event
from arrivals.flow.delivery.event_page import Place
from arrivals.flow.delivery.event_pages import page_behind
from arrivals.store import events
from arrivals.store.engine.signals import Signal
from arrivals.store.events import EventFilter
from arrivals.store.generations import NEVER
from arrivals.web.api.event_schemas import AnyEvent, EventPage
from arrivals.web.api.event_stream import event_stream
from arrivals.web.api.objections import OF_THE_EVENTS
from arrivals.web.api.schemas import EventsQuery, StreamQuery
from arrivals.web.endpoint import Call, Content, Endpoint, json_response
from arrivals.web.errors import invalid

SEARCHES = 20  # for the last events, each among 5,000 of them
PAUSE_S = 0.25  # between two queries of a held request: new events are read together


async def list_page(call: Call) -> Response:
    """Lists events, oldest first, from after `after`; holds an empty page for `wait` seconds until there is one."""
    query: EventsQuery = call.query
    if query.last is not None:
        return await _newest(call, query, query.last)
    over = call.hold() if query.wait else None
    try:
        return await _page(call, query)
    finally:
        if over is not None:
            over()


async def _page(call: Call, query: EventsQuery) -> Response:
    place = Place(_after(query), _wanted(query), query.limit)
    with anyio.move_on_after(query.wait) as waiting:
        while True:
            version = call.context.store.version(Signal.SETTLED)
            # Shielded: the end of the wait never loses a page that was read.
            with anyio.CancelScope(shield=True):
                page = await page_behind(call.context, place)
            place = replace(place, cursor=page.cursor)
            over = waiting.cancel_called or call.context.process.ending.is_set()
            if page.events or (over and query.wait) or (not page.more and not query.wait):
                break
            if not page.more:
                await anyio.sleep(PAUSE_S)
                await call.context.store.wait(Signal.SETTLED, version, 1.0)
    following = page.cursor.at(page.events[-1][0]) if page.events else page.cursor
    return json_response({"data": page.data, "next": str(following), "more": page.more})


async def _newest(call: Call, query: EventsQuery, last: int) -> Response:
    """The last events, oldest first; `next` is the cursor behind all there are, to go on from. Raises UnknownCursor."""
    after = _after(query)
    wanted, through, newest = _wanted(query), NEVER, None
    kept: deque[Event] = deque()
    for _ in range(SEARCHES):
        async with call.context.store.reading() as tx:
            read = await events.page_before(tx, after.position, through, last - len(kept), wanted)
        check_cursor(after, read.newest)
        newest, through = newest or read.newest, read.position
        kept.extendleft(event for _, event in reversed(read.events))
        if not read.more:
            break
    data = [msgspec.Raw(event.body.encode()) for event in kept]
    return json_response({"data": data, "next": str(newest), "more": False})


def _wanted(query: EventsQuery | StreamQuery) -> EventFilter:
    return EventFilter(type=query.type, generation=query.generation, provider=query.provider, model=query.model)


def _after(query: EventsQuery) -> Cursor:
    return BEGINNING if query.after is None else read_cursor(query.after)


async def show(call: Call) -> Response:
    """Shows one event as it was announced."""
    async with call.context.store.reading() as tx:
        event = await events.by_id(tx, call.path("id"))
    return json_response(msgspec.Raw(event.body.encode()))


async def stream(call: Call) -> Response:
    """Streams server-sent events, each with its cursor as `id`; a heartbeat when there are none."""
    query: StreamQuery = call.query
    resumed = call.request.headers.get("last-event-id")
    after = query.after if resumed is None else resumed
    try:
        cursor = None if after is None else read_cursor(after)
    except ValueError:
        raise invalid("Last-Event-ID", OF_THE_EVENTS) from None
    return await event_stream(call.context, cursor, _wanted(query), call.hold())


STREAM = Content(
    media_types=("text/event-stream",),
    description="Messages `id: CURSOR`, `event: TYPE`, `data: EVENT`, as long as the connection lasts.",
)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/events", operation="listEvents",
        tag="Events", summary="List events",
        description=(
            "Oldest first, from after the cursor `after`, or from the beginning. `wait` holds an empty page until "
            "there is an event. `next` is the cursor to continue from: keep it. 409 `cursor_unknown` if the "
            "cursor is of another history of the database."
        ),
        scope=Scope.READ, handle=list_page, query=EventsQuery,
        refuses=(409,), answers={200: EventPage},
    ),
    Endpoint(
        method="GET", path="/v1/events/stream", operation="streamEvents",
        tag="Events", summary="Stream events",
        description=(
            "Server-sent events, each with its cursor as `id` and an `Event` as `data`, from after `Last-Event- "
            "ID`, or after `after`, or from now on. The stream does not end by itself; a comment every 15 seconds "
            "keeps the connection alive. 409 `cursor_unknown` if the cursor is of another history of the "
            "database."
        ),
        scope=Scope.READ, handle=stream, query=StreamQuery,
        refuses=(409,), answers={200: STREAM},
        headers={"Last-Event-ID": "the `id` of the last message: the stream resumes after it"},
    ),
    Endpoint(
        method="GET", path="/v1/events/{id}", operation="getEvent",
        tag="Events", summary="Show an event",
        description="The event as it was announced.",
        scope=Scope.READ, handle=show,
        answers={200: AnyEvent},
    ),
)  # fmt: skip
