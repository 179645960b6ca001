"""API keys: who may do what. The text of a key is shown once, when it is made; only its digest is kept."""

from dataclasses import dataclass
from enum import StrEnum
import hashlib

from arrivals.core.wire import Micros


class Scope(StrEnum):
    """The permissions of a key. `admin` includes the others."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A caller's key. `lineage`: the first key of its line, where this one took the place of another.

    `prefix` is how its text begins, by which people tell it from others; `last_used_at` is exact to the minute.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: Micros
    expires_at: Micros | None = None
    revoked_at: Micros | None = None
    lineage: str | None = None
    prefix: str | None = None
    last_used_at: Micros | None = None

    @property
    def owner(self) -> str:
        """The caller whom it speaks for, who stays the same when the key is rotated."""
        return self.lineage or self.id


def digest_of(text: str) -> str:
    """The digest of a key's text. Keys are random, so a plain SHA-256 keeps them; equal digests are found by index."""
    return hashlib.sha256(text.encode()).hexdigest()
