"""The bytes of outputs: those that we keep, and those that the provider hands out, passed on as they come."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope
import structlog

from arrivals.core.api_key import Scope
from arrivals.core.mask import Mask
from arrivals.core.media import UNKNOWN, media_type
from arrivals.flow.context import Context
from arrivals.flow.exchange.fetch import fetch
from arrivals.flow.exchange.masking import mask_of
from arrivals.flow.settlement.inline_outputs import is_own
from arrivals.flow.submission.order import stored
from arrivals.outbound.transport import NoAnswer
from arrivals.store import outputs
from arrivals.web.allowed import clipped
from arrivals.web.api.ranges import NOT_TO_BE_RUN, bytes_response
from arrivals.web.endpoint import Call, Content, Endpoint, Streaming
from arrivals.web.errors import Problem

log = structlog.get_logger()

PASSED_ON = (
    "content-encoding",
    "content-length",
    "content-range",
    "accept-ranges",
    "etag",
    "last-modified",
)
HANDED_OUT = frozenset({200, 206})
UNSATISFIABLE_RANGE = 416


async def stream_output(call: Call) -> Response:
    """Streams the bytes of an output, fetched with the provider's key where it needs one."""
    generation = await stored(call.context, call.path("id"))
    number = call.path("index")
    if not number.isdecimal() or len(number) > 4 or int(number) >= len(generation.outputs):  # noqa: PLR2004 - no list is so long
        has = f"it is {generation.status}, and {len(generation.outputs)} are there, numbered from 0"
        raise Problem(404, "no_such_output", f"{generation.id} has no output {clipped(number)}: {has}")
    # A range is defined for GET alone.
    range_headers = dict(call.request.headers) if call.request.method == "GET" else {}
    output = generation.outputs[int(number)]
    kept = await _kept(call.context, generation.id, int(number)) if is_own(output, generation.id, int(number)) else None
    if kept is not None:
        return bytes_response(kept.content, kept.content_type, f'"{generation.id}-{number}"', range_headers)
    async with AsyncExitStack() as opened:
        reply = await opened.enter_async_context(fetch(call.context, generation, output, range_headers))
        if reply.http_status == UNSATISFIABLE_RANGE:
            size = {name: reply.headers[name] for name in ("content-range",) if _may_stand(reply.headers.get(name))}
            raise Problem(416, "range_not_satisfiable", "the output has no such bytes", headers=size)
        if reply.http_status not in HANDED_OUT:
            raise Problem(502, "output_unavailable", f"the provider answered HTTP {reply.http_status} for this output")
        headers = _passed_on(reply.headers, mask_of(call.context, generation)) | NOT_TO_BE_RUN
        return Relayed(opened.pop_all(), reply.body, reply.http_status, headers)


async def _kept(context: Context, generation_id: str, number: int) -> outputs.InlineOutput | None:
    async with context.store.reading() as tx:
        return await outputs.kept(tx, generation_id, number)


def _passed_on(received: Mapping[str, str], mask: Mask) -> dict[str, str]:
    """The headers of an output that may be passed on, always with a content type."""
    headers = {name: mask.text(received[name]) for name in PASSED_ON if _may_stand(received.get(name))}
    return headers | {"content-type": media_type(mask.text(received.get("content-type", ""))) or UNKNOWN}


def _may_stand(value: str | None) -> bool:
    """True if a header of another server may be one of ours."""
    return value is not None and value.isascii() and value.isprintable()


class Relayed(Streaming):
    """A body that is still arriving: its connection is closed after the last byte, or when the caller is gone."""

    def __init__(
        self, opened: AsyncExitStack, body: AsyncIterator[bytes], status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(body, opened.aclose, status_code=status, headers=headers)
        self._opened = opened

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Streams the response; where the source breaks off, so does it, so that nobody takes it for whole."""
        try:
            async with self._opened:
                await super().__call__(scope, receive, send)
        except NoAnswer as broken:
            log.info("output_interrupted", path=scope["path"], reason=str(broken))


BINARY = {"type": "string", "format": "binary"}
ANY = (UNKNOWN, "*/*")
BYTES = Content(media_types=ANY, schema=BINARY, description="All bytes, with the content type of the output.")
PART = Content(media_types=ANY, schema=BINARY, description="The range of bytes that was requested.")
OF_BYTES = {
    "Accept-Ranges": "`bytes` where ranges can be requested",
    "Content-Range": "the range of a part, and the size of the whole",
    "ETag": "the version of the bytes, if it is known",
}

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/generations/{id}/outputs/{index}", operation="getOutput",
        tag="Generations", summary="Download an output",
        description=(
            "The bytes of an output, as a stream. Works for every output; where the provider's key is needed, it "
            "is added. `Range` is honored where the provider does so."
        ),
        scope=Scope.READ, handle=stream_output,
        refuses=(416, 429), answers={200: BYTES, 206: PART},
        headers={"Range": "one range of bytes, such as `bytes=0-1023`"}, answer_headers=OF_BYTES,
    ),
)  # fmt: skip
