"""What others write where a number, a duration or a moment should stand is None or within bounds, and never raises."""

import string

from hypothesis import given as for_all
from hypothesis import strategies as st
import pytest

from arrivals.core.http import HttpReply
from arrivals.core.moments import (
    LAST,
    MAX_WAIT_S,
    any_moment,
    duration,
    http_date,
    moment,
    number,
    rate_limit_wait_s,
    retry_after_s,
)
from arrivals.core.wire import SECOND, rfc3339

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NUMERALS = st.text(alphabet=string.digits + "+-.eE_ ", max_size=400) | st.integers().map(str)
# What almost is a date: whatever stands in each of its places, and odd zones above all.
PLACE = st.sampled_from(["Fri,", "Nov", "20", "2026", "12:00:30", "GMT", "", "0", "-1", "99999999999999999999"])
ZONE = st.sampled_from(["GMT", "+0000", "-2359", "+9999", "-99999999999999", "+99999999999999", "Z", "é"])
DATES = st.builds(
    lambda day, number, month, year, time, zone: f"{day} {number} {month} {year} {time} {zone}",
    PLACE, PLACE | NUMERALS, PLACE, PLACE | NUMERALS, PLACE | st.text(max_size=9), ZONE,
)  # fmt: skip
ANYTHING = JSON | NUMERALS | DATES


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (0.5, 0.5),
        ("45", 45.0),
        (" 4.5 ", 4.5),
        (True, None),
        ("calculating", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        (float("-inf"), None),
        (10**400, None),
        (None, None),
        ([1], None),
    ],
)
def test_number_is_finite(value, expected):
    assert expected == number(value)


@pytest.mark.parametrize(
    ("value", "expected"), [(30, 30.0), ("2.5", 2.5), (-1, 0.0), (1e300, 86_400.0), ("soon", None), (None, None)]
)
def test_duration_is_between_none_and_a_day(value, expected):
    """A provider that asks for a year of silence does not get it, and no moment overflows."""
    assert expected == duration(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1769594992, 1_769_594_992_000_000),
        ("1769594991", 1_769_594_991_000_000),
        (1769594992.7, 1_769_594_992_000_000),
        (1769594992000, None),
        (0, None),
        (-1, None),
        (2**63, None),
        ("tomorrow", None),
        (None, None),
    ],
)
def test_moment_is_one_that_can_be_written(value, expected):
    """Seconds since 1970; milliseconds, which would be a year that no calendar has, are no moment."""
    assert expected == moment(value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "1e300"}, 86_400.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2126 12:00:00 GMT", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 86_400.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT", "date": "today"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 -0000", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 +99999999999999", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 86_400.0),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT".ljust(65), "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, None),
        ({"retry-after": "Fri, 99 Nov 2026 12:00:30 GMT", "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_measured_by_the_answers_own(headers, seconds):
    assert seconds == retry_after_s(HttpReply(http_status=429, headers=headers))


@for_all(ANYTHING)
def test_whatever_somebody_writes_is_nothing_or_within_bounds(value):
    parsed, wait_s, when = number(value), duration(value), moment(value)

    assert parsed is None or abs(parsed) < float("inf")
    assert wait_s is None or 0 <= wait_s <= MAX_WAIT_S
    assert when is None or (0 <= when <= LAST and rfc3339(when))


@for_all(NUMERALS | DATES | st.text(), DATES | st.text())
def test_whatever_an_answer_asks_us_to_wait_is_nothing_or_at_most_a_day(wanted, date):
    wait_s = retry_after_s(HttpReply(http_status=429, headers={"retry-after": wanted, "date": date}))
    when = http_date(date)

    assert wait_s is None or 0 <= wait_s <= MAX_WAIT_S
    assert when is None or (0 <= when <= LAST and rfc3339(when))


NOW = 1_790_000_000_000_000


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1790000030"}, 30.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1789999999"}, 0.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1e300"}, MAX_WAIT_S),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "30"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "30"}, None),
        ({}, None),
    ],
    ids=range(8),
)
def test_rate_limit_is_waited_for_where_nothing_is_left_of_it(headers, wait_s):
    assert wait_s == rate_limit_wait_s(headers, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (1769508592, 1769508592),
        ("1769508593", 1769508593),
        (1769757800123, 1769757800),
        ("2025-12-04T11:50:53Z", 1764849053),
        (" 2025-12-04T11:50:53.500000 ", 1764849053.5),
        ("2025-12-04T12:50:53+01:00", 1764849053),
        ("soon", None),
        ("9" * 100, None),
        (None, None),
        (True, None),
        ({}, None),
        (-5, None),
        ("1960-01-01", None),
        ("0001-01-01T00:00:00+23:59", None),
    ],
)
def test_a_moment_is_read_in_any_form_that_providers_write(text, expected):
    assert (None if expected is None else round(expected * SECOND)) == any_moment(text)
