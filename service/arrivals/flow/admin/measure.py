"""The service's metrics, counted once for everybody who asks at the same time, because counting reads many rows.

What this process has measured is added first, so that a process without workers adds its own too.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
import platform

from arrivals import __version__
from arrivals.core.failure import FailureCode
from arrivals.core.generation import Origin, Status
from arrivals.flow.admin.add_measured import add_measured
from arrivals.flow.context import Context
from arrivals.flow.measurements import FAILURES
from arrivals.flow.settlement.learn import read_in
from arrivals.store import accounts, metrics
from arrivals.store.accounts import AccountKey
from arrivals.store.engine.base import Tx, Unavailable
from arrivals.store.metrics import EXPECTED, MetricsSnapshot


async def measure(context: Context) -> MetricsSnapshot:
    """Every number as it is now."""
    return await context.batches.metrics.add(None)


async def count_all(context: Context, scrapes: Sequence[None]) -> list[MetricsSnapshot]:
    """The same snapshot for each scrape."""
    with suppress(Unavailable):  # what can only be read can be shown all the same
        await add_measured(context)
    await read_in(context)
    async with context.store.reading() as tx:
        snapshot = await metrics.snapshot(tx, context.now())
        await _add_accounts(context, tx, snapshot)
    (engine,) = next(iter(snapshot.database_bytes))
    snapshot.build[__version__, platform.python_version(), engine] = 1
    _begin_at_zero(snapshot, context.upstreams)
    return [snapshot] * len(scrapes)


async def _add_accounts(context: Context, tx: Tx, snapshot: MetricsSnapshot) -> None:
    """Adds what is known of each account: how its webhooks come, and how much of its budget is spent."""
    now, knowledge = await tx.now(), context.process.knowledge
    for key, upstream in context.upstreams.items():
        if key in knowledge.webhooks:
            snapshot.webhook_share[key] = knowledge.webhooks[key].share
            snapshot.webhook_late_s[key] = knowledge.webhooks[key].habits.late_s
        affordable = (await accounts.ledger_seen(tx, key)).affordable(upstream.budget, now)
        snapshot.budget_used[key] = 1 - affordable / upstream.budget.burst


def _begin_at_zero(snapshot: MetricsSnapshot, configured: Mapping[AccountKey, object]) -> None:
    """Adds zeros: a number that first appears as 1 shows no increase, so what alerts watch is there from the start."""
    for provider, account in configured:
        for numbers in (
            snapshot.accepted, snapshot.unknown, snapshot.polls, snapshot.poll_misses, snapshot.unknown_statuses,
        ):  # fmt: skip
            numbers.setdefault((provider,), 0)
        for code in FailureCode:
            snapshot.measured.setdefault((FAILURES.name, provider, code), 0)
        for origin in (Origin.WEBHOOK, Origin.POLL):
            snapshot.closed.setdefault((provider, origin, EXPECTED), 0)
        for status in Status:
            snapshot.generations.setdefault((provider, status), 0)
        snapshot.breakers.setdefault((provider, account), 0)
    for kind in ("registered", "callback"):
        for state in ("active", "failing", "paused", "disabled"):
            snapshot.subscribers.setdefault((kind, state), 0)
    snapshot.attempts.setdefault(("2xx",), 0)
