"""Who is asking: bearer API keys with scopes, looked up by digest."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
import hashlib
import hmac
import secrets

import structlog

from arrivals.core.wire import SECOND, Micros, micros, rfc3339
from arrivals.flow.context import Context
from arrivals.store import keys
from arrivals.store.engine.base import Tx
from arrivals.store.keys import ApiKey
from arrivals.web.auth_throttle import AuthThrottle
from arrivals.web.errors import Problem
from arrivals.web.held_requests import HeldRequests

log = structlog.get_logger()

KEY_BYTES = 32
UNAUTHENTICATED = ApiKey(id="key_settings", name="ARRIVALS_API_KEY", scopes=("read", "submit", "admin"), created_at=0)


class Scope(StrEnum):
    """What a key may do. `admin` includes the others."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """Lets callers in. `api_key` is the one key that the settings hold, with every scope."""

    context: Context
    api_key: str = field(repr=False)
    failures: AuthThrottle = field(default_factory=AuthThrottle, repr=False)
    holds: HeldRequests = field(default_factory=HeldRequests, repr=False)

    async def authenticate(self, authorization: str | None, scope: Scope, address: str = "") -> ApiKey:
        """The key that is asking, from this address. Raises Problem (401, 403, 429)."""
        key = await self._key(authorization, address)
        if scope not in key.scopes and Scope.ADMIN not in key.scopes:
            log.warning("scope_missing", key_id=key.id, scope=scope.value)
            raise Problem(403, "scope_missing", f"the key {key.name!r} has no scope {scope.value!r}; use one that has")
        return key

    async def _key(self, authorization: str | None, address: str) -> ApiKey:
        kind, _, sent = (authorization or "").partition(" ")
        challenge = {"www-authenticate": "Bearer"}
        if kind.lower() != "bearer" or not sent.strip():
            raise Problem(401, "key_missing", "send an API key as `Authorization: Bearer KEY`", headers=challenge)
        digest, now = digest_of(sent.strip()), self.context.now()
        wait = self.failures.tries(address, digest, now)
        if wait:
            detail = "too many keys from this address were wrong; wait before the next one"
            after = {"retry-after": str(-(-wait // SECOND))}
            raise Problem(429, "too_many_failures", detail, headers=after)
        try:
            found = await self._by_digest(digest, now)
        finally:
            self.failures.tried(digest)
        if found is None:
            if self.failures.failed(address, digest, now):
                log.warning("authentication_limited", address=address)
            raise Problem(401, "key_invalid", "this API key is unknown, ended or revoked", headers=challenge)
        self.failures.admitted(address, digest)
        return found

    async def _by_digest(self, digest: str, now: Micros) -> ApiKey | None:
        if hmac.compare_digest(digest, digest_of(self.api_key)):
            return UNAUTHENTICATED
        async with self.context.store.read_inline() as tx:
            return await keys.by_digest(tx, digest, now)


def digest_of(key: str) -> str:
    """Keys are random, so a plain SHA-256 keeps them; equal digests are found by index."""
    return hashlib.sha256(key.encode()).hexdigest()


async def make_key(
    context: Context, name: str, scopes: Sequence[Scope], lasts_s: float | None = None
) -> tuple[ApiKey, str]:
    """A new key, and its text, which is not kept. `lasts_s` None: until it is revoked."""
    now = context.now()
    expires_at = None if lasts_s is None else now + micros(lasts_s)
    key = ApiKey(id=context.make_id("key"), name=name, scopes=tuple(scopes), created_at=now, expires_at=expires_at)
    async with context.store.transaction() as tx:
        text = await _kept(tx, key)
    log.info(
        "key_made",
        key_id=key.id,
        name=key.name,
        scopes=[str(scope) for scope in key.scopes],
        expires_at=rfc3339(expires_at),
    )
    return key, text


async def rotate_key(context: Context, key_id: str, both_s: float) -> tuple[ApiKey, str]:
    """A key of the same caller, name and scopes, and its text; the old one ends in `both_s`. Raises Missing.

    An order that was sent with the old key, sent again with the new one, is the same order.
    """
    now = context.now()
    async with context.store.transaction() as tx:
        old = await keys.expire(tx, key_id, now + micros(both_s))
        key = replace(old, id=context.make_id("key"), created_at=now, expires_at=None, lineage=old.owner)
        text = await _kept(tx, key)
    log.info("key_rotated", key_id=old.id, new_key_id=key.id, expires_at=rfc3339(old.expires_at))
    return key, text


async def revoke_key(context: Context, key_id: str) -> None:
    """From now on nobody may use it. Raises Missing."""
    async with context.store.transaction() as tx:
        await keys.revoke(tx, key_id, context.now())
    log.info("key_revoked", key_id=key_id)


async def _kept(tx: Tx, key: ApiKey) -> str:
    text = "arr_" + secrets.token_urlsafe(KEY_BYTES)
    await keys.insert(tx, key, digest_of(text))
    return text
