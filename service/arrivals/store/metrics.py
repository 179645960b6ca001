"""What is measured, counted from what is stored and from what was forgotten: so that every process tells the same.

A counter may only go up, or its reader takes it for a restart. What pruning deletes is therefore added to a row of
`counters` in the same transaction, and counted from there. What may go down (a finding that a replay corrects, a
delivery that is tried again) is told as it stands.
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
from arrivals.store.engine.base import Tx, one
from arrivals.store.engine.queries import load

SQL = load("metrics")
LATENESS_S = 24 * 3600
FORGOTTEN, STRANGE_WORDS = "forgotten", "strange_words"
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
    """Numbers by their labels, whose names stand beside each. Durations in seconds, moments in seconds since 1970."""

    webhooks: Sums = field(default_factory=_sums)  # provider, finding
    accepted: Sums = field(default_factory=_sums)  # provider
    last_webhook: Sums = field(default_factory=_sums)  # provider
    oldest_unread_s: Sums = field(default_factory=_sums)  # none
    lateness_s: Sums = field(default_factory=_sums)  # provider, quantile
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


async def snapshot(tx: Tx, now: Micros) -> MetricsSnapshot:
    """Everything, as one transaction sees it."""
    found = MetricsSnapshot()
    await _generations(tx, found)
    await _webhooks(tx, found, now)
    await _queues(tx, found, now)
    await _deliveries(tx, found)
    for row in await tx.fetch(SQL["breakers"]):
        found.breakers[row["provider"], row["account"]] = int(Ledger(**row).pollable(now) is not None)
    await _forgotten(tx, found)
    return found


async def _generations(tx: Tx, found: MetricsSnapshot) -> None:
    for row in await tx.fetch(SQL["generations"]):
        provider, status = row["provider"], row["status"]
        found.generations[provider, status] += row["counted"]
        found.unknown[provider,] += int(row["unknown"])
        found.polls[provider,] += int(row["polls"])
        if status in CLOSED:
            found.closed[closed_by(provider, row["learned_from"], row["webhook_expected"])] += row["counted"]
        else:
            found.poll_misses[provider,] += int(row["misses"])


async def _webhooks(tx: Tx, found: MetricsSnapshot, now: Micros) -> None:
    unread_since = now
    for row in await tx.fetch(SQL["webhooks"]):
        provider, finding = row["provider"], row["finding"]
        found.webhooks[provider, finding or "unread"] += row["counted"]
        found.accepted[provider,] += row["counted"]
        found.last_webhook[provider,] = max(found.last_webhook.get((provider,), 0), row["last_at"] / SECOND)
        if finding is None:
            unread_since = min(unread_since, row["first_at"])
    for row in await tx.fetch(SQL["repeats"]):  # counted, not kept
        found.webhooks[row["provider"], Finding.REPEATED] += int(row["counted"])
        found.accepted[row["provider"],] += int(row["counted"])
    for row in await tx.fetch(SQL["quarantined"]):
        found.webhooks[row["provider"], "quarantined"] = row["counted"]
    for row in await tx.fetch(SQL["unreadable"]):
        found.webhooks[row["provider"], row["finding"]] -= row["counted"]
        found.webhooks[row["provider"], "unreadable"] += row["counted"]
    found.oldest_unread_s[()] = (now - unread_since) / SECOND
    for row in await tx.fetch(SQL["lateness"], since=now - LATENESS_S * SECOND):
        found.lateness_s[row["provider"], "0.5"] = row["p50"] / SECOND
        found.lateness_s[row["provider"], "0.95"] = row["p95"] / SECOND


async def _queues(tx: Tx, found: MetricsSnapshot, now: Micros) -> None:
    for worker, depth in (await one(tx, SQL["queues"], now=now)).items():
        found.queues[worker,] = depth


async def _deliveries(tx: Tx, found: MetricsSnapshot) -> None:
    row = await one(tx, SQL["deliveries"])
    found.deliveries["waiting",], found.deliveries["given_up",] = row["waiting"], row["given_up"]
    found.deliveries["delivered",] = row["of_all"] - row["waiting"] - row["given_up"]
    for row in await tx.fetch(SQL["answered_attempts"]):
        found.attempts[outcome_of(row["http_status"], None),] += row["counted"]
    for row in await tx.fetch(SQL["unanswered_attempts"]):
        found.attempts[outcome_of(None, row["name"]),] += row["counted"]
    for row in await tx.fetch(SQL["subscribers"]):
        found.subscribers[row["kind"], row["standing"]] = row["counted"]


async def _forgotten(tx: Tx, found: MetricsSnapshot) -> None:
    sums = {CLOSED_BY: found.closed, ACCEPTED: found.accepted, POLLS: found.polls, ATTEMPTS: found.attempts}
    for row in await tx.fetch(SQL["forgotten"]):
        kind, *what = row["name"].split(":")
        if kind == FORGOTTEN:
            sums[what[0]][tuple(what[1:])] += row["value"]
        elif kind == STRANGE_WORDS:
            found.unknown_statuses[tuple(what)] += row["value"]


async def count_words(tx: Tx, words: Mapping[str, int]) -> None:
    """Count status words that nobody knows, by provider."""
    rows = [{"name": f"{STRANGE_WORDS}:{provider}", "value": words[provider]} for provider in sorted(words)]
    await tx.run_many(SQL["forget"], rows)


async def archive(tx: Tx, what: str, counts: Mapping[Labels, int]) -> None:
    """Keep the number of what is deleted in this transaction."""
    rows = [{"name": ":".join((FORGOTTEN, what, *labels)), "value": counted} for labels, counted in counts.items()]
    # In order, so that two that forget lock them in the same order.
    await tx.run_many(SQL["forget"], sorted(rows, key=lambda row: str(row["name"])))


def closed_by(provider: str, learned_from: str | None, webhook_expected: int) -> Labels:
    """Who told us that a generation had closed, and whether a webhook was to tell us."""
    return provider, learned_from or OTHER, EXPECTED if webhook_expected else UNEXPECTED


def outcome_of(http_status: int | None, error: str | None) -> str:
    """What became of an attempt, in a bounded number of words: `2xx`, or the name of what went wrong."""
    if http_status is not None:
        return f"{http_status // 100}xx"
    name = (error or "").partition(":")[0]
    return name if _NAME.fullmatch(name) else OTHER
