"""The check that this process can do its work: the database can be written, and every worker keeps claiming."""

from collections.abc import Sequence

import anyio

from arrivals.flow.context import Context
from arrivals.store.engine.base import Database

PATIENCE_S = 5.0


async def check_database(context: Context) -> None:
    """Raises whatever keeps the database from being written, TimeoutError after five seconds.

    All callers share one transaction, and none waits longer than that, however long it takes.
    """
    with anyio.fail_after(PATIENCE_S):
        await context.batches.readiness.add(None)


async def write_nothing(context: Context, checks: Sequence[None]) -> list[None]:
    """Opens one write transaction for all callers."""
    await can_write(context.store)
    return [*checks]


async def can_write(database: Database) -> None:
    """Opens a write transaction, and writes nothing. Raises StoreError."""
    async with database.transaction() as tx:
        await tx.now()
