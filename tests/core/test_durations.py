"""Sketches of durations: what was seen comes back, old things fade, and a changed provider is followed."""

import math
import random

import pytest

from arrivals.core.durations import BINS, EDGES_S, MEMORY, Durations, bin_of


def seen(*durations_s):
    return Durations().with_durations((duration_s, duration_s) for duration_s in durations_s)


@pytest.mark.parametrize("duration_s", [0.0, 0.01, 1 / 16, 0.5, 1.0, 60.0, 899.0, 60_000.0])
def test_a_duration_falls_into_the_bin_around_it(duration_s):
    number = bin_of(duration_s)

    assert EDGES_S[number] <= max(duration_s, EDGES_S[0]) < EDGES_S[number + 1]


def test_what_takes_longer_than_all_bins_is_in_the_last_one():
    assert BINS - 1 == bin_of(1e9)


def test_quantiles_are_those_of_what_was_seen_within_a_bin():
    rng = random.Random(1)
    sketch = seen(*(rng.uniform(60, 120) for _ in range(400)))

    assert pytest.approx(90, rel=0.1) == sketch.quantile(0.5)
    assert pytest.approx(114, rel=0.1) == sketch.quantile(0.9)
    assert 0.0 == Durations().quantile(0.5)


def test_a_duration_between_two_moments_is_spread_as_the_others_are():
    sketch = seen(*[100.0] * 50).with_duration(50.0, 200.0)

    assert pytest.approx(50.0, abs=10) == sum(
        weight for number, weight in sketch.weights.items() if number == bin_of(100.0)
    )
    assert pytest.approx(sum(sketch.weights.values())) == sketch.seen


def test_a_duration_between_two_moments_that_nothing_is_known_about_is_spread_evenly():
    weights = Durations().with_duration(60.0, 120.0).weights

    assert {*range(bin_of(60.0), bin_of(120.0) + 1)} == {*weights}
    assert pytest.approx(1.0) == sum(weights.values())
    assert max(weights.values()) < 0.3


def test_a_sketch_never_stands_for_more_than_its_memory():
    assert MEMORY == pytest.approx(seen(*[10.0] * 5000).seen, rel=0.01)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_provider_that_changed_is_followed_within_tens_of_generations(factor):
    rng = random.Random(2)
    sketch = seen(*(90 * math.exp(rng.gauss(0, 0.2)) for _ in range(300)))

    changed = sketch.with_durations(
        (took, took) for took in (factor * 90 * math.exp(rng.gauss(0, 0.2)) for _ in range(20))
    )

    assert pytest.approx(factor * 90, rel=0.25) == changed.quantile(0.5)


def test_a_few_strange_durations_are_no_change():
    rng = random.Random(3)
    sketch = seen(*(90 * math.exp(rng.gauss(0, 0.2)) for _ in range(300)), 900.0, 950.0)

    assert pytest.approx(90, rel=0.15) == sketch.quantile(0.5)
    assert sketch.seen > 100


def test_what_was_seen_long_ago_fades_away():
    sketch = seen(5.0, *[100.0] * 3000)

    assert {bin_of(100.0)} == {*sketch.weights}
