"""Percentiles, medians, and figures combined over the rounds. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import math
from statistics import median
from typing import Any, TypeAlias

Figures: TypeAlias = dict[str, Any]

MS = 1000.0
# What must be nothing is added up over the rounds: a median would hide a single loss.
TOTALS = frozenset({"lost", "doubled", "missed", "skipped", "errors"})
BROKEN = ("lost", "skipped", "doubled", "died", "kept_growing")
CURVE = "samples"  # what a round was over time; it stays with its round
DIGITS = 4


@dataclass(slots=True)
class Case:
    """A measurement, round by round."""

    name: str
    rounds: list[Figures] = field(default_factory=list)

    def add(self, figures: Figures, ceiling: Figures, **more: Any) -> None:
        """Adds a round, beside what the machine could do in its place."""
        beside = {"ceiling": ceiling, "ratio": ratio(figures["per_second"], ceiling["per_second"])}
        self.rounds.append(figures | beside | more)

    @property
    def median(self) -> Figures:
        """The median of each figure over the rounds."""
        return over_rounds(self.rounds)

    @property
    def broken(self) -> bool:
        """True when a round lost, skipped or doubled anything, or the service died or grew; lateness is no fault."""
        return any(figures.get(name) for figures in self.rounds for name in BROKEN)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: the smallest value that is not exceeded by at least this share of all values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def in_ms(seconds: Sequence[float]) -> Figures:
    """p50, p95 and p99 of durations in seconds, in milliseconds; null where there is none."""
    return {
        f"p{round(share * 100)}_ms": None if (value := percentile(seconds, share)) is None else value * MS
        for share in (0.50, 0.95, 0.99)
    }


def between(before: float | None, after: float | None) -> float | None:
    """The difference between two readings; None where the machine does not report them."""
    return None if before is None or after is None else after - before


def ratio(part: float | None, whole: float | None) -> float | None:
    """Divides; None where there is nothing to divide, or nothing to divide by."""
    return part / whole if part is not None and whole else None


def over_rounds(rounds: Sequence[Mapping[str, Any]]) -> Figures:
    """Combines figure by figure: medians of numbers, sums of what must be zero, and texts and lists unchanged."""
    names = [name for name in (rounds[0] if rounds else ()) if name != CURVE]
    return {name: _together(name, [figures.get(name) for figures in rounds]) for name in names}


def _together(name: str, values: Sequence[Any]) -> Any:
    present = [value for value in values if value is not None]
    if not present:
        return None
    if isinstance(present[0], Mapping):
        return over_rounds(present)
    if isinstance(present[0], str | list):
        return present[0]
    return sum(present) if name in TOTALS else median(present)


def rounded(value: Any) -> Any:
    """Rounds floats to four significant digits, and never to less than the whole part."""
    if isinstance(value, Mapping):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value:
        return round(value, max(0, DIGITS - 1 - math.floor(math.log10(abs(value)))))
    return value
