"""Deletes what need not be kept any longer, in small transactions between which everybody else has a turn.

Never anything open: a generation that is not closed or within its deadline, its history, the idempotency key of its
order; an event that waits for a delivery; an unread webhook. Run twice at once, or cut off, it does no harm.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from arrivals.core.ids import ENTROPY_BYTES, make_id
from arrivals.core.wire import SECOND, Micros, micros, to_json
from arrivals.flow.context import Context
from arrivals.store import prune as store
from arrivals.store.engine.base import Unavailable
from arrivals.store.prune import Retention

__all__ = ["Retention", "claim", "fail", "handle", "prune"]

log = structlog.get_logger()

EVERY: Micros = 3600 * SECOND
TRUST_S = 1800.0  # if it is cut off, it continues an hour later where it stopped
BATCH = 500  # rows in one transaction
BATCHES = {"kept_outputs": 20}  # whole files
TOGETHER = 100  # events, or generations, whose parts are deleted before them

KINDS = (
    "webhooks", "quarantined", "calls", "events", "deliveries", "attempts", "observations", "idempotency_keys",
    "generations", "orders", "metadata", "kept_outputs",
)  # fmt: skip
ID_PREFIXES = {"webhooks": "whk", "calls": "cal", "observations": "obs", "events": "evt", "generations": "gen"}
# What belongs to it goes first, so that nothing is left without what it belongs to. A query's name: what is counted.
PARTS: Mapping[str, Mapping[str, str]] = {
    "events": {"attempts": "attempts", "deliveries": "deliveries", "events": "events"},
    "generations": {
        "observations_of": "observations",
        "calls_of": "calls",
        "kept_outputs": "kept_outputs",
        "orders": "orders",
        "metadata": "metadata",
        "generations": "generations",
    },
}


async def claim(context: Context, _limit: int) -> list[Micros]:
    """The current moment, if an hour has passed since any process pruned this database."""
    async with context.store.reading() as tx:
        now, last = await tx.now(), await store.last_pruned(tx)
    if last is not None and now - last < EVERY:
        return []
    async with context.store.transaction() as tx:
        return [now] if await store.claim(tx, now, now - EVERY) else []


async def handle(context: Context, now: Micros) -> None:
    """Prunes once."""
    forgotten = await prune(context, now)
    log.info("pruned", **{what: count for what, count in forgotten.items() if count})


async def fail(_context: Context, now: Micros, reason: Exception) -> None:
    """Logs the failure. The next claim, an hour later, continues where this one stopped."""
    log.error("prune_interrupted", began_at=now, reason=type(reason).__name__)


async def prune(context: Context, now: Micros) -> dict[str, int]:
    """Deletes what is older than it is to be kept, and returns how many rows of each kind.

    A kind that cannot be deleted does not stop the others; its exception is raised at the end.
    """
    kept = context.policy.retention
    failed: list[Exception] = []
    forgotten = Counter(dict.fromkeys(KINDS, 0))
    # Keys before generations, which stay as long as a key names them.
    for what, kept_s in (
        ("webhooks", kept.webhooks_s),
        ("quarantined", kept.quarantine_s),
        ("calls", kept.calls_s),
        ("events", kept.events_s),
        ("observations", kept.events_s),
        ("idempotency_keys", kept.idempotency_s),
        ("generations", kept.generations_s),
    ):
        if kept_s is not None:
            bounds = _bounds(what, now, max(0, now - micros(kept_s)))
            try:
                forgotten.update(await _old(context, what, bounds))
            except Unavailable:
                raise
            except Exception as error:
                log.exception("prune_failed", what=what)
                failed.append(error)
    if failed:
        raise failed[0]
    return dict(forgotten)


def _bounds(what: str, now: Micros, until: Micros) -> dict[str, Any]:
    """The moments that a query takes, and the first id that could have been made at `until`."""
    before = make_id(ID_PREFIXES[what], until, bytes(ENTROPY_BYTES)) if what in ID_PREFIXES else ""
    return {"until": until, "now": now, "before": before}


async def _old(context: Context, what: str, bounds: Mapping[str, Any]) -> Counter[str]:
    if what not in PARTS:
        return Counter({what: await _all(context, what, bounds)})
    forgotten: Counter[str] = Counter()
    ids: Sequence[str] = [""]
    while ids:
        async with context.store.reading() as tx:
            ids = await store.old(tx, f"old_{what}", TOGETHER, behind=ids[-1], **bounds)
        for part, counted_as in PARTS[what].items() if ids else ():
            forgotten[counted_as] += await _all(context, part, {"ids": to_json(ids)})
    return forgotten


async def _all(context: Context, what: str, values: Mapping[str, Any]) -> int:
    most = BATCHES.get(what, BATCH)
    total, deleted = 0, most
    while deleted == most:
        async with context.store.transaction() as tx:
            deleted = await store.delete(tx, what, most, **values)
        total += deleted
    return total
