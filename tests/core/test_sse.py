"""Server-sent events: the same events in whatever pieces they come, with whatever line endings."""

import pytest

from arrivals.core import sse

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ENDINGS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}
# Each of the ways in which an event, or none, can be written; with what it says.
STREAM = (
    b": a comment",
    b"",
    b'data: {"type": "progress", "percent": 7}',
    b"",
    b"event: message",
    b"id: 1",
    b"retry: 10",
    b"data:without a space",
    b"",
    b"data:  two spaces",
    b": a comment between",
    b"data: and a second line",
    b"data",
    b"data: after an empty one",
    b"",
    b"",
    b"event: nothing",
    b"",
    b"data: a: b \xc3\xa9",
    b"",
    b"data: [DONE]",
    b"",
    b"",
)  # fmt: skip
SAID = [
    b'{"type": "progress", "percent": 7}',
    b"without a space",
    b" two spaces\nand a second line\n\nafter an empty one",
    b"a: b \xc3\xa9",
    b"[DONE]",
]


def split(buffer):
    """The data of every event that has ended, and what is left."""
    events, rest = sse.split(buffer)
    return [event.data for event in events if event.data is not None], rest


def heard(*chunks):
    """All events of a stream that came in these chunks, and what was left of it."""
    events, rest = [], b""
    for chunk in chunks:
        split_events, rest = split(rest + chunk)
        events += split_events
    return events, rest


@pytest.fixture(params=ENDINGS)
def ending(request):
    """How the stream ends its lines."""
    return ENDINGS[request.param]


# ---------------------------------------------------------------- in pieces


def test_events_are_the_data_of_what_has_ended(ending):
    assert SAID == heard(ending.join(STREAM) + b": and on")[0]


@pytest.mark.parametrize("mark", [b"", BYTE_ORDER_MARK], ids=["", "after a byte order mark"])
def test_stream_cut_anywhere_says_the_same(ending, mark):
    """Wherever a network cuts it in two: within a line, within its end, within a letter, within the mark."""
    stream = mark + ending.join(STREAM) + b":"

    assert [] == [cut for cut in range(len(stream) + 1) if heard(stream[:cut], stream[cut:])[0] != SAID]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_stream_in_small_pieces_says_the_same(ending, size):
    stream = ending.join(STREAM) + b":"
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]

    assert SAID == heard(*chunks)[0]


def test_stream_may_change_its_line_endings():
    stream = b"data: a\r\n\ndata: b\n\r\ndata: c\r\rdata: d\n\rdata: e\r\n\r\ndata: f\n\n"

    for cut in range(len(stream) + 1):
        assert [b"a", b"b", b"c", b"d", b"e", b"f"] == heard(stream[:cut], stream[cut:])[0]


def test_empty_stream_says_nothing():
    assert ([], b"") == heard(b"")
    assert ([], b"") == heard()


# ---------------------------------------------------------------- what is left


@pytest.mark.parametrize("rest", [b"data: b", b"data: b\n", b"dat", b"", b": comment"])
def test_event_that_has_not_ended_is_left(rest):
    """Without a last blank line nobody knows that it is whole."""
    assert ([b"a"], rest) == split(b"data: a\n\n" + rest)


def test_carriage_return_at_the_very_end_is_left():
    """It may be the first half of a line's end; the other half comes with the next piece, or does not."""
    assert ([], b"data: a\n\r") == split(b"data: a\r\n\r")
    assert [b"a", b"b"] == heard(b"data: a\r\n\r", b"\ndata: b\r\n\r\n")[0]
    assert [b"a", b"b"] == heard(b"data: a\r\r", b"data: b\r\r", b":")[0]


def test_what_is_left_is_no_larger_than_what_came():
    """So a bound on it bounds what one never-ending event can take."""
    stream = b"data: " + b"x\r\n" * 1000

    assert len(split(stream)[1]) <= len(stream)


# ---------------------------------------------------------------- what one says


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (b"data: x", [b"x"]),
        (b"data:x", [b"x"]),
        (b"data:  x ", [b" x "]),
        (b"data:\tx", [b"\tx"]),
        (b"data: a\ndata: b", [b"a\nb"]),
        (b"data: a\ndata:\ndata: b", [b"a\n\nb"]),
        (b"data: a\nid: 7\ndata: b", [b"a\nb"]),
        (b"data", [b""]),
        (b"data:", [b""]),
        (b"data: a:b", [b"a:b"]),
        (b": data: x", []),
        (b":", []),
        (b"event: x\nid: 1\nretry: 5", []),
        (b" data: x", []),
        (b"Data: x", []),
        (b"dataset: x", []),
        (b"", []),
    ],
)
def test_event_says_what_stands_in_its_data_lines(event, said):
    """One space after the colon is not the value's; further lines are lines of the same value; comments are nothing."""
    assert (said, b"") == split(event + b"\n\n")


def test_byte_order_mark_is_no_part_of_the_first_line():
    assert [b"a"] == heard(BYTE_ORDER_MARK + b"data: a\n\n")[0]


def test_blank_lines_say_nothing():
    assert ([], b"") == split(b"\n" * 8)


def test_end_of_a_stream_is_known_by_its_word():
    """How OpenAI's streams say that they are over."""
    assert [sse.DONE] == heard(b"data: [DONE]\n\n")[0]
