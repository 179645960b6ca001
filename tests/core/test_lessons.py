"""The record of an account's webhooks: the share that comes, and how late it is."""

import pytest

from arrivals.core.lessons import LATE_S, WebhookLesson, WebhookRecord


def record(*outcomes, late_s=None, start=None):
    result = start or WebhookRecord()
    for came in outcomes:
        result = result.with_lesson(
            WebhookLesson(provider="fal", account="a", came=came, late_s=late_s if came else None)
        )
    return result


def test_webhooks_that_stop_are_noticed_within_a_few_generations():
    assert record(*[False] * 5).share < 0.35
    assert record(*[False] * 10).share < 0.2


def test_webhooks_that_come_again_are_believed_again():
    assert record(*[True] * 8, start=record(*[False] * 20)).share > 0.75


def test_one_that_came_after_all_makes_up_for_having_been_given_up():
    before = record(*[True] * 20)
    given_up = record(False, start=before)
    late = WebhookLesson(provider="fal", account="a", came=True, late_s=20.0, after_all=True)

    assert pytest.approx(before.share, abs=0.1) == given_up.with_lesson(late).share


def test_before_anything_is_known_webhooks_may_be_a_little_late():
    assert LATE_S == WebhookRecord().habits.late_s


def test_lateness_is_that_of_most():
    quick = record(*[True] * 60, late_s=0.5)

    assert 0.5 < quick.habits.late_s < 1.0
    assert record(*[True] * 60, late_s=30.0).habits.late_s > 25.0
