"""The claim of orders to submit: first in, first out within each account, under its budget and places in flight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arrivals.core.budget import Budget
from arrivals.core.wire import Micros
from arrivals.flow.exchange.budget import take_share
from arrivals.store import accounts
from arrivals.store.accounts import AccountKey, Turn
from arrivals.store.engine.base import Tx
from arrivals.store.generations import Scheduled


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """The claimed orders, and the accounts that have an order waiting and no place for it; the rest have room."""

    claimed: Sequence[Scheduled]
    crowded: frozenset[AccountKey]


async def claim_submissions(
    tx: Tx, budgets: Mapping[AccountKey, Budget], limit: int, answer_within: Micros
) -> Submissions:
    """Pending generations whose turn has come, moved to `submitting`.

    `answer_within`: after this long without an answer, a submission that no webhook can report on is given up.
    """
    now = await tx.now()
    claimed: list[Scheduled] = []
    crowded: set[AccountKey] = set()
    for key in sorted(budgets):
        if len(claimed) >= limit or not await accounts.waiting(tx, Turn.SUBMIT, key, now, 1):
            continue
        share = await take_share(tx, key, budgets[key], Turn.SUBMIT, limit - len(claimed))
        now = share.now
        if share.crowded:
            crowded.add(key)
        if share.requests > 0:
            claimed += await accounts.begin_submissions(tx, key, now, now + answer_within, share.requests)
    return Submissions(claimed=claimed, crowded=frozenset(crowded))
