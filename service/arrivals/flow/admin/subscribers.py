"""Subscribers: registered, changed, rotated, recovered and deleted, each in one transaction, locking in order.

A subscriber's waiting deliveries are written before its own row, as every recorded attempt does, or two would wait for
each other; and once more after it, for what was announced meanwhile.
"""

from collections.abc import Callable

from arrivals.core.standard_webhooks import SECRET_BYTES, make_private_key, make_secret
from arrivals.core.subscriber import Subscriber
from arrivals.core.wire import Micros
from arrivals.flow.admin.replay import start
from arrivals.flow.context import Context
from arrivals.flow.delivery.now import serve_again
from arrivals.flow.delivery.redeliver import NotServed
from arrivals.store import deliveries, subscribers
from arrivals.store.engine.signals import Signal
from arrivals.store.replays import Filters, Replay, ReplayKind


async def register(context: Context, subscriber: Subscriber) -> None:
    """Stores a new subscriber; events that are announced from now on are delivered to it."""
    async with context.store.transaction() as tx:
        await subscribers.insert(tx, subscriber)


async def change(context: Context, subscriber_id: str, changed: Callable[[Subscriber], Subscriber]) -> Subscriber:
    """Replaces the subscriber by what `changed` returns for it; waiting deliveries follow its URL. Raises Missing."""
    async with context.store.transaction() as tx:
        before = await subscribers.by_id(tx, subscriber_id)
        after = changed(before)
        moved = after.url != before.url
        if moved:
            await deliveries.move(tx, before.id, after.url)
        if _served_again(before, after):
            await serve_again(tx, before.id)
        await subscribers.update(tx, after)
        if moved:
            await deliveries.move(tx, before.id, after.url)
    context.store.notify(Signal.DELIVER)
    return after


def _served_again(before: Subscriber, after: Subscriber) -> bool:
    enabled = before.disabled_at is not None and after.disabled_at is None
    return enabled or (before.paused_at is not None and after.paused_at is None)


async def rotate(context: Context, subscriber_id: str) -> Subscriber:
    """Gives the subscriber new secrets; the old ones sign too, for a day. Raises Missing."""
    now = context.now()
    async with context.store.transaction() as tx:
        rotated = (await subscribers.by_id(tx, subscriber_id)).rotated(
            new_secret(context), new_private_key(context), now
        )
        await subscribers.update(tx, rotated)
    return rotated


async def recover(context: Context, subscriber_id: str, since: Micros, *, dry_run: bool = False) -> Replay:
    """A replay of every event since then that it wants and that did not reach it; what waits for it is due now.

    With `dry_run` nothing is sent: the replay only counts. Raises Missing, NotServed.
    """
    async with context.store.transaction() as tx:
        subscriber = await subscribers.by_id(tx, subscriber_id)
        if subscriber.disabled_at is not None:
            raise NotServed
        if not dry_run:
            await serve_again(tx, subscriber_id)
    context.store.notify(Signal.DELIVER)
    missed = Filters(subscriber=subscriber.id, since=since, missed=True)
    return await start(context, ReplayKind.EVENTS, missed, dry_run=dry_run)


async def delete(context: Context, subscriber_id: str) -> None:
    """Deletes the subscriber; what was not delivered to it is given up. Raises Missing."""
    async with context.store.transaction() as tx:
        await subscribers.delete(tx, subscriber_id, context.now())


def new_secret(context: Context) -> str:
    """A secret that signs by HMAC."""
    return make_secret(context.entropy(SECRET_BYTES))


def new_private_key(context: Context) -> str:
    """A private key that signs by Ed25519."""
    return make_private_key(context.entropy(SECRET_BYTES))
