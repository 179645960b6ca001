"""Deletes old rows, a bounded number at a time, and keeps their numbers for the metrics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arrivals.core.wire import Micros
from arrivals.store import metrics
from arrivals.store.engine.base import Row, Tx
from arrivals.store.engine.queries import load
from arrivals.store.metrics import Labels, closed_by, outcome_of

SQL = load("prune")
DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long finished things are kept, in seconds; None is forever.

    `generations_s` after they closed, with their orders, observations and kept outputs, and never before their
    idempotency keys; `events_s` also holds for deliveries, attempts and observations; `webhooks_s` for read webhooks,
    `quarantine_s` for refused ones, `calls_s` for our calls to providers and their answers.
    """

    generations_s: float | None = None
    events_s: float | None = 90 * DAY_S
    webhooks_s: float | None = 30 * DAY_S
    calls_s: float | None = 30 * DAY_S
    quarantine_s: float | None = 30 * DAY_S
    idempotency_s: float | None = 30 * DAY_S


async def last_pruned(tx: Tx) -> Micros | None:
    """The moment at which pruning last began, in any process."""
    rows = await tx.fetch(SQL["last_pruned"])
    return rows[0]["value"] if rows else None


async def claim(tx: Tx, now: Micros, until: Micros) -> bool:
    """Takes the right to prune now. False if another process took it after `until`."""
    await tx.fetch(SQL["begin_to_prune"], now=now)
    return bool(await tx.fetch(SQL["claim_pruning"], now=now, until=until))


async def old(tx: Tx, what: str, limit: int, **values: Any) -> list[str]:
    """The ids of rows that may be deleted with all that belongs to them, in order."""
    return [row["id"] for row in await tx.fetch(SQL[what], limit=limit, **values)]


async def delete(tx: Tx, what: str, limit: int, **values: Any) -> int:
    """Deletes at most `limit` rows. Returns how many there were."""
    rows = await tx.fetch(SQL[what], limit=limit, **values)
    if what == "webhooks":
        accepted: Counter[Labels] = Counter()
        for row in rows:
            accepted[row["provider"],] += 1 + row["repeats"]
        await metrics.archive(tx, metrics.ACCEPTED, accepted)
    elif what == "attempts":
        await metrics.archive(tx, metrics.ATTEMPTS, Counter((outcome_of(**row),) for row in rows))
    elif what == "generations":
        await _forget_generations(tx, rows)
    return len(rows)


async def _forget_generations(tx: Tx, rows: Sequence[Row]) -> None:
    polls: Counter[Labels] = Counter()
    for row in rows:
        polls[row["provider"],] += row["polls"]
    closed = Counter(closed_by(row["provider"], row["learned_from"], row["webhook_expected"]) for row in rows)
    await metrics.archive(tx, metrics.CLOSED_BY, closed)
    await metrics.archive(tx, metrics.POLLS, polls)
