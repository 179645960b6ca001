"""An attempt that ended, as a value."""

from dataclasses import dataclass

from arrivals.store.deliveries import Attempt, Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One attempt and what it means for its delivery. `registered`: it says something about its subscriber."""

    attempt: Attempt
    delivery: Delivery
    registered: bool
