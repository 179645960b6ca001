"""Server-sent events as bytes: their ends and their data. Bounded, because a sender may never end one.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from collections.abc import Iterator
from dataclasses import dataclass
import re

# Where an event may have ended; looked for first, because splitting what never ends again and again is expensive.
_MAY_END = re.compile(rb"\n\r?\n|\r\r|\n\r|\r\n\r")
DONE = b"[DONE]"  # how OpenAI's streams end: https://platform.openai.com/docs/api-reference/streaming
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """(the data of every event that has ended, what is left). Only `data` lines count; an event without any is dropped.

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
