"""The moments at which backups were written ↔ rows."""

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Tx
from arrivals.store.engine.queries import load

SQL = load("backups")


async def record(tx: Tx, at: Micros, path: str, size_bytes: int) -> None:
    """Keeps that a backup was written; only the latest is kept."""
    await tx.fetch(SQL["forget_backups"])
    await tx.fetch(SQL["insert_backup"], at=at, path=path, bytes=size_bytes)


async def latest(tx: Tx) -> tuple[Micros, str] | None:
    """When the latest backup was written, and where to; None if there was none."""
    rows = await tx.fetch(SQL["latest_backup"])
    return (rows[0]["at"], rows[0]["path"]) if rows else None
