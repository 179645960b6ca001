"""Idempotency keys ↔ rows: the same key of the same owner is the same order."""

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Missing, Overtaken, Tx
from arrivals.store.engine.queries import load

SQL = load("idempotency")


async def remember_order(tx: Tx, owner: str, key: str, digest: str, generation_id: str, now: Micros) -> None:
    """Binds an idempotency key to its order. Raises Overtaken when another request bound it at the same moment."""
    rows = await tx.fetch(
        SQL["insert_idempotency_key"],
        owner=owner, idempotency_key=key, digest=digest, generation_id=generation_id, created_at=now,
    )  # fmt: skip
    if not rows:
        raise Overtaken(f"the idempotency key {key!r} was bound by another request")


async def remembered_order(tx: Tx, owner: str, key: str) -> tuple[str, str]:
    """(digest of the order, generation id) bound to an idempotency key. Raises Missing."""
    rows = await tx.fetch(SQL["idempotent_order"], owner=owner, idempotency_key=key)
    if not rows:
        raise Missing("order", key, "idempotency key")
    return rows[0]["digest"], rows[0]["generation_id"]
