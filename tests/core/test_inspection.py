"""The inspection policy: questions where the end is likely, fewer than by even polling, and none wasted when scarce."""

import math
import random

import pytest

from arrivals.core.durations import EDGES_S, Durations
from arrivals.core.forecast import forecast
from arrivals.core.inspection import NO_WEBHOOKS, PRICE, WebhookHabits, effort, next_question_s, price_of

RATE_PER_S = 5.0
DRAWS = {
    "uniform": (lambda rng: rng.uniform(60, 120), (60.0, 120.0)),
    "wide": (lambda rng: rng.uniform(120, 420), (120.0, 420.0)),
    "lognormal": (lambda rng: 90 * math.exp(rng.gauss(0, 0.35)), (50.0, 160.0)),
    "two humps": (lambda rng: rng.gauss(40, 4) if rng.random() < 0.7 else rng.gauss(300, 30), (30.0, 330.0)),
}


def learned(name, count=200):
    draw, documented = DRAWS[name]
    rng = random.Random(1)
    sketch = Durations().with_durations((took, took) for took in (draw(rng) for _ in range(count)))
    return forecast(documented, 900.0, [sketch])


def ages_of(expected, ends_at_s, webhooks=NO_WEBHOOKS):
    """The ages at which it is asked about until it has ended."""
    ages = [0.0]
    price = price_of(expected, webhooks=webhooks, rate_per_s=RATE_PER_S)
    while ages[-1] < ends_at_s:
        ages.append(max(ages[-1] + 1.0, next_question_s(expected, ages[-1], price=price, webhooks=webhooks)))
    return ages[1:]


@pytest.mark.parametrize("name", DRAWS)
def test_an_end_is_known_sooner_and_with_fewer_questions_than_by_asking_every_five_seconds(name):
    rng, expected = random.Random(2), learned(name)
    ends = [DRAWS[name][0](rng) for _ in range(500)]
    questions = [ages_of(expected, end_s) for end_s in ends]
    delays = sorted(ages[-1] - end_s for ages, end_s in zip(questions, ends, strict=True))

    assert sum(map(len, questions)) < sum(math.ceil(end_s / 5) for end_s in ends)
    assert sum(delays) / 500 <= 2.6
    assert delays[474] <= 6.0


@pytest.mark.parametrize("name", DRAWS)
def test_what_is_documented_is_enough_to_begin_with(name):
    rng, expected = random.Random(3), forecast(DRAWS[name][1], 900.0)
    ends = [DRAWS[name][0](rng) for _ in range(500)]
    questions = [ages_of(expected, end_s) for end_s in ends]
    delays = sorted(ages[-1] - end_s for ages, end_s in zip(questions, ends, strict=True))

    assert sum(map(len, questions)) <= sum(math.ceil(end_s / 5) for end_s in ends)
    assert sum(delays) / 500 <= 4.0
    assert delays[474] <= 10.0


def test_nothing_is_asked_where_nothing_ends():
    first, second, *_ = ages_of(learned("uniform"), 110.0)

    assert first > 55.0
    assert second - first < 8.0


def test_where_a_webhook_is_expected_few_questions_are_asked_and_fewer_the_more_surely_it_comes():
    expected = learned("uniform")
    counts = [
        len(ages_of(expected, 100.0, webhooks=WebhookHabits(share=share, late_s=2.0)))
        for share in (0.0, 0.5, 0.8, 0.99)
    ]

    assert counts == sorted(counts, reverse=True)
    assert counts[0] >= 3 * counts[2]
    assert 1 <= counts[3] <= 2


def test_webhooks_that_never_come_are_not_waited_for():
    expected = learned("uniform")

    assert ages_of(expected, 100.0) == ages_of(expected, 100.0, webhooks=WebhookHabits(share=0.0, late_s=30.0))


def test_a_silent_end_is_asked_for_when_its_webhook_is_later_than_webhooks_are():
    expected = learned("uniform")
    soon, late = (
        next_question_s(expected, 0.0, price=1.0, webhooks=WebhookHabits(share=0.8, late_s=late_s))
        for late_s in (0, 10)
    )

    assert pytest.approx(8.0) == late - soon


def test_a_question_costs_more_where_an_account_cannot_afford_as_many():
    expected = learned("uniform")
    prices = [price_of(expected, in_flight=in_flight, rate_per_s=5.0) for in_flight in (1, 10, 40, 100)]

    assert [PRICE, PRICE] == prices[:2]
    assert prices[1] < prices[2] < prices[3]
    assert pytest.approx(effort(expected) / prices[3], rel=0.3) == expected.mean_s * 5 / 100


def test_who_can_hardly_ask_at_all_is_never_idle():
    assert PRICE == price_of(learned("uniform"), in_flight=5000, rate_per_s=1.0)


@pytest.mark.parametrize("age_s", [50_000.0, 500_000.0])
def test_beyond_everything_that_was_ever_expected_only_the_cap_bounds_the_wait(age_s):
    assert age_s + EDGES_S[-1] == next_question_s(learned("uniform"), age_s, price=PRICE)
