"""Authentication: bearer API keys with scopes, looked up by digest."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
import hmac

import structlog

from arrivals.core.api_key import ApiKey, Scope, digest_of
from arrivals.core.wire import SECOND, Micros
from arrivals.flow.admin.key_use import note_older_use, note_use
from arrivals.flow.context import Context
from arrivals.store import keys
from arrivals.web.auth_throttle import AuthThrottle
from arrivals.web.errors import Problem
from arrivals.web.held_requests import HeldRequests

log = structlog.get_logger()

SETTINGS_KEY = ApiKey(id="key_settings", name="ARRIVALS_API_KEY", scopes=("read", "submit", "admin"), created_at=0)
# The same caller, who has not changed over to the newest value yet.
OLDER_SETTINGS_KEY = replace(SETTINGS_KEY, id="key_settings_older", lineage=SETTINGS_KEY.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """Admits callers. `own`: the digests of the keys of the settings, which have every scope, newest first."""

    context: Context
    own: Sequence[str] = field(repr=False)
    failures: AuthThrottle = field(default_factory=AuthThrottle, repr=False)
    holds: HeldRequests = field(default_factory=HeldRequests, repr=False)

    async def authenticate(self, authorization: str | None, scope: Scope, address: str = "") -> ApiKey:
        """The key of a request from this address. Raises Problem (401, 403, 429)."""
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
            key = await self._by_digest(digest, now)
        finally:
            self.failures.tried(digest)
        if key is None:
            if self.failures.failed(address, digest, now):
                log.warning("authentication_limited", address=address)
            raise Problem(401, "key_invalid", "this API key is unknown, expired or revoked", headers=challenge)
        self.failures.admitted(address, digest)
        return key

    async def _by_digest(self, digest: str, now: Micros) -> ApiKey | None:
        matching = [hmac.compare_digest(digest, own) for own in self.own]  # all, whichever matches first
        if any(matching):
            if matching[0]:
                return SETTINGS_KEY
            note_older_use(self.context, OLDER_SETTINGS_KEY)
            return OLDER_SETTINGS_KEY
        async with self.context.store.read_inline() as tx:
            key = await keys.by_digest(tx, digest, now)
        if key is not None:
            note_use(self.context, key)
        return key
