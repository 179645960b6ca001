"""JSON for people's eyes: long strings are cut, everything else is as it was."""

from arrivals.core.shorten import MAX_CHARACTERS, SHOWN_CHARACTERS, shortened


def test_what_is_not_long_is_the_same():
    value = {"prompt": "x" * MAX_CHARACTERS, "n": 2, "list": [None, 1.5, {"deep": True}]}

    assert value == shortened(value)


def test_a_long_string_is_cut_to_its_beginning_wherever_it_is():
    long = "a" * (MAX_CHARACTERS + 1)
    cut = f"{'a' * SHOWN_CHARACTERS}… (10001 characters)"

    assert {"image": cut, "more": [{"image": cut}]} == shortened({"image": long, "more": [{"image": long}]})
