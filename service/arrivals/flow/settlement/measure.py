"""The part of the measurements that a settled batch adds, after its commit."""

from arrivals.core.generation import Generation, Origin
from arrivals.core.wire import SECOND
from arrivals.flow.measurements import DELAYS, FAILURES, GENERATIONS, LATENESS, Measurements
from arrivals.flow.settlement.settled import Meeting, Settled


def measure(measurements: Measurements, settled: Settled) -> None:
    """Counts how long what closed took, its failure and cost, how soon it was known, and how late webhooks were."""
    for _, generation in settled.announced:
        if generation.closed and generation.closed_at is not None:
            took_s = (generation.closed_at - generation.created_at) / SECOND
            measurements.observe(GENERATIONS, (generation.provider, generation.status), took_s)
        if generation.failure is not None:
            measurements.count(FAILURES, (generation.provider, generation.failure.code))
    for met in settled.meetings:
        if met.after.closed and met.after.cost is not None and not _was_paid(met.before):
            measurements.spent(met.after.provider, met.after.cost)
        ended_at = met.seen.reading.ended_at
        if met.after.closed and not met.before.closed and ended_at is not None and ended_at <= met.seen.at:
            delay_s = (met.seen.at - ended_at) / SECOND
            measurements.observe(DELAYS, (met.after.provider, met.seen.origin), delay_s)
        late_s = _late_s(met)
        if late_s is not None:
            measurements.observe(LATENESS, (met.after.provider,), late_s)


def _was_paid(before: Generation) -> bool:
    """True if its cost was counted already: it may come with the end or after it."""
    return before.closed and before.cost is not None


def _late_s(met: Meeting) -> float | None:
    """How long after its end was learned by a poll a webhook came; None for anything else."""
    if met.seen.origin is not Origin.WEBHOOK or met.seen.replayed or met.before.learned_from is not Origin.POLL:
        return None
    closed_at = met.before.closed_at
    return (met.seen.at - closed_at) / SECOND if closed_at is not None and met.seen.at > closed_at else None
