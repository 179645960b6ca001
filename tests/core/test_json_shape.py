"""What JSON would unfold into: counted as the decoder would, refused in one pass, whatever is sent."""

import json

from hypothesis import given as for_all
from hypothesis import strategies as st
import pytest

from arrivals.core import json_shape
from arrivals.core.json_shape import MAX_DEPTH, MAX_QUOTES, MAX_VALUES, TooMuch, shape_of

MANY = 2 * MAX_VALUES + 10
SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")) | st.just('a \\" [,{ "')
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


def counted(value):
    """(brackets and commas, depth) of a value, by walking it."""
    if not isinstance(value, list | dict):
        return 0, 0
    inner = [counted(element) for element in (value.values() if isinstance(value, dict) else value)]
    return 1 + max(0, len(value) - 1) + sum(element for element, _ in inner), 1 + max(
        (depth for _, depth in inner), default=0
    )


@for_all(VALUES, st.booleans())
def test_values_and_depth_are_what_a_walk_finds(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only).encode()

    shape = shape_of(text)

    assert counted(value) == (shape.values, shape.depth)
    assert len(text) == shape.rest


@pytest.mark.parametrize("escaped", ["", '\\"', "\\\\", '\\\\\\"', "\\/"])
def test_long_strings_are_apart(escaped):
    text = json.dumps({"image": "A"}).encode().replace(b"A", escaped.encode() + b"A" * 5000 + escaped.encode())

    assert len(b'{"image": }') == shape_of(text).rest
    assert isinstance(json.loads(text)["image"], str)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 1_000_000,
        b"[" + b"[]," * MANY + b"[]]",
        b"[" + b"1," * MANY + b"1]",
        b'"' * 1_000_000,
        b'["a" ' * MANY,
        b'{"a": "' + b'\\"' * (MAX_QUOTES + 1) + b'"}',
        b'{"a":' * (MAX_DEPTH + 1),
    ],
    ids=["openers", "lists", "numbers", "quotes", "strings", "escaped quotes", "objects"],
)
def test_what_would_unfold_into_too_much_is_refused(text):
    with pytest.raises(TooMuch):
        shape_of(text)


@pytest.mark.parametrize(
    "text", [b"]" * 1_000_000, b'"' + b"\\" * 1_000_000, b'"\\"', b"", b"nonsense", b'{"a": "b', b"\xff" * 1000]
)
def test_what_is_no_json_is_for_the_decoder_to_refuse(text):
    assert len(text) >= shape_of(text).rest


def test_what_is_just_not_too_much_is_taken():
    text = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert MAX_DEPTH == shape_of(text).depth
    assert json_shape.MAX_VALUES - 1 == shape_of(b"[" + b"1," * (MAX_VALUES - 2) + b"1]").values
