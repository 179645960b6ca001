"""Bodies of requests as they arrive: bounded in bytes, each and all together.

The connection bounds their time (`server/connection.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from arrivals.web.errors import CLOSES, SOON, Problem

MEGABYTE = 1024 * 1024
PLAIN_MAX_BYTES = MEGABYTE  # of a body, without what it carries in long strings
FILES_MAX_BYTES = 32 * MEGABYTE  # of an order, which may carry images and other files
TOGETHER_MAX_BYTES = 256 * MEGABYTE  # of all bodies that are being read at one moment


class Held:
    """The number of bytes that this process holds of incomplete requests, on both ways."""

    def __init__(self) -> None:
        self.bytes = 0

    @contextmanager
    def reading(self) -> Iterator[bytearray]:
        """The received part of one body; `grow` adds to it."""
        body = bytearray()
        try:
            yield body
        finally:
            self.change(-len(body))

    def grow(self, body: bytearray, chunk: bytes) -> None:
        """Adds a chunk. Raises Problem (503) when all bodies together become too large."""
        self.change(len(chunk))
        body += chunk

    def change(self, more: int) -> None:
        """Counts more bytes, or fewer. Raises Problem (503)."""
        self.has_room(more)
        self.bytes += more

    def has_room(self, more: int) -> None:
        """Raises Problem (503) where so many more are too many."""
        if more > 0 and self.bytes + more > TOGETHER_MAX_BYTES:
            raise Problem(503, "busy", "too much is being sent at once; try again", headers=SOON | CLOSES)


HELD = Held()


async def body_of(declared: str | None, receive: Receive, max_bytes: int) -> bytes:
    """The body; one larger than `max_bytes` is refused before it is read, or as soon as that shows.

    `declared`: its content-length. Raises Problem (413, 503), ClientDisconnect.
    """
    if declared is not None and declared.isdecimal() and int(declared) > max_bytes:
        raise too_large(max_bytes)
    message = await receive()
    if not message.get("more_body", False):
        whole = _part(message)
        HELD.has_room(len(whole))
        if len(whole) > max_bytes:
            raise too_large(max_bytes)
        return whole
    with HELD.reading() as body:
        while True:
            HELD.grow(body, _part(message))
            if len(body) > max_bytes:
                raise too_large(max_bytes)
            if not message.get("more_body", False):
                return bytes(body)
            message = await receive()


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    part: bytes = message.get("body", b"")
    return part


def too_large(max_bytes: int, what: str = "") -> Problem:
    """The refusal of a body of more than `max_bytes`."""
    return Problem(413, "too_large", f"{what}the body is larger than {max_bytes} bytes", headers=CLOSES)
