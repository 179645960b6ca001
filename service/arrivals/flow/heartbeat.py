"""A worker's sign of life: when it last claimed, and what it has in hand. In memory; `/health/ready` shows it."""

from dataclasses import dataclass

LATE_S = 60.0  # beyond its usual rest; more than the bound of a statement, so that one slow statement is no alarm


@dataclass(slots=True, kw_only=True)
class Heartbeat:
    """The heartbeat of one worker; `rest_s`: its longest rest; `trust_s`: the longest that an item may take.

    Moments are of a clock that never steps.
    """

    name: str
    capacity: int
    rest_s: float
    trust_s: float
    claimed_at: float
    could_claim_at: float  # since when it has had a place free, or the moment of its last claim
    busy: int = 0

    @property
    def full(self) -> bool:
        """True if there is no place for more, so that nothing is claimed until an item has ended."""
        return self.busy >= self.capacity

    def claimed(self, items: int, now: float) -> None:
        """Records a claim that worked, and how many items it took."""
        self.claimed_at = self.could_claim_at = now
        self.busy += items

    def ended(self, now: float) -> None:
        """Records that an item has ended; if the worker was full, the time to the next claim counts from here."""
        if self.full:
            self.could_claim_at = now
        self.busy -= 1

    def late(self, now: float) -> bool:
        """True if it should have claimed by now."""
        bound = LATE_S + self.rest_s + (self.trust_s if self.full else 0.0)
        return now - self.could_claim_at > bound
