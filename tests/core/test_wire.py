"""Moments and JSON on the wire."""

import pytest

from arrivals.core.wire import canonical_json, from_json, micros, read_rfc3339, rfc3339, to_json

NOON = 1_795_176_000_000_000


@pytest.mark.parametrize(("seconds", "expected"), [(0, 0), (1.5, 1_500_000), (0.0000015, 2), (-1, -1_000_000)])
def test_durations_become_whole_microseconds(seconds, expected):
    assert expected == micros(seconds)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-11-20T12:00:00.000Z"),
        (NOON + 7_999, "2026-11-20T12:00:00.007Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (None, None),
    ],
)
def test_moment_is_written_in_milliseconds_of_utc(moment, text):
    assert text == rfc3339(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T12:00:00Z",
        "2026-11-20T12:00:00.000Z",
        "2026-11-20T14:30:00+02:30",
        "2026-11-20T07:00:00-05:00",
        "2026-11-20T12:00:00",
        "2026-11-20 12:00:00Z",
        "2026-11-20t12:00:00z",
        "2026-11-20T12:00:00.000000000z",
        "2026-11-20t12:00:00+00:00",
        "2026-11-20T12:00:00-00:00",
        "2026-11-20T11:59:60Z",
        "2026-11-20T14:29:60+02:30",
        "2026-11-20T12:00:00 00:00",
        "2026-11-20T14:30:00.000 02:30",
        "2026-11-20 12:00",
    ],
)
def test_moment_a_client_wrote_is_understood(text):
    """One without an offset is taken as UTC."""
    assert NOON == read_rfc3339(text)


def test_day_is_its_midnight():
    assert NOON - 12 * 3600 * 1_000_000 == read_rfc3339("2026-11-20")


def test_moment_is_read_as_it_was_written():
    assert NOON + 7_000 == read_rfc3339(rfc3339(NOON + 7_000))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (-62_135_683_140_000_000, "0001-01-01T00:00:00.000Z"),
        (-(2**63), "0001-01-01T00:00:00.224Z"),
        (253_402_300_799_999_000, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000_000, "9999-12-31T23:59:59.000Z"),
        (2**63 - 1, "9999-12-31T23:59:59.775Z"),
    ],
)
def test_moment_beyond_every_calendar_is_written_as_its_first_or_last_second(moment, text):
    """One row that should never have been stored does not keep the others from being shown."""
    assert text == rfc3339(moment)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.999999-00:01",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_moment_that_nobody_can_mean_is_a_value_error(text):
    with pytest.raises(ValueError, match="before 1970 or after 9999"):
        read_rfc3339(text)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_first_and_last_moment_are_moments(text):
    assert text.replace("Z", ".000Z") == rfc3339(read_rfc3339(text))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-20", "2026-11-20T25:00:00Z", "1795176000", "2026-11-20T12:00:61Z"]
)
def test_text_that_is_no_moment_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"(?i)isoformat|month|hour|day|second"):
        read_rfc3339(text)


def test_json_is_compact_and_comes_back():
    value = {"a": [1, 2.5, None, True, "é"], "b": {}}

    assert '{"a":[1,2.5,null,true,"é"],"b":{}}' == to_json(value)
    assert value == from_json(to_json(value)) == from_json(to_json(value).encode())


def test_canonical_json_is_the_same_in_whatever_order_the_keys_came():
    """So that an order sent again is known as the same; the order of a list is its own."""
    assert b'{"a":[2,1],"b":{"c":1,"d":2}}' == canonical_json({"b": {"d": 2, "c": 1}, "a": [2, 1]})
    assert canonical_json({"a": [1, 2]}) != canonical_json({"a": [2, 1]})


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30, -(2**64)])
def test_number_beyond_every_register_comes_back(number):
    """Callers may write any JSON; what they ordered is what is sent."""
    assert number == from_json(to_json(number))


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", b"\xff", '{"a": 1,}', b'{"a": "\xff"}', b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the decoder's own words
        from_json(text)
