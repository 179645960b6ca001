"""Forecasts: how likely work is to end at which age, from what is documented and what was seen.

Ages are seconds since the submission.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from math import exp, log, sqrt

from arrivals.core.durations import BINS, EDGES_S, PER_OCTAVE, Durations, bin_of

PRIOR_WEIGHT = 4.0  # durations' worth of what the provider documents
PRIOR_INSIDE, PRIOR_BELOW, PRIOR_ABOVE = 0.86, 0.04, 0.10
FADED = 40.0  # durations that halve the weight of what is more general
SMOOTHING_BINS = 4.0  # of a single duration; less the more there are
SMOOTHING_POWER = -0.35
PROGRESS_SPREAD = 0.6  # of a first sign of progress, as a logarithm; less the further it is


@dataclass(frozen=True, eq=False)  # found by identity: what is computed from one is kept as long as it is
class Forecast:
    """A distribution of durations: the probability of each bin, and of an end before each edge."""

    mass: tuple[float, ...]
    before: tuple[float, ...]  # one more than bins

    def ended_by(self, age_s: float) -> float:
        """The probability of an end by this age."""
        if age_s <= EDGES_S[0]:
            return 0.0
        number = bin_of(age_s)
        width = EDGES_S[number + 1] - EDGES_S[number]
        return self.before[number] + self.mass[number] * min(1.0, (age_s - EDGES_S[number]) / width)

    @cached_property
    def mean_s(self) -> float:
        """The mean duration."""
        return sum(mass * (EDGES_S[number] + EDGES_S[number + 1]) / 2 for number, mass in enumerate(self.mass))

    def quantile(self, share: float) -> float:
        """The age by which this share, more than 0, has ended."""
        number = bisect_left(self.before, share) - 1
        if number >= BINS:
            return EDGES_S[-1]
        part = (share - self.before[number]) / self.mass[number]
        return EDGES_S[number] + part * (EDGES_S[number + 1] - EDGES_S[number])


def forecast(documented: tuple[float, float], longest_s: float, seen: Sequence[Durations] = ()) -> Forecast:
    """The distribution that what is documented and what was seen amount to.

    `documented`: the usual range; `longest_s`: when the provider gives up; `seen`: the general sketch first, then that
    of orders of the same size: the more a sketch has seen, the less those before it count.
    """
    mass = _prior(*documented, longest_s)
    weight = PRIOR_WEIGHT
    for sketch in seen:
        count = sketch.seen
        if count <= 0:
            continue
        smooth = _smoothed(sketch)
        old = weight / (1 + count / FADED)
        mass = [(old * before + count * now) / (old + count) for before, now in zip(mass, smooth, strict=True)]
        weight = min(weight + count, 4 * PRIOR_WEIGHT)
    return _forecast(mass)


def _forecast(mass: Sequence[float]) -> Forecast:
    total = sum(mass)
    mass = tuple(each / total for each in mass)
    return Forecast(mass, (0.0, *accumulate(mass)))


@lru_cache(maxsize=256)
def _prior(low_s: float, high_s: float, longest_s: float) -> list[float]:
    low, high = bin_of(low_s), max(bin_of(high_s), bin_of(low_s))
    mass = [0.0] * BINS
    _spread(mass, low, high, PRIOR_INSIDE)
    _spread(mass, max(0, low - 2 * PER_OCTAVE), low - 1, PRIOR_BELOW)
    _spread(mass, high + 1, min(BINS - 1, max(high + 2 * PER_OCTAVE, bin_of(longest_s))), PRIOR_ABOVE)
    return mass


def _spread(mass: list[float], first: int, last: int, share: float) -> None:
    for number in range(first, last + 1):
        mass[number] += share / (last - first + 1)


def _smoothed(sketch: Durations) -> list[float]:
    seen = sketch.seen
    width = SMOOTHING_BINS * max(1.0, seen) ** SMOOTHING_POWER
    reach = int(3 * width) + 1
    kernel = [exp(-((place / width) ** 2) / 2) for place in range(-reach, reach + 1)]
    total = sum(kernel) * seen
    mass = [0.0] * BINS
    for number, weight in sketch.weights.items():
        for place, share in enumerate(kernel, number - reach):
            mass[min(max(place, 0), BINS - 1)] += weight * share / total
    return mass


def with_progress(expected: Forecast, age_s: float, progress: float) -> Forecast:
    """The forecast of work that has come so far at this age: it may well go on at the same pace."""
    end_s = age_s / progress
    spread = PROGRESS_SPREAD * (1 - progress) + 0.05
    weights = [
        exp(-((log(sqrt(EDGES_S[number] * EDGES_S[number + 1]) / end_s) / spread) ** 2) / 2) + 0.02
        for number in range(BINS)
    ]
    return _forecast([mass * weight for mass, weight in zip(expected.mass, weights, strict=True)])
