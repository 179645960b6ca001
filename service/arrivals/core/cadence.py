"""The times to poll, to try again and to stop waiting. Durations are seconds; `random` is a number in [0, 1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from arrivals.core.backoff import backoff_s, jittered

GROWTH = 1.5
LATE_FIRST_S, LATE_MAX_S = 30.0, 24 * 3600.0
LEARNING_RATE = 0.125  # RFC 6298: https://www.rfc-editor.org/rfc/rfc6298
SPREAD_RATE = 0.25
SPREADS = 2.0  # how many mean deviations after the usual duration a webhook counts as missing

# Standard Webhooks, "example retry schedule":
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_MINUTE, _HOUR = 60.0, 3600.0
RETRY_SCHEDULE_S: tuple[float, ...] = (
    0, 5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """The operator's cadences; None leaves a wait to what the provider documents and we learned."""

    poll_first_s: float | None = None
    poll_max_s: float = 60.0
    held_s: float = 120.0
    retry_schedule_s: Sequence[float] = field(default=RETRY_SCHEDULE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationEstimate:
    """The usual duration of a model: a smoothed mean and mean deviation in seconds, over `count` generations."""

    count: int
    mean_s: float
    deviation_s: float

    def with_duration(self, duration_s: float) -> "DurationEstimate":
        """The estimate with one more finished generation taken into account."""
        miss = abs(duration_s - self.mean_s)
        return DurationEstimate(
            count=self.count + 1,
            mean_s=self.mean_s + LEARNING_RATE * (duration_s - self.mean_s),
            deviation_s=self.deviation_s + SPREAD_RATE * (miss - self.deviation_s),
        )


def first_estimate(duration_s: float) -> DurationEstimate:
    """The estimate after one finished generation."""
    return DurationEstimate(count=1, mean_s=duration_s, deviation_s=duration_s / 2)


def soonest_poll_s(cadence: Cadence, *, first_s: float) -> float:
    """The time from the submission to the first useful poll; `first_s` as the provider documents it."""
    return first_s if cadence.poll_first_s is None else cadence.poll_first_s


def first_poll_s(
    cadence: Cadence, *, documented: tuple[float, float], usual: DurationEstimate | None, webhook: bool
) -> float:
    """The time from the submission to the first poll. `documented`: (first poll, usual duration) by the provider.

    With a webhook expected we ask only when it is overdue; without one, from the documented start.
    """
    first_s, mean_s = documented
    soonest = soonest_poll_s(cadence, first_s=first_s)
    if cadence.poll_first_s is not None or not webhook:
        return soonest
    overdue = usual.mean_s + SPREADS * usual.deviation_s if usual else mean_s * 1.5
    return max(first_s, overdue)


def next_poll_s(cadence: Cadence, *, every_s: float, polls: int, random: float) -> float:
    """The time from one poll to the next: the documented interval, growing to the cap, spread by jitter."""
    base = min(every_s, cadence.poll_first_s or every_s)
    return jittered(backoff_s(polls, first_s=base, factor=GROWTH, max_s=cadence.poll_max_s), random)


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
