"""How deliveries to subscribers go ↔ rows: their latest success and failure, and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from arrivals.core.wire import SECOND, Micros, to_json
from arrivals.store.engine.base import Tx
from arrivals.store.engine.queries import load

SQL = load("subscriber_health")
MAX_COUNTED = 10_000  # of what waits for one subscriber
NEWEST = 100  # deliveries that the share of successes is counted from


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How deliveries to one subscriber go. `backlog` is at most 10,000; `success_share`: of its newest deliveries."""

    failing_since: Micros | None = None
    last_success_at: Micros | None = None
    last_failure_at: Micros | None = None
    last_error: str | None = None
    backlog: int = 0
    oldest_waiting_at: Micros | None = None
    success_share: float | None = None


async def answered(tx: Tx, subscriber_id: str, now: Micros) -> None:
    """Notes that a delivery arrived: it fails no more. Within a second of the last note there is nothing to write."""
    await tx.fetch(SQL["subscriber_answered"], id=subscriber_id, now=now, noted_before=now - SECOND)


async def health_of(tx: Tx, subscriber_ids: Sequence[str]) -> dict[str, Health]:
    """The health of each subscriber that exists."""
    rows = await tx.fetch(SQL["health_of"], ids=to_json(subscriber_ids), max_counted=MAX_COUNTED, newest=NEWEST)
    return {
        row["id"]: Health(
            failing_since=row["failing_since"],
            last_success_at=row["last_success_at"],
            last_failure_at=row["last_failure_at"],
            last_error=row["last_error"],
            backlog=row["backlog"],
            oldest_waiting_at=row["oldest_waiting_at"],
            success_share=row["delivered"] / row["attempted"] if row["attempted"] else None,
        )
        for row in rows
    }
