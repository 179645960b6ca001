"""Numbers, durations and moments that others wrote, in whatever header or field.

Every reader answers None for what is none, or a value within bounds; nothing that anybody may write makes one raise.
"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
import math
from typing import Any

from arrivals.core.http import HttpReply
from arrivals.core.wire import SECOND, Micros, since_1970

LAST: Micros = 9_999_999_999 * SECOND  # in 2286; what is later was written in other units, or by mistake
MAX_WAIT_S = 86_400.0  # nobody means that we should wait for more than a day
MAX_DATE_CHARACTERS = 64  # the longest form has 33: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7


def number(value: Any) -> float | None:
    """A finite number, also one written as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def duration(value: Any) -> float | None:
    """Seconds to wait, from none to a day."""
    seconds = number(value)
    return min(max(seconds, 0.0), MAX_WAIT_S) if seconds is not None else None


def moment(value: Any) -> Micros | None:
    """A moment from seconds since 1970; None for one beyond what can be meant."""
    seconds = number(value)
    return int(seconds) * SECOND if seconds is not None and 0 < seconds <= LAST // SECOND else None


def any_moment(value: Any) -> Micros | None:
    """A moment from seconds or milliseconds since 1970, or from ISO 8601 text, in UTC where it names no offset."""
    count = number(value)
    if count is not None:
        return moment(count / 1000 if count > LAST // SECOND else count)
    if not isinstance(value, str) or len(value) > MAX_DATE_CHARACTERS:
        return None
    try:
        at = since_1970(datetime.fromisoformat(value.strip()))
    except (ValueError, OverflowError):
        return None
    return at if 0 < at <= LAST else None


def http_date(text: str | None) -> Micros | None:
    """A moment as headers write it, no earlier than 1970 and no later than the last that can be meant."""
    if text is None or len(text) > MAX_DATE_CHARACTERS:
        return None
    try:
        parsed = since_1970(parsedate_to_datetime(text))
    except (ValueError, TypeError, LookupError, ArithmeticError):  # whichever of them its parts run into
        return None
    return min(max(parsed, 0), LAST)


def rate_limit_wait_s(headers: Mapping[str, str], now: Micros) -> float | None:
    """Seconds until `X-RateLimit-Reset`, where `X-RateLimit-Remaining` says that nothing is left until then.

    The reset is a moment in seconds since 1970, or what is left in seconds: providers write either.
    """
    remaining, reset = number(headers.get("x-ratelimit-remaining")), number(headers.get("x-ratelimit-reset"))
    if remaining is None or remaining > 0 or reset is None:
        return None
    return duration(reset if reset <= MAX_WAIT_S else reset - now / SECOND)


def retry_after_s(reply: HttpReply) -> float | None:
    """`Retry-After` in seconds; a date is measured against the answer's own `Date`, not against a clock of ours.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    wanted = reply.headers.get("retry-after")
    seconds = duration(wanted)
    if seconds is not None:
        return seconds
    then, now = http_date(wanted), http_date(reply.headers.get("date"))
    return duration((then - now) / SECOND) if then is not None and now is not None else None
