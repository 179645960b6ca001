"""Streams events as they are announced, to any number of readers.

Every reader continues from its position once it has taken what it was sent, so nothing is kept for a slow one.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncIterator, Callable

import anyio
from starlette.responses import Response

from arrivals.core.cursor import Cursor, UnknownCursor, check_cursor
from arrivals.flow.context import Context
from arrivals.flow.delivery.event_page import Place
from arrivals.flow.delivery.event_pages import page_behind
from arrivals.store import events
from arrivals.store.engine.signals import Signal
from arrivals.store.events import EventFilter
from arrivals.web.sse_response import RETRY, SseResponse

PAGE = 100
HEARTBEAT_S = 15.0
PAUSE_S = 0.05  # between two queries for a reader that has all events: new ones go together


async def event_stream(
    context: Context, cursor: Cursor | None, wanted: EventFilter, over: Callable[[], None]
) -> Response:
    """A stream from after the cursor, or of new events; `over` is called at its end. Raises UnknownCursor."""
    try:
        async with context.store.read_inline() as tx:
            newest = await events.newest_cursor(tx)
        if cursor is not None:
            check_cursor(cursor, newest)
    except BaseException:
        over()
        raise
    return SseResponse(_pages(context, newest if cursor is None else newest.at(cursor.position), wanted), over)


async def _pages(context: Context, cursor: Cursor, wanted: EventFilter) -> AsyncIterator[bytes]:
    yield f"{RETRY}id: {cursor}\n\n".encode()
    spoke_at = anyio.current_time()
    while not context.process.ending.is_set():  # otherwise it ends, and its reader resumes at another process
        version = context.store.version(Signal.SETTLED)
        try:
            page = await page_behind(context, Place(cursor, wanted, PAGE))
        except UnknownCursor:
            return  # an epoch began meanwhile: the reader resumes, and is told
        cursor = page.cursor
        if page.events:
            spoke_at = anyio.current_time()
            yield page.stream
        if page.more:
            continue
        await anyio.sleep(PAUSE_S)
        if page.events:
            continue
        if anyio.current_time() - spoke_at >= HEARTBEAT_S:
            spoke_at = anyio.current_time()
            yield b": nothing new\n\n"
        # A second process may settle without a signal here, hence the interval.
        await context.store.wait(Signal.SETTLED, version, 1.0)
