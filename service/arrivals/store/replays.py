"""Replays ↔ rows: what is to be done again, and the progress of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from arrivals.core.generation import VerifiedBy
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.store.engine.base import Row, Tx, fetch_by_id, fetch_one
from arrivals.store.engine.pages import Loading, Page, of_rows
from arrivals.store.engine.queries import load
from arrivals.store.generations import LAST, NEVER
from arrivals.store.observations import SQL as WEBHOOKS
from arrivals.store.observations import StoredWebhook, webhook_from_row

SQL = load("replays")
TO_REPLAY = Loading(measure=SQL["webhooks_to_replay"], load=WEBHOOKS["webhooks_measured"])


class ReplayKind(StrEnum):
    """The work that a replay does again."""

    WEBHOOKS = "webhooks"  # stored webhooks go through the pipeline again
    QUARANTINE = "quarantine"  # refused webhooks are verified again
    EVENTS = "events"  # events are sent again


class ReplayStatus(StrEnum):
    """The states of a replay."""

    RUNNING = "running"
    FINISHED = "finished"
    CANCELED = "canceled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The selection of a replay; None is any. `missed`: only events that did not reach their subscriber."""

    provider: str | None = None
    model: str | None = None
    generation: str | None = None
    finding: str | None = None
    type: str | None = None
    subscriber: str | None = None
    since: Micros = 0
    until: Micros = NEVER
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One replay. `cursor`: what comes after it is not done yet. `findings`: the number of each."""

    id: str
    kind: ReplayKind
    filters: Filters
    created_at: Micros
    dry_run: bool = False
    rate_per_s: float | None = None
    status: ReplayStatus = ReplayStatus.RUNNING
    failed_reason: str | None = None
    total: int = 0
    done: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)
    cursor: str = ""
    finished_at: Micros | None = None
    due_at: Micros | None = None

    def after(self, findings: Sequence[str], cursor: str) -> "Replay":
        """The replay with one more batch done."""
        counts = dict(self.findings)
        for name in findings:
            counts[name] = counts.get(name, 0) + 1
        return replace(self, done=self.done + len(findings), findings=counts, cursor=cursor)


def _from_row(row: Row) -> Replay:
    return Replay(
        id=row["id"],
        kind=ReplayKind(row["kind"]),
        filters=Filters(**from_json(row["filters"])),
        created_at=row["created_at"],
        dry_run=bool(row["dry_run"]),
        rate_per_s=row["rate_per_s"],
        status=ReplayStatus(row["status"]),
        failed_reason=row["failed_reason"],
        total=row["total"],
        done=row["done"],
        findings=from_json(row["findings"]),
        cursor=row["cursor"],
        finished_at=row["finished_at"],
        due_at=row["due_at"],
    )


async def insert(tx: Tx, new: Replay) -> None:
    """Inserts a new replay, due at once."""
    await tx.fetch(
        SQL["insert_replay"],
        id=new.id,
        kind=new.kind,
        filters=to_json(new.filters),
        dry_run=int(new.dry_run),
        rate_per_s=new.rate_per_s,
        status=new.status,
        total=new.total,
        cursor=new.cursor,
        created_at=new.created_at,
        due_at=new.due_at,
    )


async def by_id(tx: Tx, replay_id: str) -> Replay:
    """One replay. Raises Missing."""
    return _from_row(await fetch_by_id(tx, "replay", SQL["replay_by_id"], replay_id))


async def listed(tx: Tx, limit: int, before: str = LAST) -> Page[Replay]:
    """One page, newest first."""
    rows = await tx.fetch(SQL["list_replays"], before=before, limit=limit + 1)
    return Page.of([_from_row(row) for row in rows], limit)


async def claim(tx: Tx, limit: int, lease: Micros) -> list[Replay]:
    """Leases replays with a batch due."""
    now = await tx.now()
    return [
        _from_row(row) for row in await tx.fetch(SQL["claim_replays"], now=now, limit=limit, lease_until=now + lease)
    ]


async def save(tx: Tx, claimed: Replay, now: Replay) -> bool:
    """Saves the progress after a batch. False when it was canceled, or another process has it."""
    rows = await tx.fetch(
        SQL["save_replay"],
        id=now.id,
        status=now.status,
        failed_reason=now.failed_reason,
        done=now.done,
        findings=to_json(now.findings),
        cursor=now.cursor,
        finished_at=now.finished_at,
        due_at=now.due_at,
        lease_until=claimed.due_at,
    )
    return bool(rows)


async def cancel(tx: Tx, replay_id: str, now: Micros) -> bool:
    """Ends a replay. False when it has ended already."""
    return bool(await tx.fetch(SQL["cancel_replay"], id=replay_id, now=now))


def _webhook_values(replay: Replay) -> dict[str, Any]:
    wanted = replay.filters
    return {
        "provider": wanted.provider,
        "generation_id": wanted.generation,
        "finding": wanted.finding,
        "since": wanted.since,
        "until": wanted.until,
        "quarantined": int(replay.kind is ReplayKind.QUARANTINE),
    }


async def count_webhooks(tx: Tx, replay: Replay) -> int:
    """The number of webhooks that a replay concerns."""
    counted: int = (await fetch_one(tx, SQL["count_webhooks"], **_webhook_values(replay)))["counted"]
    return counted


async def webhooks(tx: Tx, replay: Replay, limit: int) -> Page[StoredWebhook]:
    """The next webhooks of a replay, in the order of their arrival, as many as are loaded at once."""
    return of_rows(
        await TO_REPLAY.page(tx, limit, {"cursor": replay.cursor, **_webhook_values(replay)}), webhook_from_row
    )


async def release(tx: Tx, webhook_id: str, verified_by: VerifiedBy | None) -> bool:
    """Takes a webhook out of the quarantine, to be read. False when it is not there any more."""
    return bool(await tx.fetch(SQL["release_webhook"], id=webhook_id, verified_by=verified_by))
