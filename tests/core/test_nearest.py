"""The word that was probably meant."""

import pytest

from arrivals.core.nearest import did_you_mean, nearest

WORDS = ["completed", "failed", "Canceled"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("complete", "completed"), ("FAILED", "failed"), ("canceld", "Canceled"), ("x", None), ("", None)],
)
def test_nearest_word_is_found_whatever_its_case(word, meant):
    assert meant == nearest(word, WORDS)


def test_long_word_is_compared_by_its_beginning():
    assert nearest("completed" + "d" * 100_000, WORDS) is None
    assert "a" * 64 == nearest("a" * 100_000, ["a" * 64])


def test_hint_ends_a_sentence_or_is_empty():
    assert ("; did you mean failed?", "") == (did_you_mean("faild", WORDS), did_you_mean("x", WORDS))
