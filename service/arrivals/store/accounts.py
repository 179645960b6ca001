"""Provider accounts ↔ rows: their ledgers, their waiting and running generations, their models' durations."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from arrivals.core.budget import Ledger
from arrivals.core.cadence import DurationEstimate
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """A generation in flight before its first poll."""

    id: str
    route: str
    poll_at: Micros
    submitted_at: Micros


async def begin_submissions(tx: Tx, key: AccountKey, now: Micros, answer_by: Micros, limit: int) -> list[Scheduled]:
    """Moves at most `limit` pending generations to `submitting` and returns them in the order of their orders."""
    rows = await tx.fetch(
        SQL["begin_submissions"], provider=key[0], account=key[1], now=now, answer_by=answer_by, limit=limit
    )
    # RETURNING has no order; what was ordered together has one moment, and ids in order.
    return sorted(readable(rows), key=lambda pending: (pending.generation.created_at, pending.generation.id))


async def never_asked_about(tx: Tx, key: AccountKey) -> list[Unasked]:
    """The generations in flight with this account that wait for their first poll."""
    rows = await tx.fetch(SQL["never_asked_about"], provider=key[0], account=key[1], now=await tx.now())
    return [Unasked(**row) for row in rows]


async def ask_sooner(tx: Tx, moved: Sequence[tuple[Unasked, Micros]]) -> None:
    """Moves first polls to these moments, unless they were moved meanwhile."""
    rows = [{"id": unasked.id, "poll_at": unasked.poll_at, "sooner": moment} for unasked, moment in moved]
    await tx.run_many(SQL["ask_sooner"], rows)


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


async def usual_of(tx: Tx, provider: str, model: str) -> DurationEstimate | None:
    """The estimate of a model's duration."""
    rows = await tx.fetch(SQL["duration_of"], provider=provider, model=model)
    return DurationEstimate(**rows[0]) if rows else None


async def all_usual(tx: Tx) -> dict[tuple[str, str], DurationEstimate]:
    """The estimate of every model's duration, by (provider, model)."""
    rows = await tx.fetch(SQL["all_durations"])
    return {
        (row["provider"], row["model"]): DurationEstimate(
            count=row["count"], mean_s=row["mean_s"], deviation_s=row["deviation_s"]
        )
        for row in rows
    }


async def save_usual(tx: Tx, provider: str, model: str, usual: DurationEstimate) -> None:
    """Keeps the estimate of a model's duration."""
    await tx.fetch(SQL["save_duration"], provider=provider, model=model, **asdict(usual))
