"""Events: list by cursor, show, stream."""

from collections.abc import AsyncIterator

import anyio
import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from service.core.event import Event, EventType
from service.flow.tools import Tools
from service.store import events
from service.store.events import Wanted
from service.web.auth import Scope
from service.web.endpoint import Call, Endpoint, json_response
from service.web.errors import invalid
from service.web.shapes import EventPage, EventShape, EventsQuery, StreamQuery

TYPES = (*EventType, "generation.*")
STREAM_PAGE = 100
HEARTBEAT_S = 15.0
SLOWEST_S = 30.0  # a reader that takes longer to take one page is dropped; it resumes where it was
RETRY_MS = 1000
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def list_page(call: Call) -> Response:
    """Oldest first, from behind `after`; an empty page is held for `wait` seconds until there is an event."""
    query: EventsQuery = call.query
    wanted, after = _wanted(query), _cursor("after", query.after or "0")
    found: list[tuple[int, Event]] = []
    with anyio.move_on_after(query.wait) as waiting:
        while not found:
            heard = call.tools.store.heard("settled")
            # Shielded: a page that was found is never lost to the end of the wait.
            with anyio.CancelScope(shield=True):
                async with call.tools.store.reading() as tx:
                    found = await events.after(tx, after, query.limit, wanted)
            if found or not query.wait or waiting.cancel_called:
                break
            await call.tools.store.wait("settled", heard, 1.0)
    following = str(found[-1][0] if found else after)
    return json_response({"data": [msgspec.Raw(event.body.encode()) for _, event in found], "next": following})


def _wanted(query: EventsQuery | StreamQuery) -> Wanted:
    if query.type is not None and query.type not in TYPES:
        raise invalid("type", f"must be one of {', '.join(TYPES)}")
    return Wanted(type=query.type, generation=query.generation, provider=query.provider, model=query.model)


def _cursor(name: str, text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 18:  # noqa: PLR2004 - what fits into 63 bits
        raise invalid(name, "must be the `next` of an earlier page, or the id of an event in a stream")
    return int(text)


async def show(call: Call) -> Response:
    """One event as it was announced."""
    async with call.tools.store.reading() as tx:
        event = await events.by_id(tx, call.path("id"))
    return json_response(msgspec.Raw(event.body.encode()))


async def stream(call: Call) -> Response:
    """Server-sent events, each with its cursor as `id`; a heartbeat when there is nothing to say."""
    query: StreamQuery = call.query
    wanted = _wanted(query)
    resumed = call.request.headers.get("last-event-id")
    if resumed is not None:
        position = _cursor("Last-Event-ID", resumed)
    elif query.after is not None:
        position = _cursor("after", query.after)
    else:
        async with call.tools.store.reading() as tx:
            position = await events.last_position(tx)
    return EventStream(_pages(call.tools, position, wanted))


async def _pages(tools: Tools, position: int, wanted: Wanted) -> AsyncIterator[bytes]:
    """Every reader asks for its own pages at its own pace, so nothing is kept for one that is slow.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    yield f"retry: {RETRY_MS}\nid: {position}\n\n".encode()
    spoke_at = anyio.current_time()
    while True:
        heard = tools.store.heard("settled")
        async with tools.store.reading() as tx:
            found = await events.after(tx, position, STREAM_PAGE, wanted)
            newest = await events.last_position(tx)
        if found:
            position, spoke_at = found[-1][0], anyio.current_time()
            yield b"".join(_written(at, event) for at, event in found)
            continue
        position = max(position, newest)  # nobody here wants what stands before it
        if anyio.current_time() - spoke_at >= HEARTBEAT_S:
            spoke_at = anyio.current_time()
            yield b": nothing new\n\n"
        # A second process may settle without a ring here; the interval is the truth.
        await tools.store.wait("settled", heard, 1.0)


def _written(position: int, event: Event) -> bytes:
    return f"id: {position}\nevent: {event.type}\ndata: {event.body}\n\n".encode()


class EventStream(StreamingResponse):
    """A stream without an end; a reader that does not take what it is sent is dropped."""

    def __init__(self, pages: AsyncIterator[bytes]) -> None:
        super().__init__(pages, headers=STREAM_HEADERS, media_type="text/event-stream")

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """As any streaming response, but bounded in the time of each page."""

        async def send_in_time(message: object) -> None:
            with anyio.fail_after(SLOWEST_S):
                await send(message)  # type: ignore[arg-type]  # passed on as it came

        try:
            await super().__call__(scope, receive, send_in_time)
        except (TimeoutError, ClientDisconnect):
            return


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/events", scope=Scope.READ, handle=list_page, query=EventsQuery,
        summary="List events by cursor, oldest first", answers={200: EventPage},
    ),
    Endpoint(
        method="GET", path="/v1/events/stream", scope=Scope.READ, handle=stream, query=StreamQuery,
        summary="Events as they are announced (server-sent events)", answers={200: None},
        headers={"Last-Event-ID": "resumes behind this event"},
    ),
    Endpoint(
        method="GET", path="/v1/events/{id}", scope=Scope.READ, handle=show,
        summary="Show an event", answers={200: EventShape},
    ),
)  # fmt: skip
