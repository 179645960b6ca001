"""The service's trouble as stored rows show it, for `arrivals doctor`. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass

from arrivals.core.breaker import Breaker
from arrivals.core.budget import Ledger
from arrivals.core.wire import SECOND, Micros
from arrivals.store import backups, metrics
from arrivals.store.engine.base import Tx, fetch_one
from arrivals.store.engine.queries import load

SQL = load("diagnosis")
LATELY: Micros = 24 * 3600 * SECOND
MAX_SUBSCRIBERS = 20  # that fail, those that have failed longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """The webhooks of one provider that were refused, and why the latest one was."""

    provider: str
    count: int
    first_at: Micros
    last_at: Micros
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A provider whose generations close by polls: how many did since its last webhook, in the last day."""

    provider: str
    closed: int
    last_webhook_at: Micros | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingSubscriber:
    """A subscriber, or the origin of callback URLs, of which every attempt fails since a moment."""

    id: str
    kind: str
    url: str
    failing_since: Micros
    last_error: str | None
    breaker: Breaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything at one moment: `now` is by the database's clock, `newest_at` the newest moment that it holds.

    `unread_since` and `timeout_at`: since when a webhook waits to be read, and when the next bounded wait ends.
    """

    now: Micros
    newest_at: Micros | None
    quarantines: tuple[Quarantine, ...]
    silences: tuple[Silence, ...]
    ledgers: tuple[Ledger, ...]
    failing: tuple[FailingSubscriber, ...]
    unread_since: Micros | None
    timeout_at: Micros | None
    pruned_at: Micros | None
    bytes: int
    backup: tuple[Micros, str] | None


async def diagnose(tx: Tx, providers: Iterable[str]) -> Diagnosis:
    """The diagnosis; `providers`: those that are configured."""
    now = await tx.now()
    overdue = await fetch_one(tx, SQL["overdue"])
    newest = await fetch_one(tx, SQL["newest"])
    return Diagnosis(
        now=now,
        newest_at=max((moment for moment in newest.values() if moment is not None), default=None),
        quarantines=tuple(
            Quarantine(
                provider=row["provider"],
                count=row["counted"],
                first_at=row["first_at"],
                last_at=row["last_at"],
                reason=row["reason"],
            )
            for row in await tx.fetch(SQL["quarantines"])
        ),
        silences=await _silences(tx, providers, now),
        ledgers=tuple(Ledger(**row) for row in await tx.fetch(metrics.SQL["breakers"])),
        failing=await _failing(tx),
        unread_since=overdue["unread_since"],
        timeout_at=overdue["timeout_at"],
        pruned_at=overdue["pruned_at"],
        bytes=(await fetch_one(tx, metrics.SQL["size"]))["bytes"],
        backup=await backups.latest(tx),
    )


async def _silences(tx: Tx, providers: Iterable[str], now: Micros) -> tuple[Silence, ...]:
    came: dict[str, Micros] = {}
    for row in await tx.fetch(metrics.SQL["webhooks"]):
        came[row["provider"]] = max(came.get(row["provider"], 0), row["last_at"])
    silences = []
    for provider in sorted(set(providers)):
        since = max(came.get(provider, 0), now - LATELY)
        rows = await tx.fetch(SQL["closed_by_polls"], provider=provider, since=since)
        silences += [
            Silence(provider=provider, closed=row["counted"], last_webhook_at=came.get(provider)) for row in rows
        ]
    return tuple(silences)


async def _failing(tx: Tx) -> tuple[FailingSubscriber, ...]:
    return tuple(
        FailingSubscriber(
            id=row["id"],
            kind=row["kind"],
            url=row["url"],
            failing_since=row["failing_since"],
            last_error=row["last_error"],
            breaker=Breaker(misses=row["misses"], open_until=row["open_until"]),
        )
        for row in await tx.fetch(SQL["failing_subscribers"], limit=MAX_SUBSCRIBERS)
    )
