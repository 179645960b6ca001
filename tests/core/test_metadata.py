"""Metadata: which of its values can be looked up, and as which text."""

from arrivals.core.metadata import MAX_VALUE_CHARACTERS, searchable


def test_strings_are_found_as_they_are_and_numbers_and_booleans_as_json_writes_them():
    metadata = {"order": "42", "price": 1.5, "count": 3, "paid": True, "word": "wörd"}

    assert {"order": "42", "price": "1.5", "count": "3", "paid": "true", "word": "wörd"} == searchable(metadata)


def test_what_has_parts_and_what_is_long_is_found_by_no_filter():
    longest = "x" * MAX_VALUE_CHARACTERS
    metadata = {"list": ["a"], "object": {"a": "b"}, "none": None, "longest": longest, "longer": longest + "x"}

    assert {"longest": longest} == searchable(metadata)
