"""The wait before the next question: within the documented pace and the cap, moved by all that the provider says."""

from dataclasses import replace

import pytest

from arrivals.core.asking import Load, Question
from arrivals.core.forecast import forecast
from arrivals.core.inspection import WebhookHabits

QUESTION = Question(expected=forecast((60.0, 120.0), 900.0), load=Load(in_flight=10, rate_per_s=5.0))
EVEN = 0.5  # the die that changes nothing


def wait_s(question=QUESTION, age_s=80.0, random=EVEN, **said):
    facts = {"progress": None, "queue_position": None, "poll_after_s": None} | said
    return question.wait_s(age_s, random=random, **facts)


def test_the_documented_pace_bounds_every_wait_from_below():
    assert wait_s(age_s=110.0) < 5.0
    assert 15.0 == wait_s(replace(QUESTION, floor_s=15.0), age_s=110.0)


def test_the_cap_bounds_every_wait_that_begins_where_work_may_end():
    assert 20.0 < wait_s(age_s=0.0) < 62.0
    assert 10.0 == wait_s(replace(QUESTION, cap_s=10.0), age_s=5000.0)
    assert 0.0 < wait_s(replace(QUESTION, cap_s=10.0), age_s=0.0) - 10.0 < 30.0


def test_where_webhooks_come_the_cap_is_wider():
    webhooks = WebhookHabits(share=1.0, late_s=0.0)

    assert 40.0 == wait_s(replace(QUESTION, cap_s=10.0, webhooks=webhooks), age_s=5000.0)


@pytest.mark.parametrize(("asked_s", "waits_s"), [(0.1, 1.0), (7.0, 7.0), (9999.0, 60.0)])
def test_the_wait_that_a_provider_asks_for_is_obeyed_within_the_bounds(asked_s, waits_s):
    assert waits_s == wait_s(poll_after_s=asked_s)


def test_progress_moves_the_question():
    quick, slow = wait_s(progress=0.95), wait_s(progress=0.1)

    assert quick < wait_s() < slow


@pytest.mark.parametrize("progress", [0.0, 0.001, 1.0])
def test_progress_that_says_nothing_moves_nothing(progress):
    assert wait_s() == wait_s(progress=progress)


def test_what_has_not_begun_is_not_asked_about_so_soon():
    assert wait_s(age_s=100.0, queue_position=7) > 3 * wait_s(age_s=100.0)
    assert wait_s(age_s=100.0, queue_position=0) == wait_s(age_s=100.0)


def test_questions_that_would_come_together_are_spread_a_little():
    waits = [wait_s(random=random) for random in (0.0, EVEN, 1.0)]

    assert waits == sorted(waits)
    assert pytest.approx([0.96 * waits[1], 1.04 * waits[1]]) == [waits[0], waits[2]]


def test_waiting_orders_leave_questions_half_of_the_requests_at_least():
    assert 0.9 * 5.0 == Load(in_flight=10, rate_per_s=5.0).spare_per_s(100.0)
    assert pytest.approx(0.9 * 4.9) == Load(in_flight=10, rate_per_s=5.0, crowded=True).spare_per_s(100.0)
    assert 0.9 * 2.5 == Load(in_flight=5000, rate_per_s=5.0, crowded=True).spare_per_s(100.0)
