"""Adds what this process has measured to the numbers in the database.

A process that dies loses what it measured in the last seconds, and nothing else.
"""

from collections.abc import Sequence

import structlog

from arrivals.flow.context import Context
from arrivals.store import metrics

log = structlog.get_logger()

TRUST_S = 60.0


async def claim(context: Context, _limit: int) -> Sequence[None]:
    """One item, if there is something to add."""
    return [None] if context.process.measurements.due(context.now()) else []


async def add_measured(context: Context, _item: None = None) -> None:
    """Adds all of it. What cannot be written is kept for the next time. Raises StoreError."""
    measured = context.process.measurements.take(context.now())
    if not measured:
        return
    try:
        async with context.store.transaction() as tx:
            await metrics.add_measured(tx, measured)
    except BaseException:
        context.process.measurements.put_back(measured)
        raise


async def fail(_context: Context, _item: None, reason: Exception) -> None:
    """Logs the failure; the numbers are added the next time."""
    log.error("measurements_kept_back", reason=type(reason).__name__)
