"""Moments and JSON as they are on the wire.

Inside, a moment is an integer of microseconds since 1970 UTC, and a duration is a float of seconds.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
import re
from typing import Any, TypeAlias

import msgspec

Micros: TypeAlias = int
SECOND: Micros = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = EPOCH.replace(tzinfo=None)
FIRST_OF_ALL, LAST_OF_ALL = "0001-01-01T00:00:00", "9999-12-31T23:59:59"
_LEAP_SECOND = re.compile(r"(.*:\d\d:)60(.*)", re.ASCII)
_LOST_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", re.ASCII)
LAST_MOMENT: Micros = 253_402_300_800 * SECOND - 1  # of the year 9999: what is later can be written nowhere


def micros(seconds: float) -> Micros:
    """A duration in seconds as whole microseconds."""
    return round(seconds * SECOND)


def rfc3339(moment: Micros | None) -> str | None:
    """`2026-11-20T12:00:00.000Z`; None stays None."""
    if moment is None:
        return None
    second, fraction = divmod(moment, SECOND)
    return f"{_to_the_second(second)}.{fraction // 1000:03}Z"


@lru_cache(maxsize=1024)  # what is written at one time is about the same few seconds
def _to_the_second(second: int) -> str:
    """A second as text; beyond the calendar, its first or last one, so that one bad row never breaks a list."""
    try:
        return (_NAIVE_EPOCH + timedelta(seconds=second)).isoformat()
    except OverflowError:
        return FIRST_OF_ALL if second < 0 else LAST_OF_ALL


def since_1970(when: datetime) -> Micros:
    """The moment of a datetime; one without an offset is taken as UTC."""
    return (when.replace(tzinfo=when.tzinfo or UTC) - EPOCH) // timedelta(microseconds=1)


def read_rfc3339(text: str) -> Micros:
    """The moment a client wrote, in either case. Raises ValueError, also for one before 1970 or after 9999.

    A leap second is the one after it. A `+` that became a blank in a query is taken for what it was.
    """
    leap = _LEAP_SECOND.fullmatch(text)
    usual = _LOST_PLUS.sub(r"\1+\2", f"{leap[1]}59{leap[2]}" if leap else text)
    moment = since_1970(datetime.fromisoformat(usual.upper())) + (SECOND if leap else 0)
    if not 0 <= moment <= LAST_MOMENT:
        raise ValueError("the moment lies before 1970 or after 9999")
    return moment


def to_json(value: Any) -> str:
    """Compact JSON text."""
    return msgspec.json.encode(value).decode()


def canonical_json(value: Any) -> bytes:
    """JSON that is the same for the same value, in whatever order its keys came."""
    return msgspec.json.encode(value, order="deterministic")


def from_json(text: str | bytes, shape: Any = Any) -> Any:
    """A JSON value, of this shape. Raises ValueError, whatever the bytes.

    The decoder's own errors are some, UnicodeDecodeError too; only what is nested too deep has to be made one.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
