"""When to ask, when to try again, when to stop."""

from itertools import pairwise

import pytest

from arrivals.core.backoff import jittered
from arrivals.core.cadence import (
    RETRY_SCHEDULE_S,
    Cadence,
    DurationEstimate,
    after_miss_s,
    first_estimate,
    first_poll_s,
    next_attempt_s,
    next_poll_s,
)

PLAIN = Cadence()
EVEN = 0.5  # the die that changes nothing
RANDOM_NUMBERS = [0.0, 0.25, EVEN, 0.75, 0.999]


@pytest.mark.parametrize(("random", "factor"), [(0.0, 0.8), (0.25, 0.9), (0.5, 1.0), (0.75, 1.1)])
def test_jitter_is_a_fifth_either_way(random, factor):
    assert pytest.approx(10.0 * factor) == jittered(10.0, random)


# ---------------------------------------------------------------- the first question


def test_without_a_webhook_we_ask_from_the_documented_start():
    usual = DurationEstimate(count=9, mean_s=300.0, deviation_s=1.0)

    assert 8.0 == first_poll_s(PLAIN, documented=(8.0, 120.0), usual=usual, webhook=False)


def test_expected_webhook_is_waited_for_half_as_long_again_as_documented():
    assert 180.0 == first_poll_s(PLAIN, documented=(8.0, 120.0), usual=None, webhook=True)


def test_learned_duration_replaces_the_documented_one():
    usual = DurationEstimate(count=9, mean_s=40.0, deviation_s=5.0)

    assert 50.0 == first_poll_s(PLAIN, documented=(8.0, 120.0), usual=usual, webhook=True)


def test_we_never_ask_before_the_documented_start():
    usual = DurationEstimate(count=9, mean_s=1.0, deviation_s=0.1)

    assert 8.0 == first_poll_s(PLAIN, documented=(8.0, 120.0), usual=usual, webhook=True)


@pytest.mark.parametrize("webhook", [True, False])
def test_operators_first_question_wins(webhook):
    assert 0.2 == first_poll_s(Cadence(poll_first_s=0.2), documented=(8.0, 120.0), usual=None, webhook=webhook)


# ---------------------------------------------------------------- the next questions


def test_questions_become_rarer_up_to_the_cap():
    waits = [next_poll_s(PLAIN, every_s=5.0, polls=polls, random=EVEN) for polls in range(100)]

    assert [5.0, 7.5, 11.25] == waits[:3]
    assert waits == sorted(waits)
    assert 60.0 == waits[-1]


@pytest.mark.parametrize("random", RANDOM_NUMBERS)
def test_cap_bounds_every_question(random):
    assert 2.0 >= next_poll_s(Cadence(poll_max_s=2.0), every_s=15.0, polls=10**6, random=random) / 1.2


def test_operators_first_question_quickens_the_next_ones_and_never_slows_them():
    assert 0.2 == next_poll_s(Cadence(poll_first_s=0.2), every_s=5.0, polls=0, random=EVEN)
    assert 5.0 == next_poll_s(Cadence(poll_first_s=30.0), every_s=5.0, polls=0, random=EVEN)


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


# ---------------------------------------------------------------- what is learned


def test_first_duration_is_the_usual_one_with_half_of_it_as_spread():
    assert DurationEstimate(count=1, mean_s=40.0, deviation_s=20.0) == first_estimate(40.0)


def test_further_durations_move_the_usual_one_an_eighth_of_the_way():
    assert DurationEstimate(count=2, mean_s=50.0, deviation_s=35.0) == first_estimate(40.0).with_duration(120.0)


def test_what_always_takes_the_same_is_known_exactly():
    usual = first_estimate(40.0)
    for _ in range(60):
        usual = usual.with_duration(40.0)

    assert (61, 40.0) == (usual.count, usual.mean_s)
    assert usual.deviation_s < 0.001


def test_change_of_pace_is_learned():
    usual = first_estimate(10.0)
    for _ in range(60):
        usual = usual.with_duration(100.0)

    assert pytest.approx(100.0, abs=0.1) == usual.mean_s
