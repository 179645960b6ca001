"""Server-sent events as bytes: where one ends, and what it says. Bounded, because anybody may never end one.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from collections.abc import Iterator
from dataclasses import dataclass
import re

# Where an event may have ended; looked for first, because splitting what never ends again and again is expensive.
_MAY_END = re.compile(rb"\n\r?\n|\r\r|\n\r|\r\n\r")
DONE = b"[DONE]"  # how OpenAI's streams end: https://platform.openai.com/docs/api-reference/streaming
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TooLong(Exception):
    """An event does not end within its bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """What stands between two blank lines: the lines of `data`, joined, and the last `id`; None where there is none."""

    data: bytes | None = None
    id: str | None = None


class Parser:
    """Bytes in, whole events out. `max_bytes` bounds what one event may take while it has not ended."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that end within this chunk. Raises TooLong, after the events before the one that is too long."""
        seen = max(0, len(self._buffer) - 3)
        self._buffer += chunk
        if _MAY_END.search(self._buffer, seen):
            events, rest = split(bytes(self._buffer))
            self._buffer = bytearray(rest)
            yield from events
        if len(self._buffer) > self._max_bytes:
            raise TooLong(f"an event is larger than {self._max_bytes} bytes")


def split(buffer: bytes) -> tuple[list[ServerSentEvent], bytes]:
    """(every event that has ended, what is left). A comment alone is an event without anything.

    A carriage return at the very end may be the first half of a line's end, so it is left.
    """
    kept = b"\r" if buffer.endswith(b"\r") else b""
    text = buffer.removesuffix(kept).removeprefix(_BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *blocks, rest = text.split(b"\n\n")
    return [_event(block) for block in blocks if block.strip(b"\n")], rest + kept


def _event(block: bytes) -> ServerSentEvent:
    lines = [line.partition(b":") for line in block.split(b"\n")]
    data = [value.removeprefix(b" ") for name, _, value in lines if name == b"data"]
    ids = [value.removeprefix(b" ") for name, _, value in lines if name == b"id"]
    return ServerSentEvent(
        data=b"\n".join(data) if data else None, id=ids[-1].decode(errors="replace") if ids else None
    )
