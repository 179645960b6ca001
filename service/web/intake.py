"""Bodies of requests as they come in: bounded in bytes, in time, in what all hold at once, in what they unfold into."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import re

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from service.web.errors import SOON, FieldError, Problem

MEGABYTE = 1024 * 1024
BODY_MAX_BYTES = 64 * MEGABYTE  # an order may inline images
TOGETHER_MAX_BYTES = 256 * MEGABYTE  # of all bodies that are being read at one moment
GRACE_S = 20.0  # before a body must have come by at least so many bytes a second
SLOWEST_BYTES_PER_S = 64 * 1024
DEEPEST = 64  # levels of nesting; what is stored must also be read by everybody who lists it
MOST_VALUES = 200_000  # three bytes of JSON may become a hundred in memory
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_CLOSES = {"connection": "close"}  # what was not read cannot be told from the next request


class _Held:
    """How many bytes of bodies this process holds that are still coming."""

    def __init__(self) -> None:
        self.bytes = 0

    @contextmanager
    def reading(self) -> Iterator[bytearray]:
        """What has come of one body; `grow` adds to it."""
        body = bytearray()
        try:
            yield body
        finally:
            self.bytes -= len(body)

    def grow(self, body: bytearray, chunk: bytes) -> None:
        """Raises Problem (503) when all of them together become too many."""
        if self.bytes + len(chunk) > TOGETHER_MAX_BYTES:
            raise Problem(503, "busy", "too much is being sent at once; try again", headers=SOON | _CLOSES)
        body += chunk
        self.bytes += len(chunk)


_HELD = _Held()


async def body_of(declared: str | None, receive: Receive, most: int) -> bytes:
    """The body; one larger than `most` bytes is refused before it is read, or once it shows.

    `declared`: the content-length it came with. Raises Problem (408, 413, 503), ClientDisconnect.
    """
    if declared is not None and declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    with _HELD.reading() as body:
        try:
            async with asyncio.timeout(GRACE_S) as patience:  # half of what anyio's costs, and webhooks are many
                began = asyncio.get_running_loop().time()
                while await _more(receive, body, most):
                    patience.reschedule(began + GRACE_S + len(body) / SLOWEST_BYTES_PER_S)
        except TimeoutError as error:
            raise Problem(408, "too_slow", "the body did not come in time", headers=_CLOSES) from error
        return bytes(body)


async def _more(receive: Receive, body: bytearray, most: int) -> bool:
    """Add what comes next; whether that was not all."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    _HELD.grow(body, message.get("body", b""))
    if len(body) > most:
        raise _too_large(most)
    more: bool = message.get("more_body", False)
    return more


def _too_large(most: int) -> Problem:
    return Problem(413, "too_large", f"the body is larger than {most} bytes", headers=_CLOSES)


def check_shape(content: bytes) -> None:
    """Raises Problem (400) for JSON that is nested too deep, or would hold too many values."""
    if _separators(content) > MOST_VALUES and _separators(_STRINGS.sub(b"", content)) > MOST_VALUES:
        raise _invalid(f"the body holds more than {MOST_VALUES} values")
    if _depth(content) > DEEPEST:
        raise _invalid(f"the body is nested more than {DEEPEST} levels deep")


def _invalid(detail: str) -> Problem:
    return Problem(400, "invalid_json", detail, [FieldError("$", detail)])


def _separators(content: bytes) -> int:
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def _depth(content: bytes) -> int:
    """How many brackets stand open at once, outside strings."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
