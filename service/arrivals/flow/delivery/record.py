"""Attempts that ended → their deliveries and subscribers: delivered or tried again, failing, disabled."""

from collections.abc import Sequence

from arrivals.core.subscriber import hopeless_reason
from arrivals.core.wire import Micros
from arrivals.flow.context import Context
from arrivals.flow.delivery.ended import Ended
from arrivals.store import deliveries, subscribers
from arrivals.store.engine.base import Tx
from arrivals.store.engine.signals import Signal


async def record_all(context: Context, batch: Sequence[Ended]) -> list[str | None]:
    """Write them down in one transaction; why the subscriber of each was disabled now, if it was."""
    now = context.now()
    reasons: list[str | None] = []
    async with context.store.transaction() as tx:
        for ended, since in zip(batch, await record_ended(tx, batch), strict=True):
            reason = hopeless_reason(ended.attempt.http_status, since, now) if ended.registered else None
            if reason is not None and not await subscribers.disable(tx, ended.delivery.subscriber_id, now, reason):
                reason = None
            reasons.append(reason)
    if any(ended.delivery.attempt_at is None for ended in batch):
        context.store.notify(Signal.DELIVER)  # a later event of the same generation may have waited for this one
    return reasons


async def record_ended(tx: Tx, batch: Sequence[Ended]) -> list[Micros | None]:
    """Attempts, their deliveries and what their subscribers' breakers make of them; since when each has failed, if so.

    Of each subscriber in the order in which the attempts ended: what its breaker makes of them depends on it.
    Subscribers in the order of their ids, in which everybody takes their rows.
    """
    await deliveries.record_attempts(tx, [(ended.attempt, ended.delivery) for ended in batch])
    forgiven: set[str] = set()
    failing_since: list[Micros | None] = [None] * len(batch)
    for place in sorted(range(len(batch)), key=lambda place: batch[place].delivery.subscriber_id):
        subscriber_id = batch[place].delivery.subscriber_id
        if batch[place].delivery.delivered_at is None:
            forgiven.discard(subscriber_id)
            failing_since[place] = await _missed(tx, batch[place])
        elif subscriber_id not in forgiven:
            await subscribers.forgive(tx, subscriber_id)
            forgiven.add(subscriber_id)
    return failing_since


async def _missed(tx: Tx, ended: Ended) -> Micros | None:
    subscriber_id = ended.delivery.subscriber_id
    failing = await deliveries.failing(tx, subscriber_id, ended.attempt.at)
    if failing is not None:
        breaker, now = failing[1], await tx.now()
        if breaker.passing(now) != 0:  # while it is open, only what was begun before still comes to its end
            await deliveries.save_breaker(tx, subscriber_id, breaker.missed(now))
    if ended.delivery.given_up_at is not None:
        await deliveries.forgive_if_done(tx, subscriber_id)
    return failing[0] if failing else None
