"""Metrics, counted from the stored rows and from the pruned ones, so that every process reports the same.

A counter may only go up, or its reader takes it for a restart. What pruning deletes is therefore added to a row of
`counters` in the same transaction, and counted from there. What may go down (a finding that a replay corrects, a
delivery that is tried again) is a gauge.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import TypeAlias

from arrivals.core.budget import Ledger
from arrivals.core.generation import CLOSED
from arrivals.core.observation import Finding
from arrivals.core.wire import SECOND, Micros
from arrivals.store.engine.base import Tx, fetch_one
from arrivals.store.engine.queries import load
from arrivals.store.subscriber_health import MAX_COUNTED

SQL = load("metrics")
FORGOTTEN, STRANGE_WORDS, MEASURED = "forgotten", "strange_words", "measured"
MAX_LABELLED = 200  # subscribers with numbers of their own; those of all others are added up
CLOSED_BY, ACCEPTED, POLLS, ATTEMPTS = "closed", "accepted", "polls", "attempts"
EXPECTED, UNEXPECTED = "expected", "unexpected"
OTHER = "other"
_NAME = re.compile(r"[a-z_]{1,32}")

Labels: TypeAlias = tuple[str, ...]
Sums: TypeAlias = dict[Labels, float]


def _sums() -> Sums:
    return defaultdict(float)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSnapshot:
    """Numbers by their labels, whose names are beside each. Durations in seconds, moments in seconds since 1970."""

    webhooks: Sums = field(default_factory=_sums)  # provider, finding
    accepted: Sums = field(default_factory=_sums)  # provider
    last_webhook: Sums = field(default_factory=_sums)  # provider
    oldest_unread_s: Sums = field(default_factory=_sums)  # none
    generations: Sums = field(default_factory=_sums)  # provider, status
    closed: Sums = field(default_factory=_sums)  # provider, learned_from, webhook
    unknown: Sums = field(default_factory=_sums)  # provider
    polls: Sums = field(default_factory=_sums)  # provider
    poll_misses: Sums = field(default_factory=_sums)  # provider
    unknown_statuses: Sums = field(default_factory=_sums)  # provider
    queues: Sums = field(default_factory=_sums)  # worker
    deliveries: Sums = field(default_factory=_sums)  # outcome
    attempts: Sums = field(default_factory=_sums)  # outcome
    subscribers: Sums = field(default_factory=_sums)  # kind, state
    breakers: Sums = field(default_factory=_sums)  # provider, account
    backlogs: Sums = field(default_factory=_sums)  # subscriber
    failing: Sums = field(default_factory=_sums)  # subscriber
    last_success: Sums = field(default_factory=_sums)  # subscriber
    database_bytes: Sums = field(default_factory=_sums)  # engine
    build: Sums = field(default_factory=_sums)  # version, python, database
    webhook_share: Sums = field(default_factory=_sums)  # provider, account
    webhook_late_s: Sums = field(default_factory=_sums)  # provider, account
    budget_used: Sums = field(default_factory=_sums)  # provider, account
    measured: dict[Labels, int] = field(default_factory=dict)  # name, labels and range, as processes have added them


async def snapshot(tx: Tx, now: Micros) -> MetricsSnapshot:
    """All metrics, as one transaction sees them."""
    metrics = MetricsSnapshot()
    await _generations(tx, metrics)
    await _webhooks(tx, metrics, now)
    await _queues(tx, metrics, now)
    await _deliveries(tx, metrics)
    for row in await tx.fetch(SQL["breakers"]):
        metrics.breakers[row["provider"], row["account"]] = int(Ledger(**row).pollable(now) is not None)
    await _subscribers(tx, metrics)
    row = await fetch_one(tx, SQL["size"])
    metrics.database_bytes[row["engine"],] = row["bytes"]
    await _forgotten(tx, metrics)
    return metrics


async def _generations(tx: Tx, metrics: MetricsSnapshot) -> None:
    for row in await tx.fetch(SQL["generations"]):
        provider, status = row["provider"], row["status"]
        metrics.generations[provider, status] += row["counted"]
        metrics.unknown[provider,] += int(row["unknown"])
        metrics.polls[provider,] += int(row["polls"])
        if status in CLOSED:
            metrics.closed[closed_by(provider, row["learned_from"], row["webhook_expected"])] += row["counted"]
        else:
            metrics.poll_misses[provider,] += int(row["misses"])


async def _webhooks(tx: Tx, metrics: MetricsSnapshot, now: Micros) -> None:
    unread_since = now
    for row in await tx.fetch(SQL["webhooks"]):
        provider, finding = row["provider"], row["finding"]
        metrics.webhooks[provider, finding or "unread"] += row["counted"]
        metrics.accepted[provider,] += row["counted"]
        metrics.last_webhook[provider,] = max(metrics.last_webhook.get((provider,), 0), row["last_at"] / SECOND)
        if finding is None:
            unread_since = min(unread_since, row["first_at"])
    for row in await tx.fetch(SQL["repeats"]):  # counted, not stored
        metrics.webhooks[row["provider"], Finding.REPEATED] += int(row["counted"])
        metrics.accepted[row["provider"],] += int(row["counted"])
    for row in await tx.fetch(SQL["quarantined"]):
        metrics.webhooks[row["provider"], "quarantined"] = row["counted"]
    for row in await tx.fetch(SQL["unreadable"]):
        metrics.webhooks[row["provider"], row["finding"]] -= row["counted"]
        metrics.webhooks[row["provider"], "unreadable"] += row["counted"]
    metrics.oldest_unread_s[()] = (now - unread_since) / SECOND


async def _queues(tx: Tx, metrics: MetricsSnapshot, now: Micros) -> None:
    for worker, depth in (await fetch_one(tx, SQL["queues"], now=now)).items():
        metrics.queues[worker,] = depth


async def _deliveries(tx: Tx, metrics: MetricsSnapshot) -> None:
    row = await fetch_one(tx, SQL["deliveries"])
    metrics.deliveries["waiting",], metrics.deliveries["given_up",] = row["waiting"], row["given_up"]
    metrics.deliveries["delivered",] = row["of_all"] - row["waiting"] - row["given_up"]
    for row in await tx.fetch(SQL["answered_attempts"]):
        metrics.attempts[outcome_of(row["http_status"], None),] += row["counted"]
    for row in await tx.fetch(SQL["unanswered_attempts"]):
        metrics.attempts[outcome_of(None, row["name"]),] += row["counted"]
    for row in await tx.fetch(SQL["subscribers"]):
        metrics.subscribers[row["kind"], row["standing"]] = row["counted"]


async def _subscribers(tx: Tx, metrics: MetricsSnapshot) -> None:
    """The oldest registered subscribers by their ids; the others together, with the latest success of any of them."""
    for place, row in enumerate(await tx.fetch(SQL["subscriber_health"], max_counted=MAX_COUNTED)):
        subscriber = row["id"] if place < MAX_LABELLED else OTHER
        metrics.backlogs[subscriber,] += row["backlog"]
        metrics.failing[subscriber,] += int(row["failing_since"] is not None)
        if row["last_success_at"] is not None:
            latest = metrics.last_success.get((subscriber,), 0)
            metrics.last_success[subscriber,] = max(latest, row["last_success_at"] / SECOND)


async def _forgotten(tx: Tx, metrics: MetricsSnapshot) -> None:
    sums = {CLOSED_BY: metrics.closed, ACCEPTED: metrics.accepted, POLLS: metrics.polls, ATTEMPTS: metrics.attempts}
    for row in await tx.fetch(SQL["forgotten"]):
        kind, *what = row["name"].split(":")
        if kind == FORGOTTEN:
            sums[what[0]][tuple(what[1:])] += row["value"]
        elif kind == STRANGE_WORDS:
            metrics.unknown_statuses[tuple(what)] += row["value"]
        elif kind == MEASURED:
            metrics.measured[tuple(what)] = row["value"]


async def count_words(tx: Tx, words: Mapping[str, int]) -> None:
    """Counts unknown status words by provider."""
    rows = [{"name": f"{STRANGE_WORDS}:{provider}", "value": words[provider]} for provider in sorted(words)]
    await tx.run_many(SQL["forget"], rows)


async def add_measured(tx: Tx, measured: Mapping[Labels, int]) -> None:
    """Adds numbers that a process has measured."""
    rows = [{"name": ":".join((MEASURED, *key)), "value": measured[key]} for key in sorted(measured)]
    await tx.run_many(SQL["forget"], rows)


async def archive(tx: Tx, what: str, counts: Mapping[Labels, int]) -> None:
    """Keeps the numbers of rows that this transaction deletes."""
    rows = [{"name": ":".join((FORGOTTEN, what, *labels)), "value": counted} for labels, counted in counts.items()]
    # Sorted, so that two that prune lock them in the same order.
    await tx.run_many(SQL["forget"], sorted(rows, key=lambda row: str(row["name"])))


def closed_by(provider: str, learned_from: str | None, webhook_expected: int) -> Labels:
    """The labels of a closed generation: provider, origin of the news, whether a webhook was expected."""
    return provider, learned_from or OTHER, EXPECTED if webhook_expected else UNEXPECTED


def outcome_of(http_status: int | None, error: str | None) -> str:
    """The outcome of an attempt, in a bounded number of words: `2xx`, or the name of the error."""
    if http_status is not None:
        return f"{http_status // 100}xx"
    name = (error or "").partition(":")[0]
    return name if _NAME.fullmatch(name) else OTHER
