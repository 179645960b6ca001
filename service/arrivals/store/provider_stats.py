"""The record of each provider, counted from the stored rows."""

from dataclasses import dataclass, field

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Tx
from arrivals.store.engine.queries import load

SQL = load("provider_stats")


@dataclass(slots=True, kw_only=True)
class ProviderStats:
    """One provider's record. Lateness: how long after other news of the same a webhook came. All in microseconds."""

    closed: int = 0
    webhooks_expected: int = 0
    webhooks_came: int = 0
    lateness_p50: Micros | None = None
    lateness_p95: Micros | None = None
    learned_from: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    conflicting: int = 0
    duration_p50: Micros | None = None
    duration_p95: Micros | None = None
    failures: dict[str, int] = field(default_factory=dict)


async def of_all(tx: Tx, since: Micros) -> dict[str, ProviderStats]:
    """The record of each provider since a moment."""
    by_provider: dict[str, ProviderStats] = {}

    def of(provider: str) -> ProviderStats:
        return by_provider.setdefault(provider, ProviderStats())

    for row in await tx.fetch(SQL["closed"], since=since):
        stats = of(row["provider"])
        stats.closed += row["counted"]
        stats.learned_from[row["learned_from"]] = stats.learned_from.get(row["learned_from"], 0) + row["counted"]
    for row in await tx.fetch(SQL["failures"], since=since):
        of(row["provider"]).failures[row["failure_code"]] = row["counted"]
    for row in await tx.fetch(SQL["webhooks"], since=since):
        stats = of(row["provider"])
        stats.webhooks_expected, stats.webhooks_came = row["expected"], row["came"]
    for row in await tx.fetch(SQL["findings"], since=since):
        stats = of(row["provider"])
        stats.repeated, stats.conflicting = row["repeated"], row["conflicting"]
    for row in await tx.fetch(SQL["repeats"], since=since):
        of(row["provider"]).repeated += int(row["repeated"])
    for row in await tx.fetch(SQL["durations"], since=since):
        of(row["provider"]).duration_p50, of(row["provider"]).duration_p95 = row["p50"], row["p95"]
    for row in await tx.fetch(SQL["lateness"], since=since):
        of(row["provider"]).lateness_p50, of(row["provider"]).lateness_p95 = row["p50"], row["p95"]
    return by_provider
