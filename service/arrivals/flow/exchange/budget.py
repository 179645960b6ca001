"""The budget of an account, shared in turns by submissions, polls, and what people ask for by hand.

The ledger is locked before the clock is read and anything is counted; what is taken is spent in the same transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from arrivals.core.budget import Budget, fair_share
from arrivals.core.wire import Micros
from arrivals.store import accounts
from arrivals.store.accounts import AccountKey, Turn
from arrivals.store.engine.base import Tx

MAX_COUNTED = 1000  # of the waiting rows: more are never sent at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The number of submissions or polls that may be sent as of `now`.

    `crowded`: orders wait for a place in flight; `probing`: the breaker lets one through to see whether its provider
    has recovered; `hinted`: it lets only those through that a hint asks for.
    """

    requests: int
    now: Micros
    crowded: bool
    probing: bool
    hinted: bool


async def take_share(tx: Tx, key: AccountKey, budget: Budget, turn: Turn, limit: int) -> Share:
    """Takes as many submissions or polls as may be sent now, and spends them at once.

    The other turn's share is kept for what it could send now, not for orders that wait for a place in flight or polls
    that wait behind the breaker.
    """
    ledger = await accounts.ledger_of(tx, key)
    now = await tx.now()
    passing = ledger.pollable(now)
    hinted = 0 if passing is None else await accounts.waiting_hinted(tx, key, now, MAX_COUNTED)
    sendable, crowded = await _sendable(tx, key, budget, hinted or passing, now)
    other = Turn.POLL if turn is Turn.SUBMIT else Turn.SUBMIT
    each = {Turn.SUBMIT: 1, Turn.POLL: budget.per_poll}
    mine, theirs = min(sendable[turn], limit) * each[turn], sendable[other] * each[other]
    requests = fair_share(ledger.affordable(budget, now), mine, theirs, my_turn=ledger.last_turn != turn)
    share = requests // each[turn]
    spent = ledger.spend(budget, now, share * each[turn], turn)
    asking = turn is Turn.POLL and passing is not None and share > 0
    probing = asking and not hinted
    await accounts.save_ledger(tx, spent.probed(now) if probing else spent)
    return Share(requests=share, now=now, crowded=crowded, probing=probing, hinted=asking and bool(hinted))


async def take(tx: Tx, key: AccountKey, budget: Budget, requests: int = 1) -> Micros:
    """Spends requests that wait in no queue; returns 0, or how long to wait. They take turns with the queues."""
    ledger = await accounts.ledger_of(tx, key)
    now = await tx.now()
    sendable, _ = await _sendable(tx, key, budget, ledger.pollable(now), now)
    affordable = ledger.affordable(budget, now)
    my_turn = ledger.last_turn != Turn.HAND
    share = fair_share(affordable, requests, sum(sendable.values()), my_turn=my_turn)
    if not share or affordable < requests:
        return ledger.wait(budget, now) or budget.interval
    await accounts.save_ledger(tx, ledger.spend(budget, now, requests, Turn.HAND))
    return 0


async def give_back(tx: Tx, key: AccountKey, budget: Budget, requests: int) -> None:
    """Returns requests to the budget that were set aside for second requests and not used."""
    ledger = await accounts.ledger_of(tx, key)
    await accounts.save_ledger(tx, ledger.refunded(budget, await tx.now(), requests))


async def pause(tx: Tx, key: AccountKey, wait_s: float) -> None:
    """Pauses the account, because its provider asked it to wait."""
    ledger = await accounts.ledger_of(tx, key)
    await accounts.save_ledger(tx, ledger.paused(await tx.now(), wait_s))


async def overdraw(tx: Tx, key: AccountKey, budget: Budget) -> None:
    """Spends one request even if none is left; the turn stays as it is."""
    ledger = await accounts.ledger_of(tx, key)
    await accounts.save_ledger(tx, ledger.spend(budget, await tx.now(), 1, ledger.last_turn or Turn.HAND))


async def places_left(tx: Tx, key: AccountKey, budget: Budget) -> int:
    """The number of generations that may still be put in flight."""
    return max(budget.max_in_flight - await accounts.in_flight(tx, key, budget.max_in_flight), 0)


async def _sendable(
    tx: Tx, key: AccountKey, budget: Budget, passing: int | None, now: Micros
) -> tuple[Mapping[Turn, int], bool]:
    """The number that each queue could send now, and True if orders wait for a place in flight."""
    polls = await accounts.waiting(tx, Turn.POLL, key, now, MAX_COUNTED)
    submissions = await accounts.waiting(tx, Turn.SUBMIT, key, now, MAX_COUNTED)
    places = await places_left(tx, key, budget) if submissions else 0
    sendable = {
        Turn.SUBMIT: min(submissions, places),
        Turn.POLL: polls if passing is None else min(polls, passing),
    }
    return sendable, submissions > places
