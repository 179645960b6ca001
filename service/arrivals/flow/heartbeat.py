"""A worker's sign of life: when it last claimed, and what it has in hand. In memory; `/health/ready` tells it."""

from dataclasses import dataclass

LATE_S = 60.0  # beyond its usual rest; more than the bound of a statement, so that one slow statement is no alarm


@dataclass(slots=True, kw_only=True)
class Heartbeat:
    """Moments are of a clock that never steps. `rest_s`: its longest rest; `trust_s`: the longest an item may take."""

    name: str
    capacity: int
    rest_s: float
    trust_s: float
    claimed_at: float
    could_claim_at: float  # since when it has had a place, or that of its last claim
    busy: int = 0

    @property
    def full(self) -> bool:
        """There is no place for more, so nothing is claimed until an item has ended."""
        return self.busy >= self.capacity

    def claimed(self, items: int, now: float) -> None:
        """A claim worked, and found so many."""
        self.claimed_at = self.could_claim_at = now
        self.busy += items

    def ended(self, now: float) -> None:
        """An item has ended; in a full house the time to the next claim counts from here."""
        if self.full:
            self.could_claim_at = now
        self.busy -= 1

    def late(self, now: float) -> bool:
        """It should have claimed by now."""
        bound = LATE_S + self.rest_s + (self.trust_s if self.full else 0.0)
        return now - self.could_claim_at > bound
