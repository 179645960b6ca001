"""The requests that an account may send now: its budget, its ledger, and fair turns between those who share it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from arrivals.core.breaker import FIRST_OPEN_S, Breaker
from arrivals.core.rate_limit import RateLimit, debt
from arrivals.core.wire import SECOND, Micros, micros

LONGEST_DEBT: Micros = 60 * SECOND  # of the smallest budget, one request a minute
LONGEST_PAUSE_S = 3600.0  # whoever asks for more is asked again after an hour
BURST_SHARE = 4  # a quarter of the minute's requests may go at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits that a provider sets for one account.

    `requests_per_poll`: how many a poll may come to, where some answers need a second question. All are set aside
    before the first is asked, so that no minute sees more than it may.
    """

    max_in_flight: int
    requests_per_minute: int
    requests_per_poll: int = 1

    @property
    def per_poll(self) -> int:
        """The requests set aside for a poll; never more than the burst."""
        return min(self.requests_per_poll, self.burst)

    @property
    def burst(self) -> int:
        """The number that may go at once when nothing was sent for a while."""
        return max(1, self.requests_per_minute // BURST_SHARE)

    @property
    def interval(self) -> Micros:
        """Between requests in the long run, so that no minute ever sees more than `requests_per_minute`."""
        return -(-60 * SECOND // max(1, self.requests_per_minute - self.burst))  # rounded up

    @property
    def rate_limit(self) -> RateLimit:
        """The same as a rate limit."""
        return RateLimit(interval=self.interval, burst=self.burst, max_debt=LONGEST_DEBT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The use of one account: the generic cell rate algorithm's one number, whose turn it was, and recent misses.

    `spent_until` is the moment at which the budget is whole again; until `paused_until` the provider has asked us to
    wait.
    """

    provider: str
    account: str
    spent_until: Micros = 0
    last_turn: str | None = None
    misses: int = 0
    open_until: Micros = 0
    paused_until: Micros = 0

    def affordable(self, budget: Budget, now: Micros) -> int:
        """Requests that may be sent now."""
        return 0 if self._paused(now) else budget.rate_limit.affordable(self.spent_until, now)

    def spend(self, budget: Budget, now: Micros, requests: int, turn: str) -> "Ledger":
        """The ledger with `requests` sent now by `turn` (submit, poll or hand)."""
        if requests == 0:
            return self
        return replace(self, spent_until=budget.rate_limit.spend(self.spent_until, now, requests), last_turn=turn)

    def wait(self, budget: Budget, now: Micros) -> Micros:
        """The time until one more request is affordable; 0 when it is."""
        return max(budget.rate_limit.wait(self.spent_until, now), self._paused(now))

    def refunded(self, budget: Budget, now: Micros, requests: int) -> "Ledger":
        """The ledger with so many requests given back that were set aside and not sent."""
        return replace(self, spent_until=budget.rate_limit.refund(self.spent_until, now, requests))

    def paused(self, now: Micros, wait_s: float) -> "Ledger":
        """The ledger after the provider has asked the account to wait; the longest wait that it asked for counts."""
        until = now + micros(min(wait_s, LONGEST_PAUSE_S))
        return replace(self, paused_until=max(until, now + self._paused(now)))

    def _paused(self, now: Micros) -> Micros:
        return debt(self.paused_until, now, micros(LONGEST_PAUSE_S))

    def missed(self, now: Micros, asked_at: Micros) -> "Ledger":
        """The ledger after one more request without a usable answer: from the fifth in a row, ever longer silences."""
        if self._breaker().opened_after(asked_at, now):
            return self
        after = self._breaker().missed(now)
        return replace(self, misses=after.misses, open_until=after.open_until)

    def _breaker(self) -> Breaker:
        return Breaker(misses=self.misses, open_until=self.open_until)

    def answered(self) -> "Ledger":
        """The ledger after an answer: the breaker is closed again."""
        return replace(self, misses=0, open_until=0)

    def pollable(self, now: Micros) -> int | None:
        """The number of polls the breaker lets through: None is any number, 0 while open, 1 to try again."""
        return self._breaker().passing(now)

    def probed(self, now: Micros) -> "Ledger":
        """The ledger after a single probing request; no second one until it had time to be answered."""
        return replace(self, open_until=now + micros(FIRST_OPEN_S))


def round_robin(places: int, wants: Sequence[int]) -> list[int]:
    """Places dealt one by one in turn, so that who wants many takes none from who wants few."""
    dealt = [0] * len(wants)
    while places > 0:
        hungry = [index for index, want in enumerate(wants) if want > dealt[index]]
        if not hungry:
            break
        each = max(1, places // len(hungry))
        for index in hungry:
            more = min(each, wants[index] - dealt[index], places)
            dealt[index] += more
            places -= more
    return dealt


def fair_share(affordable: int, mine: int, theirs: int, *, my_turn: bool) -> int:
    """The share of what is affordable for my `mine` waiting, so that neither of two kinds starves.

    Half each while both wait; what the other cannot use is mine; a single odd one goes to whose turn it is.
    """
    half = affordable // 2 + (affordable % 2 if my_turn else 0)
    return max(0, min(mine, max(half, affordable - theirs)))
