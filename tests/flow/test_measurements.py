"""Measurements of a process in memory, until they are added to the database."""

import pytest

from arrivals.core.generation import Cost
from arrivals.flow.measurements import COSTS, EVERY, FAILURES, HISTOGRAMS, MAX_CURRENCIES, Histogram, Measurements

SHORT = Histogram(name="short_seconds", labels=("provider",), bounds_s=(0.5, 1.0), help="Short.")
NOW = 1_790_000_000_000_000


@pytest.mark.parametrize(
    ("seconds", "bound", "micros"),
    [(0.0, "0.5", 0), (0.5, "0.5", 500_000), (0.6, "1.0", 600_000), (1.1, "inf", 1_100_000), (-3.0, "0.5", 0)],
)
def test_a_duration_counts_in_the_range_that_it_falls_into(seconds, bound, micros):
    measurements = Measurements()

    measurements.observe(SHORT, ("vtrix",), seconds)

    taken = measurements.take(NOW)
    assert {("short_seconds", "vtrix", bound): 1} == {key: number for key, number in taken.items() if key[-1] != "sum"}
    assert micros == taken.get(("short_seconds", "vtrix", "sum"), 0)


def test_what_was_taken_begins_at_zero_again():
    measurements = Measurements()
    measurements.count(FAILURES, ("vtrix", "unknown"))

    assert {("failures_total", "vtrix", "unknown"): 1} == measurements.take(NOW)
    assert {} == measurements.take(NOW)


def test_what_was_put_back_adds_to_what_came_meanwhile():
    measurements = Measurements()
    measurements.count(FAILURES, ("vtrix", "unknown"))
    taken = measurements.take(NOW)
    measurements.count(FAILURES, ("vtrix", "unknown"))

    measurements.put_back(taken)

    assert {("failures_total", "vtrix", "unknown"): 2} == measurements.take(NOW)


def test_it_is_due_when_there_is_something_and_a_while_has_passed():
    measurements = Measurements()
    assert not measurements.due(NOW)
    measurements.observe(SHORT, ("vtrix",), 1.0)
    assert measurements.due(NOW)
    measurements.take(NOW)
    assert not measurements.due(NOW + EVERY)
    measurements.count(FAILURES, ("vtrix", "unknown"))

    assert [False, True, True] == [measurements.due(now) for now in (NOW + EVERY - 1, NOW + EVERY, NOW - 1)]


def test_costs_are_added_up_exactly():
    """As binary fractions ten cents would not be a dollar after ten times."""
    measurements = Measurements()
    for _ in range(10):
        measurements.spent("vtrix", Cost(amount="0.1"))
    measurements.spent("vtrix", Cost(amount="0.000000001", currency="eur"))

    assert {("cost_total", "vtrix", "USD"): COSTS.per_unit, ("cost_total", "vtrix", "EUR"): 1} == measurements.take(NOW)


@pytest.mark.parametrize("amount", ["", "free", "NaN", "Infinity", "-1", "1e999999", "1000001"])
def test_what_is_no_plausible_amount_is_not_counted(amount):
    measurements = Measurements()

    measurements.spent("vtrix", Cost(amount=amount))

    assert {} == measurements.take(NOW)


def test_currencies_that_a_provider_makes_up_are_bounded():
    """Every one would be a label."""
    measurements = Measurements()
    for number in range(MAX_CURRENCIES + 5):
        measurements.spent("vtrix", Cost(amount="1", currency=f"A{chr(65 + number)}A"))
    measurements.spent("vtrix", Cost(amount="1", currency="credits"))
    measurements.spent("vtrix", Cost(amount="1", currency="AAA"))

    taken = measurements.take(NOW)

    assert MAX_CURRENCIES + 1 == len(taken)
    assert 6 * COSTS.per_unit == taken["cost_total", "vtrix", "other"]
    assert 2 * COSTS.per_unit == taken["cost_total", "vtrix", "AAA"]


@pytest.mark.parametrize("histogram", HISTOGRAMS, ids=lambda histogram: histogram.name)
def test_bounds_rise(histogram):
    assert sorted(set(histogram.bounds_s)) == [*histogram.bounds_s]
    assert histogram.name.endswith("_seconds")
