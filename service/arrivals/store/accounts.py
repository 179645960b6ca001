"""What each provider account has used and how long its models take: ledgers, claims under a budget, durations."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from arrivals.core.admission import Budget, Ledger, fair_share
from arrivals.core.cadence import DurationEstimate
from arrivals.core.wire import Micros
from arrivals.store.engine.base import Tx, one
from arrivals.store.generations import SQL, Scheduled, readable

AccountKey = tuple[str, str]  # provider, account
MOST = 1000  # of those that wait, so many are counted: more are never sent at once


class Turn(StrEnum):
    """The kinds of request that share an account's budget."""

    SUBMIT = "submit"
    POLL = "poll"
    HAND = "hand"  # by nobody's schedule; it waits in no queue


async def ledger_of(tx: Tx, key: AccountKey) -> Ledger:
    """The account's ledger, locked until the commit where several may write."""
    await tx.fetch(SQL["open_ledger"], provider=key[0], account=key[1])
    return Ledger(**await one(tx, SQL["ledger_of"], provider=key[0], account=key[1]))


async def ledger_seen(tx: Tx, key: AccountKey) -> Ledger:
    """The account's ledger to look at, not to change."""
    rows = await tx.fetch(SQL["ledger_seen"], provider=key[0], account=key[1])
    return Ledger(**rows[0]) if rows else Ledger(provider=key[0], account=key[1])


async def save_ledger(tx: Tx, ledger: Ledger) -> None:
    """Write the ledger."""
    await tx.fetch(SQL["save_ledger"], **asdict(ledger))


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """The claimed orders, and the accounts that have an order waiting and no place for it; the rest have room."""

    claimed: Sequence[Scheduled]
    crowded: frozenset[AccountKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """How many submissions or polls may be sent as of `now`.

    `crowded`: orders wait that have no place in flight; `probing`: the breaker lets one through to see if it is over;
    `hinted`: it lets only those through that a hint asks for.
    """

    requests: int
    now: Micros
    crowded: bool
    probing: bool
    hinted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """A generation in flight whose first question is still to come."""

    id: str
    route: str
    poll_at: Micros
    submitted_at: Micros


async def claim_submissions(
    tx: Tx, budgets: Mapping[AccountKey, Budget], limit: int, answer_within: Micros
) -> Submissions:
    """Pending generations whose turn has come, moved to `submitting`; first in, first out within each account.

    `answer_within`: after this long without an answer, a submission nobody can call us back about is given up.
    """
    now = await tx.now()
    claimed: list[Scheduled] = []
    crowded: set[AccountKey] = set()
    for key in sorted(budgets):
        if len(claimed) >= limit or not await _waiting(tx, Turn.SUBMIT, key, now, 1):
            continue
        share = await _take(tx, key, budgets[key], Turn.SUBMIT, limit - len(claimed))
        now = share.now
        if share.crowded:
            crowded.add(key)
        if share.requests > 0:
            rows = await tx.fetch(
                SQL["begin_submissions"],
                provider=key[0], account=key[1], now=now, answer_by=now + answer_within, limit=share.requests,
            )  # fmt: skip
            # RETURNING has no order; what was ordered at once has one moment, and its ids in order.
            claimed += sorted(readable(rows), key=lambda known: (known.generation.created_at, known.generation.id))
    return Submissions(claimed=claimed, crowded=frozenset(crowded))


async def never_asked_about(tx: Tx, key: AccountKey) -> list[Unasked]:
    """The generations in flight with this account that wait for their first question."""
    rows = await tx.fetch(SQL["never_asked_about"], provider=key[0], account=key[1], now=await tx.now())
    return [Unasked(**row) for row in rows]


async def ask_sooner(tx: Tx, moved: Sequence[tuple[Unasked, Micros]]) -> None:
    """Ask at these moments, unless somebody has moved the question meanwhile."""
    rows = [{"id": one.id, "poll_at": one.poll_at, "sooner": moment} for one, moment in moved]
    await tx.run_many(SQL["ask_sooner"], rows)


async def claim_polls(tx: Tx, budgets: Mapping[AccountKey, Budget], limit: int, lease: Micros) -> list[Scheduled]:
    """Generations to be asked about now, for the length of a lease; none of an account whose breaker is open."""
    now = await tx.now()
    claimed: list[Scheduled] = []
    for key in sorted(budgets):
        if len(claimed) >= limit or not await _waiting(tx, Turn.POLL, key, now, 1):
            continue
        share = await _take(tx, key, budgets[key], Turn.POLL, limit - len(claimed))
        now = share.now
        if share.requests > 0:
            query = SQL["claim_hinted" if share.hinted else "claim_probe" if share.probing else "claim_polls"]
            rows = await tx.fetch(
                query, provider=key[0], account=key[1], now=now, lease_until=now + lease, limit=share.requests
            )
            claimed += readable(rows)
    return claimed


async def _waiting(tx: Tx, turn: Turn, key: AccountKey, now: Micros, most: int) -> int:
    """How many wait, counted up to `most`."""
    query = SQL["waiting_to_submit"] if turn is Turn.SUBMIT else SQL["waiting_to_poll"]
    waiting: int = (await one(tx, query, provider=key[0], account=key[1], now=now, limit=most))["waiting"]
    return waiting


async def places_left(tx: Tx, key: AccountKey, budget: Budget) -> int:
    """How many more may be in flight."""
    most = budget.max_in_flight
    row = await one(tx, SQL["in_flight_of"], provider=key[0], account=key[1], limit=most)
    in_flight: int = row["in_flight"]
    return max(most - in_flight, 0)


async def _take(tx: Tx, key: AccountKey, budget: Budget, turn: Turn, limit: int) -> _Share:
    """How many submissions or polls may be sent now, spent at once, in the same transaction as the claim.

    The ledger is locked before the clock is read and anything is counted. The other turn's share is kept for what it
    could send now, not for orders that wait for a place in flight or polls that wait behind the breaker.
    """
    ledger = await ledger_of(tx, key)
    now = await tx.now()
    passing = ledger.pollable(now)
    hinted = 0 if passing is None else await _waiting_hinted(tx, key, now)
    sendable, crowded = await _sendable(tx, key, budget, hinted or passing, now)
    other = Turn.POLL if turn is Turn.SUBMIT else Turn.SUBMIT
    each = _requests_each(budget)
    mine, theirs = min(sendable[turn], limit) * each[turn], sendable[other] * each[other]
    requests = fair_share(ledger.affordable(budget, now), mine, theirs, my_turn=ledger.last_turn != turn)
    share = requests // each[turn]
    spent = ledger.spend(budget, now, share * each[turn], turn)
    asking = turn is Turn.POLL and passing is not None and share > 0
    probing = asking and not hinted
    await save_ledger(tx, spent.probed(now) if probing else spent)
    return _Share(requests=share, now=now, crowded=crowded, probing=probing, hinted=asking and bool(hinted))


def _requests_each(budget: Budget) -> Mapping[Turn, int]:
    return {Turn.SUBMIT: 1, Turn.POLL: budget.per_poll}


async def _waiting_hinted(tx: Tx, key: AccountKey, now: Micros) -> int:
    waiting: int = (await one(tx, SQL["waiting_hinted"], provider=key[0], account=key[1], now=now, limit=MOST))[
        "waiting"
    ]
    return waiting


async def _sendable(
    tx: Tx, key: AccountKey, budget: Budget, passing: int | None, now: Micros
) -> tuple[Mapping[Turn, int], bool]:
    """What each queue could send now, and whether orders wait that have no place in flight."""
    polls = await _waiting(tx, Turn.POLL, key, now, MOST)
    submissions = await _waiting(tx, Turn.SUBMIT, key, now, MOST)
    places = await places_left(tx, key, budget) if submissions else 0
    sendable = {
        Turn.SUBMIT: min(submissions, places),
        Turn.POLL: polls if passing is None else min(polls, passing),
    }
    return sendable, submissions > places


async def take(tx: Tx, key: AccountKey, budget: Budget, requests: int = 1) -> Micros:
    """Spend requests that wait in no queue: 0, or how long to wait for them. They take turns with the queues."""
    ledger = await ledger_of(tx, key)
    now = await tx.now()
    sendable, _ = await _sendable(tx, key, budget, ledger.pollable(now), now)
    my_turn = ledger.last_turn != Turn.HAND
    affordable = ledger.affordable(budget, now)
    share = fair_share(affordable, requests, sum(sendable.values()), my_turn=my_turn)
    if not share or affordable < requests:
        return ledger.wait(budget, now) or budget.interval
    await save_ledger(tx, ledger.spend(budget, now, requests, Turn.HAND))
    return 0


async def give_back(tx: Tx, key: AccountKey, budget: Budget, requests: int) -> None:
    """Requests that were set aside for second questions that were not asked."""
    ledger = await ledger_of(tx, key)
    await save_ledger(tx, ledger.refunded(budget, await tx.now(), requests))


async def pause(tx: Tx, key: AccountKey, wait_s: float) -> None:
    """The provider has asked the account to wait."""
    ledger = await ledger_of(tx, key)
    await save_ledger(tx, ledger.paused(await tx.now(), wait_s))


async def overdraw(tx: Tx, key: AccountKey, budget: Budget) -> None:
    """Spend one request whether or not there is one; whose turn it is stays."""
    ledger = await ledger_of(tx, key)
    await save_ledger(tx, ledger.spend(budget, await tx.now(), 1, ledger.last_turn or Turn.HAND))


async def usual_of(tx: Tx, provider: str, model: str) -> DurationEstimate | None:
    """What was learned of a model's duration."""
    rows = await tx.fetch(SQL["duration_of"], provider=provider, model=model)
    return DurationEstimate(**rows[0]) if rows else None


async def all_usual(tx: Tx) -> dict[tuple[str, str], DurationEstimate]:
    """What was learned of every model's duration, by (provider, model)."""
    rows = await tx.fetch(SQL["all_durations"])
    return {
        (row["provider"], row["model"]): DurationEstimate(
            count=row["count"], mean_s=row["mean_s"], deviation_s=row["deviation_s"]
        )
        for row in rows
    }


async def save_usual(tx: Tx, provider: str, model: str, usual: DurationEstimate) -> None:
    """Keep what was learned."""
    await tx.fetch(SQL["save_duration"], provider=provider, model=model, **asdict(usual))
