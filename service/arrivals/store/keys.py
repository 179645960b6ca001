"""API keys ↔ rows. Only a digest is kept; the key itself is shown once, when it is made."""

from collections.abc import Sequence
from typing import TypeAlias

from arrivals.core.api_key import ApiKey
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.store.engine.base import Row, Tx, fetch_by_id
from arrivals.store.engine.queries import load

SQL = load("keys")

KeyUse: TypeAlias = tuple[str, Micros]  # a key's id, and when it was used


async def insert(tx: Tx, key: ApiKey, digest: str) -> None:
    """Inserts a new key by its digest."""
    await tx.fetch(
        SQL["insert_key"],
        id=key.id, name=key.name, digest=digest, scopes=to_json(key.scopes), created_at=key.created_at,
        expires_at=key.expires_at, lineage=key.lineage, prefix=key.prefix,
    )  # fmt: skip


async def by_digest(tx: Tx, digest: str, now: Micros) -> ApiKey | None:
    """The key with this digest, if it is neither revoked nor expired."""
    rows = await tx.fetch(SQL["key_by_digest"], digest=digest, now=now)
    return _from_row(rows[0]) if rows else None


async def listed(tx: Tx) -> Sequence[ApiKey]:
    """Every key, oldest first."""
    return [_from_row(row) for row in await tx.fetch(SQL["list_keys"])]


async def expire(tx: Tx, key_id: str, at: Micros) -> ApiKey:
    """Sets a key's end and returns it. Raises Missing for one that is revoked, or ends before."""
    return _from_row(await fetch_by_id(tx, "API key", SQL["expire_key"], key_id, expires_at=at))


async def revoke(tx: Tx, key_id: str, now: Micros) -> None:
    """Revokes a key. Raises Missing."""
    await fetch_by_id(tx, "API key", SQL["revoke_key"], key_id, now=now)


async def record_uses(tx: Tx, uses: Sequence[KeyUse]) -> None:
    """Keeps when keys were used; a later use that is kept already stays."""
    await tx.run_many(SQL["record_key_use"], [{"id": key_id, "at": at} for key_id, at in uses])


def _from_row(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        scopes=tuple(from_json(row["scopes"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        lineage=row["lineage"],
        prefix=row["prefix"],
        last_used_at=row["last_used_at"],
    )
