"""Attempts that a person asks for: made now, past their schedule and the subscriber's breaker, and told about."""

from arrivals.core.wire import micros
from arrivals.flow.context import Context
from arrivals.flow.delivery.deliver import deliver
from arrivals.flow.delivery.redeliver import NotServed
from arrivals.store import deliveries, subscribers
from arrivals.store.deliveries import Attempt, Delivery
from arrivals.store.engine.base import Missing, Tx
from arrivals.store.engine.signals import Signal


class Delivered(Exception):
    """The delivery was made; to send its event again, redeliver the event."""


class InFlight(Exception):
    """It is being attempted at this moment; read it again in a few seconds."""


class EarlierFailed(Exception):
    """An earlier event of the same generation, which comes first, was attempted now and failed."""


class Paused(Exception):
    """The subscriber is paused; PATCH it with {"paused": false}, which sends what waits."""


async def retry(context: Context, delivery_id: str) -> tuple[Delivery, list[Attempt]]:
    """Attempts a delivery, even one that was given up; those of earlier events of its generation come first.

    Raises Missing, NotServed, Delivered, InFlight, EarlierFailed.
    """
    while True:
        async with context.store.transaction() as tx:
            claimed = await _claim_next(context, tx, delivery_id)
        attempted, attempts = await attempt(context, claimed)
        if claimed.id == delivery_id:
            return attempted, attempts
        if attempted.delivered_at is None:
            raise EarlierFailed(f"delivery {claimed.id} of an earlier event was attempted first: {attempts[-1].error}")


async def _claim_next(context: Context, tx: Tx, delivery_id: str) -> Delivery:
    """Claims the delivery, or the first of those that come before it."""
    delivery = await deliveries.by_id(tx, delivery_id)
    if delivery.delivered_at is not None:
        raise Delivered
    (delivery_context,) = await deliveries.contexts_of(tx, [delivery])
    if delivery_context is None:
        raise Missing("subscriber", delivery.subscriber_id)
    if delivery_context.disabled:
        raise NotServed
    return await claim_now(context, tx, await deliveries.first_open(tx, delivery) or delivery.id)


async def claim_now(context: Context, tx: Tx, delivery_id: str) -> Delivery:
    """Claims one delivery, whatever its schedule. Raises InFlight."""
    now = await tx.now()
    lease = micros(context.policy.limits.delivery_timeout_s * 2)
    claimed = await deliveries.claim_one(tx, delivery_id, now, lease)
    if claimed is None:
        raise InFlight
    return claimed


async def attempt(context: Context, claimed: Delivery) -> tuple[Delivery, list[Attempt]]:
    """Attempts a claimed delivery once; returns it as it is afterwards, and all its attempts."""
    await deliver(context, claimed)
    async with context.store.reading() as tx:
        return await deliveries.by_id(tx, claimed.id), await deliveries.attempts_at(tx, claimed.id)


async def resend_waiting(context: Context, subscriber_id: str) -> int:
    """Makes everything that waits for a subscriber due now; returns how many deliveries that are.

    Raises Missing, NotServed, Paused.
    """
    async with context.store.transaction() as tx:
        subscriber = await subscribers.by_id(tx, subscriber_id)
        if subscriber.disabled_at is not None:
            raise NotServed
        if subscriber.paused_at is not None:
            raise Paused
        count = await serve_again(tx, subscriber_id)
    context.store.notify(Signal.DELIVER)
    return count


async def serve_again(tx: Tx, subscriber_id: str) -> int:
    """Makes what waits due now, and forgets failures. Deliveries are written before their subscriber, as always."""
    count = await deliveries.make_due(tx, subscriber_id, await tx.now())
    await subscribers.forgive(tx, subscriber_id)
    return count
