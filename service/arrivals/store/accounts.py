"""Provider accounts ↔ rows: their ledgers, their waiting and running generations."""

from dataclasses import asdict
from enum import StrEnum

from arrivals.core.budget import Ledger
from arrivals.core.wire import Micros
from arrivals.store.engine.base import Tx, fetch_one
from arrivals.store.generations import SQL, Scheduled, readable

AccountKey = tuple[str, str]  # provider, account


class Turn(StrEnum):
    """The kinds of request that share an account's budget."""

    SUBMIT = "submit"
    POLL = "poll"
    HAND = "hand"  # outside any schedule; it waits in no queue


class PollQueue(StrEnum):
    """A selection of the due polls; its value names the query that claims them."""

    ALL = "claim_polls"
    PROBE = "claim_probe"  # a single one, to test whether a provider that failed answers again
    HINTED = "claim_hinted"  # those that a hint asks for


async def ledger_of(tx: Tx, key: AccountKey) -> Ledger:
    """The account's ledger, locked until the commit where several may write."""
    await tx.fetch(SQL["open_ledger"], provider=key[0], account=key[1])
    return Ledger(**await fetch_one(tx, SQL["ledger_of"], provider=key[0], account=key[1]))


async def ledger_seen(tx: Tx, key: AccountKey) -> Ledger:
    """The account's ledger, read only."""
    rows = await tx.fetch(SQL["ledger_seen"], provider=key[0], account=key[1])
    return Ledger(**rows[0]) if rows else Ledger(provider=key[0], account=key[1])


async def save_ledger(tx: Tx, ledger: Ledger) -> None:
    """Writes the ledger."""
    await tx.fetch(SQL["save_ledger"], **asdict(ledger))


async def begin_submissions(tx: Tx, key: AccountKey, now: Micros, answer_by: Micros, limit: int) -> list[Scheduled]:
    """Moves at most `limit` pending generations to `submitting` and returns them in the order of their orders."""
    rows = await tx.fetch(
        SQL["begin_submissions"], provider=key[0], account=key[1], now=now, answer_by=answer_by, limit=limit
    )
    # RETURNING has no order; what was ordered together has one moment, and ids in order.
    return sorted(readable(rows), key=lambda pending: (pending.generation.created_at, pending.generation.id))


async def lease_polls(
    tx: Tx, key: AccountKey, now: Micros, lease_until: Micros, limit: int, which: PollQueue
) -> list[Scheduled]:
    """Leases at most `limit` generations whose next poll is due."""
    rows = await tx.fetch(SQL[which], provider=key[0], account=key[1], now=now, lease_until=lease_until, limit=limit)
    return readable(rows)


async def waiting(tx: Tx, turn: Turn, key: AccountKey, now: Micros, limit: int) -> int:
    """The number of generations that wait to be submitted or polled, counted up to `limit`."""
    query = SQL["waiting_to_submit"] if turn is Turn.SUBMIT else SQL["waiting_to_poll"]
    count: int = (await fetch_one(tx, query, provider=key[0], account=key[1], now=now, limit=limit))["waiting"]
    return count


async def waiting_hinted(tx: Tx, key: AccountKey, now: Micros, limit: int) -> int:
    """The number of waiting polls that a hint asks for, counted up to `limit`."""
    row = await fetch_one(tx, SQL["waiting_hinted"], provider=key[0], account=key[1], now=now, limit=limit)
    count: int = row["waiting"]
    return count


async def in_flight(tx: Tx, key: AccountKey, limit: int) -> int:
    """The number of generations in flight, counted up to `limit`."""
    count: int = (await fetch_one(tx, SQL["in_flight_of"], provider=key[0], account=key[1], limit=limit))["in_flight"]
    return count
