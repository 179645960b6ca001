"""Bodies of requests as they come in: bounded in bytes, in what all hold at once, in what they unfold into.

How long one may take is for the connection to bound (`connections.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
import re

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from service.web.errors import CLOSES, SOON, FieldError, Problem

MEGABYTE = 1024 * 1024
BODY_MAX_BYTES = 64 * MEGABYTE  # an order may inline images
TOGETHER_MAX_BYTES = 256 * MEGABYTE  # of all bodies that are being read at one moment
DEEPEST = 64  # levels of nesting; what is stored must also be read by everybody who lists it
MOST_VALUES = 200_000  # three bytes of JSON may become a hundred in memory
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


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
        self.has_room(chunk)
        body += chunk
        self.bytes += len(chunk)

    def has_room(self, chunk: bytes) -> None:
        """Raises Problem (503)."""
        if self.bytes + len(chunk) > TOGETHER_MAX_BYTES:
            raise Problem(503, "busy", "too much is being sent at once; try again", headers=SOON | CLOSES)


_HELD = _Held()


async def body_of(declared: str | None, receive: Receive, most: int) -> bytes:
    """The body; one larger than `most` bytes is refused before it is read, or once it shows.

    `declared`: the content-length it came with. Raises Problem (413, 503), ClientDisconnect.
    """
    if declared is not None and declared.isdecimal() and int(declared) > most:
        raise too_large(most)
    message = await receive()
    if not message.get("more_body", False):
        whole = _part(message)
        _HELD.has_room(whole)
        if len(whole) > most:
            raise too_large(most)
        return whole
    with _HELD.reading() as body:
        while True:
            _HELD.grow(body, _part(message))
            if len(body) > most:
                raise too_large(most)
            if not message.get("more_body", False):
                return bytes(body)
            message = await receive()


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    part: bytes = message.get("body", b"")
    return part


def too_large(most: int) -> Problem:
    """A body of more than `most` bytes is not taken."""
    return Problem(413, "too_large", f"the body is larger than {most} bytes", headers=CLOSES)


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
