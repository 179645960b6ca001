"""Measurements of a process, in memory: how long things take, failures by code, and costs.

Now and then the numbers are added to those in the database (`admin/add_measured.py`), so that every process shows the
same, also what those measured that serve no HTTP, and so that none goes down at a restart.

Labels are words of ours and the operator's: their number is bounded, and none contains a colon.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
import re
from typing import TypeAlias

from arrivals.core.generation import Cost
from arrivals.core.wire import SECOND, Micros

Labels: TypeAlias = tuple[str, ...]

EVERY: Micros = 10 * SECOND  # between two additions to the database
SUM = "sum"
OTHER = "other"
_CURRENCY = re.compile(r"[A-Z]{3}")
MAX_CURRENCIES = 20  # of one provider, in one process
MAX_AMOUNT = Decimal(1_000_000)  # of one generation; more is a mistake


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # found by identity, because that costs least
class Histogram:
    """Durations by their labels, counted by the upper bounds of ranges, in seconds."""

    name: str
    labels: Labels
    bounds_s: tuple[float, ...]
    help: str

    @property
    def parts(self) -> Labels:
        """The numbers of each set of labels: how many durations fell into each range, and their sum in microseconds."""
        return (*map(str, self.bounds_s), "inf", SUM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number that only goes up. It is kept in whole numbers, of which `per_unit` are one."""

    name: str
    labels: Labels
    help: str
    per_unit: int = 1


_MINUTES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
_DAYS = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0, 86400.0)
_DELAYS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 300.0)
_ANSWERS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

GENERATIONS = Histogram(
    name="generation_duration_seconds", labels=("provider", "status"), bounds_s=_MINUTES,
    help="From the order to the end of generations that closed.",
)  # fmt: skip
LATENESS = Histogram(
    name="webhook_lateness_seconds", labels=("provider",), bounds_s=_DAYS,
    help="How long after a poll had told us the end its webhooks came; webhooks that come first are not counted.",
)  # fmt: skip
DELAYS = Histogram(
    name="result_delay_seconds", labels=("provider", "learned_from"), bounds_s=_DELAYS,
    help="From the end of the work, by the clock of providers that state it, to when the result was known here.",
)  # fmt: skip
DELIVERIES = Histogram(
    name="delivery_duration_seconds", labels=("kind",), bounds_s=_DAYS,
    help="From an event to its arrival at a subscriber, retries included.",
)  # fmt: skip
ATTEMPTS = Histogram(
    name="delivery_attempt_duration_seconds", labels=("outcome",), bounds_s=_ANSWERS,
    help="How long subscribers took to answer one attempt, by the class of the HTTP status or the name of the error.",
)  # fmt: skip
REQUESTS = Histogram(
    name="http_request_duration_seconds", labels=("method", "route", "status"), bounds_s=_ANSWERS,
    help="How long requests took until their answer began, held ones included; by route template and status class.",
)  # fmt: skip
FAILURES = Count(
    name="failures_total", labels=("provider", "code"),
    help="Generations that were announced as failed or expired, by failure code.",
)  # fmt: skip
COSTS = Count(
    name="cost_total", labels=("provider", "currency"), per_unit=10**9,
    help="What the providers reported as the price of generations that closed.",
)  # fmt: skip
HISTOGRAMS = (GENERATIONS, LATENESS, DELAYS, DELIVERIES, ATTEMPTS, REQUESTS)
COUNTS = (FAILURES, COSTS)


class Measurements:
    """The numbers of this process that are not in the database yet, by name, labels and range."""

    def __init__(self) -> None:
        self._numbers: Counter[Labels] = Counter()
        self._durations: dict[tuple[Histogram, Labels], list[int]] = {}  # the parts of each
        self._currencies: dict[str, set[str]] = {}
        self._taken_at: Micros = 0

    def observe(self, histogram: Histogram, labels: Labels, seconds: float) -> None:
        """Counts one duration. One below zero, by a clock that was set back, counts as none at all."""
        parts = self._durations.get((histogram, labels))
        if parts is None:
            parts = self._durations[histogram, labels] = [0] * (len(histogram.bounds_s) + 2)
        parts[bisect_left(histogram.bounds_s, seconds)] += 1
        if seconds > 0:
            parts[-1] += int(seconds * SECOND)

    def count(self, count: Count, labels: Labels) -> None:
        """Counts one more."""
        self._numbers[count.name, *labels] += count.per_unit

    def spent(self, provider: str, cost: Cost) -> None:
        """Adds a cost, if the provider's words for it are a plausible amount."""
        try:
            amount = Decimal(cost.amount)
        except InvalidOperation:
            return
        if amount.is_finite() and 0 <= amount <= MAX_AMOUNT:
            self._numbers[COSTS.name, provider, self._currency(provider, cost)] += round(amount * COSTS.per_unit)

    def _currency(self, provider: str, cost: Cost) -> str:
        currencies, currency = self._currencies.setdefault(provider, set()), cost.currency.upper()
        if not _CURRENCY.fullmatch(currency) or (currency not in currencies and len(currencies) == MAX_CURRENCIES):
            return OTHER
        currencies.add(currency)
        return currency

    def due(self, now: Micros) -> bool:
        """True if there is something to add to the database, and the last time was a while ago."""
        return bool(self._numbers or self._durations) and not 0 <= now - self._taken_at < EVERY

    def take(self, now: Micros) -> Mapping[Labels, int]:
        """The numbers, which begin at zero again."""
        taken, durations = self._numbers, self._durations
        self._numbers, self._durations, self._taken_at = Counter(), {}, now
        for (histogram, labels), numbers in durations.items():
            for part, number in zip(histogram.parts, numbers, strict=True):
                if number:
                    taken[histogram.name, *labels, part] += number
        return taken

    def put_back(self, numbers: Mapping[Labels, int]) -> None:
        """Adds numbers again that could not be added to the database."""
        self._numbers.update(numbers)
