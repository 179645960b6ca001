"""When to ask, when to try again, when to stop."""

from itertools import pairwise

import pytest

from arrivals.core.backoff import jittered
from arrivals.core.cadence import (
    RETRY_SCHEDULE_S,
    Cadence,
    after_miss_s,
    fixed_wait_s,
    next_attempt_s,
)

PLAIN = Cadence()
EVEN = 0.5  # the die that changes nothing
RANDOM_NUMBERS = [0.0, 0.25, EVEN, 0.75, 0.999]


@pytest.mark.parametrize(("random", "factor"), [(0.0, 0.8), (0.25, 0.9), (0.5, 1.0), (0.75, 1.1)])
def test_jitter_is_a_fifth_either_way(random, factor):
    assert pytest.approx(10.0 * factor) == jittered(10.0, random)


# ---------------------------------------------------------------- polls whose pace the operator fixed


def test_without_an_operators_first_poll_nothing_is_fixed():
    assert fixed_wait_s(PLAIN, every_s=5.0, polls=0, random=EVEN) is None
    assert fixed_wait_s(PLAIN, every_s=5.0, polls=7, random=EVEN) is None


def test_the_operators_first_poll_comes_when_he_says_and_quickens_the_next_ones_without_ever_slowing_them():
    assert 0.2 == fixed_wait_s(Cadence(poll_first_s=0.2), every_s=5.0, polls=0, random=0.0)
    assert 0.2 == fixed_wait_s(Cadence(poll_first_s=0.2), every_s=5.0, polls=1, random=EVEN)
    assert 5.0 == fixed_wait_s(Cadence(poll_first_s=30.0), every_s=5.0, polls=1, random=EVEN)


def test_fixed_waits_grow_up_to_the_cap():
    cadence = Cadence(poll_first_s=5.0)
    waits = [fixed_wait_s(cadence, every_s=5.0, polls=polls, random=EVEN) for polls in range(1, 100)]

    assert [5.0, 7.5, 11.25] == waits[:3]
    assert waits == sorted(waits)
    assert 60.0 == waits[-1]


# ---------------------------------------------------------------- polls that were not answered


def test_unanswered_questions_back_off_to_five_caps():
    waits = [after_miss_s(PLAIN, every_s=5.0, misses=misses, retry_after_s=None, random=EVEN) for misses in range(100)]

    assert [5.0, 10.0, 20.0] == waits[:3]
    assert waits == sorted(waits)
    assert 300.0 == waits[-1]


@pytest.mark.parametrize("random", RANDOM_NUMBERS)
@pytest.mark.parametrize("misses", [0, 3, 50])
def test_wait_a_provider_asked_for_is_the_least_we_wait(random, misses):
    assert 900.0 == after_miss_s(PLAIN, every_s=5.0, misses=misses, retry_after_s=900.0, random=random)
    assert 4.0 <= after_miss_s(PLAIN, every_s=5.0, misses=misses, retry_after_s=0.0, random=random)


# ---------------------------------------------------------------- deliveries


def test_deliveries_follow_the_schedule_and_end_with_it():
    waits = [next_attempt_s(RETRY_SCHEDULE_S, attempts, None, EVEN) for attempts in range(len(RETRY_SCHEDULE_S) + 2)]

    assert [*RETRY_SCHEDULE_S, None, None] == waits


def test_published_schedule_is_the_published_one():
    """0 s, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
    assert (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400) == RETRY_SCHEDULE_S
    assert all(earlier < later for earlier, later in pairwise(RETRY_SCHEDULE_S))


@pytest.mark.parametrize(("asked_s", "wait_s"), [(None, 5.0), (1.0, 5.0), (600.0, 600.0), (10.0**9, 86_400.0)])
def test_wait_a_subscriber_asked_for_is_obeyed_up_to_the_longest_of_the_schedule(asked_s, wait_s):
    assert wait_s == next_attempt_s(RETRY_SCHEDULE_S, 1, asked_s, EVEN)


def test_wait_a_subscriber_asked_for_does_not_lengthen_the_schedule():
    assert next_attempt_s((0, 1), 2, 600.0, EVEN) is None


def test_empty_schedule_is_one_try():
    assert next_attempt_s((), 0, None, EVEN) is None
