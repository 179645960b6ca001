"""Events: list by cursor, show."""

import anyio
import msgspec
from starlette.responses import Response

from service.core.event import Event, EventType
from service.store import events
from service.web.auth import Scope
from service.web.endpoint import Call, Endpoint, json_response
from service.web.errors import invalid
from service.web.shapes import EventPage, EventShape, EventsQuery


async def list_page(call: Call) -> Response:
    """Oldest first, from behind `after`; an empty page is held for `wait` seconds until there is an event."""
    query: EventsQuery = call.query
    after = query.after or "0"
    if not after.isdecimal() or len(after) > 18:  # noqa: PLR2004 - what fits into 63 bits
        raise invalid("after", "must be the `next` of an earlier page")
    if query.type is not None and query.type not in set(EventType):
        raise invalid("type", f"must be one of {', '.join(EventType)}")
    store = call.tools.store
    found: list[tuple[int, Event]] = []
    with anyio.move_on_after(query.wait) as waiting:
        while not found:
            heard = store.heard("settled")
            # Shielded: a page that was found is never lost to the end of the wait.
            with anyio.CancelScope(shield=True):
                async with store.reading() as tx:
                    found = await events.after(tx, int(after), query.limit, query.type, query.generation)
            if found or not query.wait or waiting.cancel_called:
                break
            await store.wait("settled", heard, 1.0)
    following = str(found[-1][0]) if found else after
    return json_response({"data": [msgspec.Raw(event.body.encode()) for _, event in found], "next": following})


async def show(call: Call) -> Response:
    """One event as it was announced."""
    async with call.tools.store.reading() as tx:
        event = await events.by_id(tx, call.path("id"))
    return json_response(msgspec.Raw(event.body.encode()))


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/events", scope=Scope.READ, handle=list_page, query=EventsQuery,
        summary="List events by cursor, oldest first", answers={200: EventPage},
    ),
    Endpoint(
        method="GET", path="/v1/events/{id}", scope=Scope.READ, handle=show,
        summary="Show an event", answers={200: EventShape},
    ),
)  # fmt: skip
