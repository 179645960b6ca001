"""Learned things ↔ rows: sketches of durations, and the records of webhooks. Rows that are read here are locked."""

from arrivals.core.durations import Durations
from arrivals.core.lessons import WebhookRecord
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.store.accounts import AccountKey
from arrivals.store.engine.base import Row, Tx, fetch_one
from arrivals.store.engine.queries import load

SQL = load("learned")
MAX_SKETCHES = 5000  # of durations; of more, those that were not updated for longest are forgotten
DIGITS = 4  # of a weight

Kind = tuple[str, str, str]  # provider, model, size of the order


async def durations_of(tx: Tx, kind: Kind, now: Micros) -> Durations:
    """The durations of a kind of work."""
    names = _names(kind)
    await tx.fetch(SQL["lock_durations"], **names, now=now)
    row = await fetch_one(tx, SQL["durations_of"], **names)
    return Durations(weights=_weights(row["weights"]), surprise=row["surprise"])


async def save_durations(tx: Tx, kind: Kind, durations: Durations, now: Micros) -> None:
    """Writes them."""
    values = {"weights": _text(durations), "surprise": durations.surprise, "now": now}
    await tx.fetch(SQL["save_durations"], **_names(kind), **values)


async def durations_since(tx: Tx, since: Micros) -> dict[Kind, Durations]:
    """All that were updated since a moment, at most as many as are kept."""
    rows = await tx.fetch(SQL["durations_since"], since=since, limit=MAX_SKETCHES)
    return {
        (row["provider"], row["model"], row["order_size"]): Durations(
            weights=_weights(row["weights"]), surprise=row["surprise"]
        )
        for row in rows
    }


async def forget_durations(tx: Tx) -> None:
    """Deletes those beyond the bound."""
    await tx.fetch(SQL["forget_durations"], more=MAX_SKETCHES - 1)


async def webhooks_of(tx: Tx, account: AccountKey, now: Micros) -> WebhookRecord:
    """The record of an account's webhooks."""
    names = {"provider": account[0], "account": account[1]}
    first = WebhookRecord()
    await tx.fetch(SQL["lock_webhooks"], **names, share=first.share, seen=first.seen, now=now)
    return _record(await fetch_one(tx, SQL["webhooks_of"], **names))


async def save_webhooks(tx: Tx, account: AccountKey, record: WebhookRecord, now: Micros) -> None:
    """Writes it."""
    await tx.fetch(
        SQL["save_webhooks"],
        provider=account[0],
        account=account[1],
        share=record.share,
        recent=record.recent,
        seen=record.seen,
        lateness=_text(record.lateness),
        surprise=record.lateness.surprise,
        now=now,
    )


async def webhooks_since(tx: Tx, since: Micros) -> dict[AccountKey, WebhookRecord]:
    """The records that were updated since a moment."""
    rows = await tx.fetch(SQL["webhooks_since"], since=since)
    return {(row["provider"], row["account"]): _record(row) for row in rows}


def _record(row: Row) -> WebhookRecord:
    lateness = Durations(weights=_weights(row["lateness"]), surprise=row["surprise"])
    return WebhookRecord(share=row["share"], recent=row["recent"], seen=row["seen"], lateness=lateness)


def _names(kind: Kind) -> dict[str, str]:
    return {"provider": kind[0], "model": kind[1], "order_size": kind[2]}


def _weights(text: str) -> dict[int, float]:
    weights: dict[int, float] = from_json(text, dict[int, float])
    return weights


def _text(durations: Durations) -> str:
    return to_json({number: round(weight, DIGITS) for number, weight in sorted(durations.weights.items())})
