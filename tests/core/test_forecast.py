"""Forecasts: what is documented counts until something was seen, and what was seen of the same size counts most."""

import random

import pytest

from arrivals.core.durations import Durations
from arrivals.core.forecast import forecast, with_progress

DOCUMENTED = (60.0, 180.0)


def seen(low_s, high_s, count=100):
    rng = random.Random(1)
    return Durations().with_durations((took, took) for took in (rng.uniform(low_s, high_s) for _ in range(count)))


def test_before_anything_is_seen_the_documented_range_is_expected():
    expected = forecast(DOCUMENTED, 900.0)

    assert pytest.approx(0.86, abs=0.06) == expected.ended_by(180.0) - expected.ended_by(60.0)
    assert 60.0 < expected.mean_s < 180.0
    assert 0.0 == expected.ended_by(0.0)
    assert pytest.approx(1.0) == expected.ended_by(1e6)


def test_what_was_seen_soon_counts_more_than_the_page():
    expected = forecast(DOCUMENTED, 900.0, [seen(20, 30)])

    assert expected.ended_by(35.0) > 0.9
    assert 20.0 < expected.quantile(0.5) < 30.0


def test_one_duration_alone_rules_nothing_out():
    expected = forecast(DOCUMENTED, 900.0, [seen(20, 20, count=1)])

    assert 0.05 < expected.ended_by(40.0) < 0.5


def test_orders_of_the_same_size_count_more_than_others_of_the_model():
    expected = forecast(DOCUMENTED, 900.0, [seen(20, 300), seen(200, 220, count=40)])

    assert 180.0 < expected.quantile(0.3) < expected.quantile(0.7) < 240.0


def test_an_empty_sketch_changes_nothing():
    assert forecast(DOCUMENTED, 900.0).mass == forecast(DOCUMENTED, 900.0, [Durations()]).mass


def test_quantiles_are_the_inverse_of_the_share_that_has_ended():
    expected = forecast(DOCUMENTED, 900.0, [seen(20, 300)])

    assert all(
        pytest.approx(share, abs=0.001) == expected.ended_by(expected.quantile(share))
        for share in (0.01, 0.3, 0.5, 0.9)
    )
    assert expected.quantile(1.1) >= expected.quantile(0.999)


@pytest.mark.parametrize(("progress", "end_s"), [(0.5, 100.0), (0.25, 200.0), (0.9, 55.6)])
def test_progress_moves_the_end_that_is_expected(progress, end_s):
    expected = forecast((20.0, 400.0), 900.0)

    assert pytest.approx(end_s, rel=0.35) == with_progress(expected, 50.0, progress).quantile(0.5)
