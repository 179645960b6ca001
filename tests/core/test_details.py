"""Details: the parts of a provider's object that are kept, and those that are not."""

from typing import Any

from arrivals.core.details import MAX_BYTES, MAX_DEPTH, MAX_ITEMS, MAX_TEXT_CHARACTERS, details_of, merge_details
from arrivals.core.wire import from_json, to_json


def test_what_our_own_fields_tell_is_left_out():
    said = {"id": "ext-1", "status": " completed ", "seed": 7, "cached": False, "note": "ext-1"}

    assert {"seed": 7, "cached": False} == details_of(said, {"ext-1", "completed", None})


def test_the_orders_own_words_are_left_out():
    said = {"input": {"prompt": "a fox"}, "prompt": "a fox", "messages": ["a fox"], "seed": 7}

    assert {"seed": 7} == details_of(said, set())


def test_what_is_absent_is_left_out_and_what_is_left_empty_by_it():
    assert {"usage": {"cost": 1}} == details_of(
        {"a": None, "b": "", "c": [], "d": {"e": [None]}, "usage": {"cost": 1}}, ()
    )
    assert details_of({"a": None}, ()) is None
    assert details_of(["a"], ()) is None


def test_parts_of_an_error_stand_beside_the_others():
    said = {"error": {"code": "X", "details": {"top_up_url": "https://u", "balance": 0}}, "request": "r-1"}

    assert {"request": "r-1", "top_up_url": "https://u", "balance": 0} == details_of(said, {"X"})


def test_part_whose_name_is_taken_stays_where_it_is():
    said = {"details": {"reason": "b"}, "reason": "a"}

    assert said == details_of(said, ())


def test_files_are_left_out():
    said = {"image": "data:image/png;base64,AAAA", "b64": "A" * 5000, "seed": 1}

    assert {"seed": 1} == details_of(said, ())


def test_what_is_long_is_cut():
    long = "word " * MAX_TEXT_CHARACTERS
    kept = details_of({"text": long, "list": list(range(1000)), "many": {str(n): n for n in range(1000)}}, ())

    assert (MAX_TEXT_CHARACTERS, MAX_ITEMS, MAX_ITEMS) == (len(kept["text"]), len(kept["list"]), len(kept["many"]))
    assert kept["text"].endswith("…")


def test_all_of_it_is_bounded():
    said = {str(number): "word " * 150 for number in range(100)}

    assert 0 < len(to_json(details_of(said, ()))) <= MAX_BYTES


def test_what_is_nested_too_deep_is_left_out():
    said: dict[str, Any] = {"seed": 1, "deep": 1}
    for _ in range(MAX_DEPTH + 1):
        said = {"seed": 1, "deep": said}

    assert "deep" not in str(details_of(said, ())).rpartition("seed")[2]


def test_numbers_that_no_json_holds_are_told_otherwise_or_left_out():
    kept = details_of({"huge": 10**400, "endless": float("inf"), "half": 0.5}, ())

    assert {"endless": "inf", "half": 0.5} == kept
    assert kept == from_json(to_json(kept))


def test_the_later_answer_stands_and_the_bound_holds():
    assert {"a": 2, "b": 1} == merge_details({"a": 1, "b": 1}, {"a": 2})
    assert {"a": 1} == merge_details({"a": 1}, None) == merge_details(None, {"a": 1})
    whole = {"a": "x" * (MAX_BYTES - 100)}
    assert whole == merge_details({"b": "y" * 500}, whole)
