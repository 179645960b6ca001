"""Metrics of what processes have measured: counters, and histograms of durations."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from arrivals.core.wire import SECOND
from arrivals.flow.measurements import SUM, Count, Histogram
from arrivals.store.metrics import Labels

PREFIX = "arrivals_"


def counter(count: Count, measured: Mapping[Labels, int]) -> Metric:
    """The counter with its samples."""
    made = CounterMetricFamily(PREFIX + count.name, count.help, labels=count.labels)
    for labels, number in _of(count.name, len(count.labels), measured):
        made.add_metric(labels, number / count.per_unit)
    return made


def histogram(durations: Histogram, measured: Mapping[Labels, int]) -> Metric:
    """The histogram with its samples. Ranges of a release with other bounds count towards the next bound of today."""
    made = HistogramMetricFamily(PREFIX + durations.name, durations.help, labels=durations.labels)
    by_labels: dict[Labels, dict[str, int]] = {}
    for (*labels, part), number in _of(durations.name, len(durations.labels) + 1, measured):
        by_labels.setdefault(tuple(labels), {})[part] = number
    for of, numbers in by_labels.items():
        sum_s = numbers.pop(SUM, 0) / SECOND
        ranges = {float(bound): number for bound, number in numbers.items()}
        made.add_metric(of, _cumulated(durations.bounds_s, ranges), sum_s)
    return made


def _of(name: str, width: int, measured: Mapping[Labels, int]) -> Iterator[tuple[Labels, int]]:
    """The numbers of this name, in order; those of a release with other labels are left out."""
    for key, number in sorted(measured.items()):
        if key[0] == name and len(key) == width + 1:
            yield key[1:], number


def _cumulated(bounds_s: Sequence[float], ranges: Mapping[float, int]) -> list[tuple[str, float]]:
    """The number of durations up to each bound."""
    return [
        ("+Inf" if bound == inf else str(bound), sum(number for upper, number in ranges.items() if upper <= bound))
        for bound in (*bounds_s, inf)
    ]
