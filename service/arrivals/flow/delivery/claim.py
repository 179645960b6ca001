"""The claim of due deliveries: within each subscriber's own limits, and so that none takes another's turn."""

from arrivals.core.budget import round_robin
from arrivals.core.wire import Micros, micros
from arrivals.flow.context import Context
from arrivals.store import deliveries
from arrivals.store.deliveries import Delivery
from arrivals.store.engine.base import Tx


async def claim(context: Context, limit: int) -> list[Delivery]:
    """Deliveries to attempt now, for the length of a lease."""
    async with context.store.transaction() as tx:
        return await claim_due(tx, limit, micros(context.policy.limits.delivery_timeout_s * 2))


async def claim_due(tx: Tx, limit: int, lease: Micros) -> list[Delivery]:
    """The same within a transaction."""
    locked = await deliveries.lock_in_need(tx)
    now = await tx.now()  # after the lock, so that no debt seems to be of a later moment
    # Subscribers that came into need meanwhile are left out: to lock one out of turn is how two wait for each other.
    loads = [load for load in await deliveries.loads(tx, now, limit) if load.id in locked]
    claimed: list[Delivery] = []
    for load, share in zip(loads, round_robin(limit, [load.capacity(now) for load in loads]), strict=True):
        if share == 0:
            continue
        due = await deliveries.claim(tx, load.id, now, lease, share)
        claimed += due
        spent_until = load.spent_after(now, len(due))
        if spent_until is not None and due:
            await deliveries.save_spent(tx, load.id, spent_until)
    return claimed
