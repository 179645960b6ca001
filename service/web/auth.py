"""Who is asking: bearer API keys with scopes, looked up by digest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
import hmac
import secrets

from service.flow.tools import Tools
from service.store import keys
from service.store.keys import ApiKey
from service.web.errors import Problem

KEY_BYTES = 32
OUTSIDE = ApiKey(id="key_settings", name="ARRIVALS_API_KEY", scopes=("read", "submit", "admin"), created_at=0)


class Scope(StrEnum):
    """What a key may do. `admin` includes the others."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Lets callers in. `api_key` is the one key that the settings hold, with every scope."""

    tools: Tools
    api_key: str = field(repr=False)

    async def admit(self, authorization: str | None, scope: Scope) -> ApiKey:
        """The key that is asking. Raises Problem (401, 403)."""
        key = await self._key(authorization)
        if scope not in key.scopes and Scope.ADMIN not in key.scopes:
            raise Problem(403, "scope_missing", f"the key {key.name!r} has no scope {scope.value!r}; use one that has")
        return key

    async def _key(self, authorization: str | None) -> ApiKey:
        kind, _, sent = (authorization or "").partition(" ")
        challenge = {"www-authenticate": "Bearer"}
        if kind.lower() != "bearer" or not sent.strip():
            raise Problem(401, "key_missing", "send an API key as `Authorization: Bearer KEY`", headers=challenge)
        sent = sent.strip()
        if hmac.compare_digest(digest_of(sent), digest_of(self.api_key)):
            return OUTSIDE
        async with self.tools.store.glance() as tx:
            found = await keys.by_digest(tx, digest_of(sent))
        if found is None:
            raise Problem(401, "key_invalid", "this API key is unknown or revoked", headers=challenge)
        return found


def digest_of(key: str) -> str:
    """Keys are random, so a plain SHA-256 keeps them; equal digests are found by index."""
    return hashlib.sha256(key.encode()).hexdigest()


async def make_key(tools: Tools, name: str, scopes: Sequence[Scope]) -> tuple[ApiKey, str]:
    """A new key, and its text, which is not kept."""
    text = "arr_" + secrets.token_urlsafe(KEY_BYTES)
    key = ApiKey(id=tools.make_id("key"), name=name, scopes=tuple(scopes), created_at=tools.now())
    async with tools.store.transaction() as tx:
        await keys.insert(tx, key, digest_of(text))
    return key, text
