"""The times to poll, to try again and to stop waiting. Durations are seconds; `random` is a number in [0, 1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from arrivals.core.backoff import backoff_s, jittered

GROWTH = 1.5
LATE_FIRST_S, LATE_MAX_S = 30.0, 24 * 3600.0

# Standard Webhooks, "example retry schedule":
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_MINUTE, _HOUR = 60.0, 3600.0
RETRY_SCHEDULE_S: tuple[float, ...] = (
    0, 5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """The operator's cadences; `poll_first_s` None leaves the polls to what the provider documents and we learned."""

    poll_first_s: float | None = None
    poll_max_s: float = 60.0
    held_s: float = 120.0
    retry_schedule_s: Sequence[float] = field(default=RETRY_SCHEDULE_S)


def fixed_wait_s(cadence: Cadence, *, every_s: float, polls: int, random: float) -> float | None:
    """The time to the next poll where the operator fixed the first, growing to the cap, with jitter; None if not."""
    if cadence.poll_first_s is None or polls == 0:
        return cadence.poll_first_s
    base = min(every_s, cadence.poll_first_s)
    return jittered(backoff_s(polls - 1, first_s=base, factor=GROWTH, max_s=cadence.poll_max_s), random)


def after_expiry_s(late_s: float, random: float) -> float:
    """The time between polls of what its provider may still finish, `late_s` after its deadline."""
    return jittered(min(max(late_s / 2, LATE_FIRST_S), LATE_MAX_S), random)


def after_miss_s(cadence: Cadence, *, every_s: float, misses: int, retry_after_s: float | None, random: float) -> float:
    """The time from an unanswered poll to the next, which is at least the wait that the provider asked for."""
    base = min(every_s, cadence.poll_first_s or every_s)
    wait_s = jittered(backoff_s(misses, first_s=base, max_s=cadence.poll_max_s * 5), random)
    return max(wait_s, retry_after_s or 0.0)


def next_attempt_s(
    schedule: Sequence[float], attempts: int, retry_after_s: float | None, random: float
) -> float | None:
    """The time from a delivery's failed attempt (number `attempts`) to the next; None when the schedule is used up.

    A subscriber's `Retry-After` is obeyed up to the longest wait of the schedule.
    """
    if attempts >= len(schedule):
        return None
    wait = jittered(schedule[attempts], random)
    return max(wait, min(retry_after_s or 0.0, max(schedule)))
