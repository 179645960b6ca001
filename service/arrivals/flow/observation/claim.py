"""The claim of generations to poll: those that are due, under each account's budget and behind its breaker."""

from collections.abc import Mapping

from arrivals.core.budget import Budget
from arrivals.core.wire import Micros
from arrivals.flow.exchange.budget import take_share
from arrivals.store import accounts
from arrivals.store.accounts import AccountKey, PollQueue, Turn
from arrivals.store.engine.base import Tx
from arrivals.store.generations import Scheduled


async def claim_polls(tx: Tx, budgets: Mapping[AccountKey, Budget], limit: int, lease: Micros) -> list[Scheduled]:
    """Generations to be polled now, for the length of a lease; none of an account whose breaker is open."""
    now = await tx.now()
    claimed: list[Scheduled] = []
    for key in sorted(budgets):
        if len(claimed) >= limit or not await accounts.waiting(tx, Turn.POLL, key, now, 1):
            continue
        share = await take_share(tx, key, budgets[key], Turn.POLL, limit - len(claimed))
        now = share.now
        if share.requests > 0:
            queue = PollQueue.HINTED if share.hinted else PollQueue.PROBE if share.probing else PollQueue.ALL
            claimed += await accounts.lease_polls(tx, key, now, now + lease, share.requests, queue)
    return claimed
