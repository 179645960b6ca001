"""API keys: made, rotated and revoked, each as one transaction with its line in the log."""

import base64
from collections.abc import Sequence
from dataclasses import replace

import structlog

from arrivals.core.api_key import ApiKey, Scope, digest_of
from arrivals.core.wire import micros, rfc3339
from arrivals.flow.context import Context
from arrivals.store import keys
from arrivals.store.engine.base import Tx

log = structlog.get_logger()

KEY_BYTES = 32
PREFIX_LENGTH = 10  # `arr_` and 36 bits: enough to tell keys apart, and nothing to guess the others by


async def make_key(
    context: Context, name: str, scopes: Sequence[Scope], lasts_s: float | None = None
) -> tuple[ApiKey, str]:
    """A new key, and its text, which is not kept. `lasts_s` None: until it is revoked."""
    now = context.now()
    expires_at = None if lasts_s is None else now + micros(lasts_s)
    key = ApiKey(id=context.make_id("key"), name=name, scopes=tuple(scopes), created_at=now, expires_at=expires_at)
    async with context.store.transaction() as tx:
        key, text = await _insert(context, tx, key)
    log.info(
        "key_made",
        key_id=key.id, name=key.name, scopes=[str(scope) for scope in key.scopes], expires_at=rfc3339(expires_at),
    )  # fmt: skip
    return key, text


async def rotate_key(context: Context, key_id: str, both_s: float) -> tuple[ApiKey, str]:
    """A key of the same caller, name and scopes, and its text; the old one expires in `both_s`. Raises Missing.

    An order that was sent with the old key, sent again with the new one, is the same order.
    """
    now = context.now()
    async with context.store.transaction() as tx:
        old = await keys.expire(tx, key_id, now + micros(both_s))
        key = replace(
            old, id=context.make_id("key"), created_at=now, expires_at=None, lineage=old.owner, last_used_at=None
        )
        key, text = await _insert(context, tx, key)
    log.info("key_rotated", key_id=old.id, new_key_id=key.id, expires_at=rfc3339(old.expires_at))
    return key, text


async def revoke_key(context: Context, key_id: str) -> None:
    """From now on nobody may use it. Raises Missing."""
    async with context.store.transaction() as tx:
        await keys.revoke(tx, key_id, context.now())
    log.info("key_revoked", key_id=key_id)


async def _insert(context: Context, tx: Tx, key: ApiKey) -> tuple[ApiKey, str]:
    text = "arr_" + base64.urlsafe_b64encode(context.entropy(KEY_BYTES)).rstrip(b"=").decode()
    key = replace(key, prefix=text[:PREFIX_LENGTH])
    await keys.insert(tx, key, digest_of(text))
    return key, text
