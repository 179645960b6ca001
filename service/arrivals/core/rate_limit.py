"""The generic cell rate algorithm: how often something may happen, kept as one number.

That number is `spent_until`, the moment at which nothing is owed any more: no window, no counter to reset, one column.
Source: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

from dataclasses import dataclass

from arrivals.core.wire import Micros


def debt(spent_until: Micros, now: Micros, max_debt: Micros) -> Micros:
    """The time still owed at `now`. More than `max_debt` was written by a clock that ran ahead, and silences nobody."""
    owed = max(0, spent_until - now)
    return owed if owed <= max_debt else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """One event each `interval` in the long run, and `burst` at once when nothing happened for a while."""

    interval: Micros
    burst: int
    max_debt: Micros

    def affordable(self, spent_until: Micros, now: Micros) -> int:
        """The number of events that may happen now."""
        return max(0, self._left(spent_until, now) // self.interval)

    def wait(self, spent_until: Micros, now: Micros) -> Micros:
        """The time until one more event may happen; 0 if it may now."""
        return max(0, self.interval - self._left(spent_until, now))

    def spend(self, spent_until: Micros, now: Micros, count: int) -> Micros:
        """`spent_until` after `count` more. No debt beyond the maximum, which would be forgotten."""
        return now + min(debt(spent_until, now, self.max_debt) + count * self.interval, self.max_debt)

    def refund(self, spent_until: Micros, now: Micros, count: int) -> Micros:
        """`spent_until` after `count` that were spent and did not happen."""
        return now + max(0, debt(spent_until, now, self.max_debt) - count * self.interval)

    def _left(self, spent_until: Micros, now: Micros) -> Micros:
        return self.burst * self.interval - debt(spent_until, now, self.max_debt)
