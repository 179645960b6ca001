"""The curve of a process over time: samples, their medians by quarter, and whether its memory levelled off. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, TypeAlias

from arrivals.lab.bench.figures import Figures, ratio

QUARTERS = 4
SECOND, LAST = 1, 3  # of the quarters: in the first, caches fill and code is loaded
LEVEL = 1.05  # the most that the last quarter may have of the second
CURVE_POINTS = 120  # of a report
FOLLOWED = ("rss_mb", "pss_mb", "descriptors", "threads", "database_mb", "log_mb", "live_ms")

Quarters: TypeAlias = list[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample of the service; None where the system does not report a figure.

    `live_ms` is the median answer of `/health/live` since the sample before, `live_max_ms` the slowest: one loop
    answers it and does everything else, so it tells how long that loop was busy with something.
    """

    at_s: float
    rss_mb: float | None
    pss_mb: float | None
    descriptors: float | None
    threads: float | None
    database_mb: float
    log_mb: float
    live_ms: float | None
    live_max_ms: float | None
    events: int


def quarters(samples: Sequence[Sample], name: str, seconds: float) -> Quarters:
    """Returns the median of a figure in each quarter of the time."""
    return [_median(samples, name, number, seconds) for number in range(QUARTERS)]


def growth(medians: Quarters) -> float | None:
    """Returns the ratio of the last quarter to the second; None where either is missing."""
    return ratio(medians[LAST], medians[SECOND])


def thinned(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Returns as many samples as a report holds at most, evenly chosen, the last among them."""
    step = -(-len(samples) // CURVE_POINTS) or 1
    return [asdict(sample) for sample in samples[::-1][::step][::-1]]


def figures(samples: Sequence[Sample], seconds: float) -> Figures:
    """Returns the curve and its summary. `levelled_off` is None when there is too little to tell."""
    medians = {name: quarters(samples, name, seconds) for name in FOLLOWED}
    grown = growth(medians["rss_mb"])
    return {
        "last_quarter_of_second": grown,
        "levelled_off": None if grown is None else grown <= LEVEL,
        "quarters": medians,
        "samples": thinned(samples),
    }


def _median(samples: Sequence[Sample], name: str, number: int, seconds: float) -> float | None:
    begin, end = number * seconds / QUARTERS, (number + 1) * seconds / QUARTERS
    values = [
        value for sample in samples if begin <= sample.at_s < end and (value := getattr(sample, name)) is not None
    ]
    return float(median(values)) if values else None
