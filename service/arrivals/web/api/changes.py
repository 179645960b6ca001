"""Changes of generations, for the screens of people: a stream of what is under way, as it is now.

It has no cursor and keeps nothing for who reads slowly: whoever connects is shown everything once, then what changed.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import anyio
from msgspec import Raw
from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.core.wire import to_json
from arrivals.flow.changes import Shown, look_at
from arrivals.flow.context import Context
from arrivals.web.api.lookup_schemas import ChangesQuery
from arrivals.web.endpoint import Call, Content, Endpoint
from arrivals.web.sse_response import RETRY, SseResponse

PAUSE_S = 0.5
HEARTBEAT_S = 15.0


async def stream(call: Call) -> Response:
    """Streams what is under way: first all of it as a `snapshot`, then each `generation` that changed."""
    over: Callable[[], None] = call.hold()
    try:
        shown = await _look(call.context, call.query, {})
    except BaseException:
        over()
        raise
    return SseResponse(_blocks(call.context, call.query, shown), over)


async def _blocks(context: Context, query: ChangesQuery, shown: Mapping[str, Shown]) -> AsyncIterator[bytes]:
    yield RETRY.encode() + _block("snapshot", [Raw(each.body) for each in shown.values()])
    spoke_at = anyio.current_time()
    while not context.process.ending.is_set():
        await anyio.sleep(PAUSE_S)
        before, shown = shown, await _look(context, query, shown)
        changed = [each for each in shown.values() if _differs(before.get(each.id), each)]
        changed += await _gone(context, before, shown)
        if changed:
            yield b"".join(_block("generation", Raw(each.body)) for each in changed)
        elif anyio.current_time() - spoke_at >= HEARTBEAT_S:
            yield b": nothing new\n\n"
        else:
            continue
        spoke_at = anyio.current_time()


def _differs(before: Shown | None, after: Shown) -> bool:
    return before is None or before.version != after.version


async def _gone(context: Context, before: Mapping[str, Shown], shown: Mapping[str, Shown]) -> Iterable[Shown]:
    """Generations that were under way and are among the newest no more, as they are now."""
    gone = [each.id for each in before.values() if each.under_way and each.id not in shown]
    return (await look_at(context.store, gone, {})).values() if gone else ()


async def _look(context: Context, query: ChangesQuery, before: Mapping[str, Shown]) -> Mapping[str, Shown]:
    """The generations that this reader wants to see, as they are now."""
    if query.generation:
        looked = await look_at(context.store, query.generation, before)
    else:
        looked = await context.process.changes.look(context.store, context.now())
    return {
        name: each
        for name, each in looked.items()
        if query.provider in (None, each.provider) and query.model in (None, each.model)
    }


def _block(kind: str, data: Any) -> bytes:
    return f"event: {kind}\ndata: {to_json({'type': kind, 'data': data})}\n\n".encode()


STREAM = Content(
    media_types=("text/event-stream",),
    description='Messages `event: TYPE`, `data: {"type": TYPE, "data": …}`, as long as the connection lasts.',
)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/changes", operation="streamChanges",
        scope=Scope.READ, handle=stream, query=ChangesQuery,
        tag="Generations", summary="Stream what is under way",
        description=(
            "Server-sent events for screens: first everything that is under way or closed in the last minute, as a "
            "`snapshot`, then each `generation` that changed. It has no cursor: whoever connects again is shown "
            "everything again. Use events to learn how generations end."
        ),
        answers={200: STREAM},
    ),
)  # fmt: skip
