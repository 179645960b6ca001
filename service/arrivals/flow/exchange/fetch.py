"""Bytes from elsewhere, streamed: an output for the caller, or an input for a submission.

A provider's key goes to its own origin and nowhere else; every redirect is checked like a new URL.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from urllib.parse import urljoin

import anyio

from arrivals.core.failure import Failure, FailureCode, make_failure
from arrivals.core.generation import Generation, Output
from arrivals.core.http import MAX_REDIRECTS, HttpCall, is_server_error, redirect_of
from arrivals.core.media import UNKNOWN, media_type
from arrivals.core.origin import same_origin
from arrivals.flow.context import Context
from arrivals.flow.exchange.spend import spend
from arrivals.outbound.transport import NoAnswer, NotSent, Reason, Streamed
from arrivals.providers.contract import File, Refused, authorize

FORWARDED_HEADERS = ("range", "if-range")  # the caller's headers that concern the bytes
IDENTITY = {"accept-encoding": "identity"}
INPUT_MAX_BYTES = 64 * 1024 * 1024
INPUT_TIMEOUT_S = 20.0
FIRST_ERROR = 400


class Unfetchable(Exception):
    """The provider did not hand the output out; the message says why."""


def fetch(
    context: Context, generation: Generation, output: Output, headers: Mapping[str, str]
) -> AbstractAsyncContextManager[Streamed]:
    """Streams an output. Raises Unfetchable, OverBudget, NotSent, NoAnswer.

    A request to the provider's own origin carries its key, so it counts as a request of that account.
    """
    passed_on = {name: headers[name] for name in FORWARDED_HEADERS if name in headers}
    return _fetched(context, output.url, generation, passed_on | IDENTITY)


async def fetch_inputs(context: Context, urls: Sequence[str]) -> dict[str, File]:
    """Fetches the files that a submission is to carry, in bounded time and size.

    Raises Refused where a URL is of no use, NotSent and NoAnswer where it may work later.
    """
    files: dict[str, File] = {}
    with anyio.move_on_after(INPUT_TIMEOUT_S):
        for url in urls:
            files[url] = await _fetch_input(
                context, url, INPUT_MAX_BYTES - sum(len(file.content) for file in files.values())
            )
        return files
    raise NoAnswer(Reason.TIMEOUT, f"the inputs take longer than {INPUT_TIMEOUT_S:.0f} s")


async def _fetch_input(context: Context, url: str, max_bytes: int) -> File:
    content = bytearray()
    try:
        async with _fetched(context, url, None, IDENTITY, INPUT_TIMEOUT_S) as reply:
            _usable(url, reply.http_status)
            async for chunk in reply.body:
                content += chunk
                if len(content) > max_bytes:
                    raise _too_large(url)
    except Unfetchable as error:
        raise Refused(_unreachable(str(error))) from error
    except NotSent as error:
        if error.reason is Reason.BLOCKED:
            raise Refused(_unreachable(str(error))) from error
        raise
    content_type = reply.headers.get("content-type", "").partition(";")[0].strip()
    return File(content=bytes(content), content_type=media_type(content_type) or UNKNOWN)


def _usable(url: str, http_status: int) -> None:
    if is_server_error(http_status):
        raise NotSent(Reason.DISCONNECTED, f"{url} answered HTTP {http_status}")
    if http_status >= FIRST_ERROR:
        raise Refused(_unreachable(f"{url} answered HTTP {http_status}"))


def _too_large(url: str) -> Refused:
    message = f"with {url} the inputs are larger than {INPUT_MAX_BYTES} bytes"
    return Refused(make_failure(FailureCode.INVALID_INPUT, message, origin="preflight", billed=False))


def _unreachable(message: str) -> Failure:
    return make_failure(FailureCode.INPUT_UNREACHABLE, message, origin="preflight", billed=False)


@asynccontextmanager
async def _fetched(
    context: Context, url: str, generation: Generation | None, headers: Mapping[str, str], timeout_s: float = 30.0
) -> AsyncIterator[Streamed]:
    account = context.upstream(generation).account if generation else None
    for _ in range(MAX_REDIRECTS + 1):
        call, own = HttpCall(method="GET", url=url, headers=headers), False
        if generation is not None and account is not None and same_origin(url, account.base_url):
            call, own = authorize(call, account), True
            await spend(context, generation)
        async with AsyncExitStack() as stack:
            reply = await stack.enter_async_context(context.transport.fetch(call, provider=own, timeout_s=timeout_s))
            location = redirect_of(reply.http_status, reply.headers)
            if location is None:
                yield reply
                return
            url = urljoin(url, location)
    raise Unfetchable(f"more than {MAX_REDIRECTS} redirects")
