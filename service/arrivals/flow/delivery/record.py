"""Attempts that ended → their deliveries and subscribers: delivered or tried again, failing, disabled."""

from collections.abc import Sequence

from arrivals.core.subscriber import hopeless_reason
from arrivals.core.wire import Micros
from arrivals.flow.context import Context
from arrivals.flow.delivery.ended import Ended
from arrivals.store import deliveries, subscriber_health, subscribers
from arrivals.store.engine.base import Tx
from arrivals.store.engine.signals import Signal


async def record_all(context: Context, batch: Sequence[Ended]) -> list[str | None]:
    """Records them in one transaction; returns for each why its subscriber was disabled now, or None."""
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
    """Writes attempts, deliveries and breakers; returns for each attempt since when its subscriber has failed, or None.

    The attempts of a subscriber are taken in the order in which they ended, on which its breaker depends.
    Subscribers are taken in the order of their ids, in which everybody locks their rows.
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
            await subscriber_health.answered(tx, subscriber_id, batch[place].delivery.delivered_at or 0)
            forgiven.add(subscriber_id)
    return failing_since


async def _missed(tx: Tx, ended: Ended) -> Micros | None:
    subscriber_id = ended.delivery.subscriber_id
    failing = await deliveries.failing(tx, subscriber_id, ended.attempt.at, ended.attempt.error)
    if failing is not None:
        breaker, now = failing[1], await tx.now()
        if breaker.passing(now) != 0:  # while it is open, only attempts begun before it opened still end
            await deliveries.save_breaker(tx, subscriber_id, breaker.missed(now))
    if ended.delivery.given_up_at is not None:
        await deliveries.forgive_if_done(tx, subscriber_id)
    return failing[0] if failing else None
