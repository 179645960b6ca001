"""Identifiers: prefixed, ordered by time, never twice the same."""

import pytest

from arrivals.core.ids import ALPHABET, ENTROPY_BYTES, kind_of, make_id

AT = 1_790_000_000_123_456


def number_in(identifier):
    number = 0
    for letter in identifier.partition("_")[2]:
        number = number * 32 + ALPHABET.index(letter)
    return number


def test_id_is_a_prefix_and_twenty_six_letters():
    identifier = make_id("gen", AT, bytes(ENTROPY_BYTES))

    assert identifier.startswith("gen_")
    assert 26 == len(identifier.removeprefix("gen_"))
    assert set(identifier.removeprefix("gen_")) <= set(ALPHABET)


def test_alphabet_is_crockfords_and_sorts_as_it_counts():
    assert ALPHABET == "".join(sorted(set("0123456789abcdefghijklmnopqrstuvwxyz") - set("ilou")))


def test_id_holds_its_moment_and_its_entropy():
    entropy = bytes([3, *range(17, 31)])
    number = number_in(make_id("evt", AT, entropy))

    assert AT == number >> 72
    assert [3, *range(17, 31)] == [number >> 70 & 3, *(number >> shift & 31 for shift in range(65, -1, -5))]


@pytest.mark.parametrize("later", [1, 2, 1000, 10**9, 10**15])
def test_later_ids_sort_later_whatever_their_entropy(later):
    """A microsecond apart is enough; so do ids sort as they were made."""
    assert make_id("gen", AT, b"\xff" * ENTROPY_BYTES) < make_id("gen", AT + later, bytes(ENTROPY_BYTES))


def test_other_entropy_is_another_id():
    """Every one of its 72 bits counts."""
    zero = bytes(ENTROPY_BYTES)
    used = [(0, bit) for bit in (1, 2)] + [(place, 1 << bit) for place in range(1, ENTROPY_BYTES) for bit in range(5)]
    made = {make_id("gen", AT, zero[:place] + bytes([bit]) + zero[place + 1 :]) for place, bit in used}

    assert 72 == len(made - {make_id("gen", AT, zero)})


def test_entropy_beyond_what_is_needed_does_not_touch_the_moment():
    assert make_id("gen", AT, b"\xff" * ENTROPY_BYTES) == make_id("gen", AT, b"\xff" * 40)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("gen_1", "generation"), ("key_", "API key"), ("gen", None), ("xyz_1", None), ("", None), ("GEN_1", None)],
)
def test_beginning_of_an_id_says_what_it_names(text, kind):
    assert kind == kind_of(text)
