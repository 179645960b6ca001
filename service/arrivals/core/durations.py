"""Durations as a sketch: how much of the work took how long, in bins that grow with the duration.

A sketch is small, forgets slowly, follows a change quickly, and can be merged with another. What is known only to lie
between two moments, as an end between two polls does, is spread over the bins between them as the rest of the sketch
suggests.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log2

PER_OCTAVE = 8  # bins, each 9 % longer than the one before
SHORTEST_S = 1 / 16
BINS = 20 * PER_OCTAVE  # up to 18 hours
EDGES_S: tuple[float, ...] = tuple(SHORTEST_S * 2 ** (number / PER_OCTAVE) for number in range(BINS + 1))
MEMORY = 150.0  # durations after which a third of what was seen before is left
SURPRISE_RATE = 0.25
SURPRISED = 0.5  # this share of what came lately lies where hardly anything lay before: it is another provider now
TAIL = 0.03  # what lies further out than this is a surprise
LEAST_WEIGHT = 1e-4
LEFT_AFTER_CHANGE = 3.0  # durations' worth


def bin_of(duration_s: float) -> int:
    """The bin that a duration falls into."""
    if duration_s <= SHORTEST_S:
        return 0
    return min(int(log2(duration_s / SHORTEST_S) * PER_OCTAVE), BINS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """The weights of the bins that have any, and how surprising the last durations were, from 0 to 1."""

    weights: Mapping[int, float] = field(default_factory=dict)
    surprise: float = 0.0

    @property
    def seen(self) -> float:
        """The number of durations that it stands for; what was seen long ago counts less."""
        return sum(self.weights.values())

    def quantile(self, share: float) -> float:
        """The duration that this share stays below, 0.0 where nothing was seen."""
        wanted, below = share * self.seen, 0.0
        for number in sorted(self.weights):
            below += self.weights[number]
            if below >= wanted:
                return EDGES_S[number + 1]
        return 0.0

    def with_duration(self, low_s: float, high_s: float) -> "Durations":
        """The sketch with one more, which took longer than `low_s` and at most `high_s`."""
        spread = self._spread_between(low_s, high_s)
        surprise = self.surprise
        if self.seen >= 1 / TAIL / 3:
            surprise += SURPRISE_RATE * (self._is_surprising(spread) - surprise)
        seen = self.seen
        kept = 1 - 1 / MEMORY
        if surprise >= SURPRISED and seen > LEFT_AFTER_CHANGE:
            kept, surprise = LEFT_AFTER_CHANGE / seen, 0.0
        weights = {number: weight * kept for number, weight in self.weights.items() if weight * kept > LEAST_WEIGHT}
        for number, share in spread.items():
            weights[number] = weights.get(number, 0.0) + share
        return Durations(weights=weights, surprise=surprise)

    def with_durations(self, intervals: Iterable[tuple[float, float]]) -> "Durations":
        """The sketch with each of these, in order."""
        sketch = self
        for low_s, high_s in intervals:
            sketch = sketch.with_duration(low_s, high_s)
        return sketch

    def _spread_between(self, low_s: float, high_s: float) -> dict[int, float]:
        """One duration's weight over the bins between two, as the sketch has it there, evenly where it has nothing."""
        first, last = bin_of(low_s), bin_of(max(high_s, low_s))
        shares = {}
        for number in range(first, last + 1):
            width = EDGES_S[number + 1] - EDGES_S[number]
            part = min(high_s, EDGES_S[number + 1]) - max(low_s, EDGES_S[number])
            # A little everywhere, so that what was never seen there is not ruled out.
            shares[number] = max(part / width, 1e-3) * (self.weights.get(number, 0.0) + 0.05)
        total = sum(shares.values())
        return {number: share / total for number, share in shares.items()}

    def _is_surprising(self, spread: Mapping[int, float]) -> float:
        """The share of a duration that lies beyond all but a small part of the others."""
        seen, below, surprising = self.seen, 0.0, 0.0
        for number in sorted({*self.weights, *spread}):
            here = self.weights.get(number, 0.0)
            if below + here < TAIL * seen or below > (1 - TAIL) * seen:
                surprising += spread.get(number, 0.0)
            below += here
        return surprising
