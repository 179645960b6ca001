"""The shape that JSON text would unfold into, in one pass, in time and memory that grow with its length alone."""

import re

from msgspec import Struct

MAX_VALUES = 50_000  # three bytes of JSON may become a hundred in memory
MAX_DEPTH = 64  # levels of nesting; what is stored must also be read by everybody who lists it
MAX_QUOTES = 100_000  # in one string
LONG_STRING = 1024  # bytes: such a string is a file, or what somebody wrote
_BRACKETS = re.compile(rb"[\[\]{}]")


class TooMuch(ValueError):
    """JSON that would unfold into too much; the message says what."""


class Shape(Struct, frozen=True, kw_only=True):
    """`rest`: how many bytes stand outside long strings."""

    values: int
    depth: int
    rest: int


def shape_of(content: bytes) -> Shape:
    """The shape of a text, as far as it is JSON; what is wrong with it is for the decoder to say. Raises TooMuch."""
    values = depth = deepest = strings = at = 0
    rest = len(content)
    while at < len(content):
        quote = content.find(b'"', at)
        end = quote if quote >= 0 else len(content)
        values += content.count(b",", at, end) + content.count(b"[", at, end) + content.count(b"{", at, end)
        strings += quote >= 0
        if values > MAX_VALUES or strings > 2 * MAX_VALUES:  # in JSON every second string, at least, is a value
            raise TooMuch(f"it holds more than {MAX_VALUES} values")
        depth, deepest = _nested(content, at, end, depth, deepest)
        at = _end_of_string(content, quote) if quote >= 0 else len(content)
        rest -= at - end if at - end > LONG_STRING else 0
    return Shape(values=values, depth=deepest, rest=rest)


def _nested(content: bytes, at: int, end: int, depth: int, deepest: int) -> tuple[int, int]:
    """(how many brackets stand open behind these bytes, and at most). Raises TooMuch."""
    for bracket in _BRACKETS.finditer(content, at, end):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            raise TooMuch(f"it is nested more than {MAX_DEPTH} levels deep")
        if depth < 0:
            break  # no JSON, as the decoder will say
    return depth, deepest


def _end_of_string(content: bytes, quote: int) -> int:
    """Behind the string that begins at `quote`; an even number of backslashes before a quote does not escape it."""
    at = quote + 1
    for _ in range(MAX_QUOTES):
        end = content.find(b'"', at)
        if end < 0:
            return len(content)
        run = content[at:end]
        if (len(run) - len(run.rstrip(b"\\"))) % 2 == 0:
            return end + 1
        at = end + 1
    raise TooMuch(f"a string in it holds more than {MAX_QUOTES} quotes")
