"""The note that a backup was written, which the doctor reads."""

from arrivals.core.wire import Micros
from arrivals.store import backups
from arrivals.store.engine.base import Database


async def record_backup(database: Database, at: Micros, path: str, size_bytes: int) -> None:
    """Keeps when a backup was last written, and where to."""
    async with database.transaction() as tx:
        await backups.record(tx, at, path, size_bytes)
