"""A circuit breaker: whoever keeps failing is called less, and one call now and then finds out whether that is over."""

from dataclasses import dataclass

from arrivals.core.backoff import backoff_s
from arrivals.core.wire import Micros, micros

MISSES_TO_OPEN = 5
FIRST_OPEN_S = 5.0
LONGEST_OPEN_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Open from the fifth miss in a row, forever longer, with one call let through between two such times."""

    misses: int = 0
    open_until: Micros = 0

    def missed(self, now: Micros) -> "Breaker":
        """The breaker after one more failure."""
        misses = self.misses + 1
        open_until = self.open_until if misses < MISSES_TO_OPEN else now + _open_for(misses)
        return Breaker(misses=misses, open_until=open_until)

    def opened_after(self, begun_at: Micros, now: Micros) -> bool:
        """True if it opened while that call was under way: calls that miss at one moment say no more than one."""
        if self.misses < MISSES_TO_OPEN or self.open_until > now + micros(LONGEST_OPEN_S):
            return False
        return begun_at < self.open_until - _open_for(self.misses)

    def passing(self, now: Micros) -> int | None:
        """The number of calls it lets through: None is any number, 0 while open, 1 to find out whether it is over."""
        if self.misses < MISSES_TO_OPEN:
            return None
        return 0 if now < self.open_until <= now + micros(LONGEST_OPEN_S) else 1


def _open_for(misses: int) -> Micros:
    return micros(backoff_s(misses - MISSES_TO_OPEN, first_s=FIRST_OPEN_S, max_s=LONGEST_OPEN_S))
