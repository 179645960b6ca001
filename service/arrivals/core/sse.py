"""Server-sent events as bytes: where one ends, and what it says. Bounded, because anybody may never end one.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import re

# Where an event may have ended; looked for first, because splitting what never ends again and again is dear.
MAY_END = re.compile(rb"\n\r?\n|\r\r|\n\r|\r\n\r")
DONE = b"[DONE]"  # how OpenAI's streams end: https://platform.openai.com/docs/api-reference/streaming
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """(the data of every event that has ended, what is left). Only `data` lines count; an event without any is none.

    A carriage return at the very end may be the first half of a line's end, so it is left.
    """
    kept = b"\r" if buffer.endswith(b"\r") else b""
    text = buffer.removesuffix(kept).removeprefix(_BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *ended, rest = text.split(b"\n\n")
    return [data for event in ended if (data := _data(event)) is not None], rest + kept


def _data(event: bytes) -> bytes | None:
    fields = [line.partition(b":") for line in event.split(b"\n")]
    lines = [value.removeprefix(b" ") for name, _, value in fields if name == b"data"]
    return b"\n".join(lines) if lines else None
