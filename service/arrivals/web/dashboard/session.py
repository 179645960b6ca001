"""The session cookie of a dashboard: signed, hidden from scripts, sent by this site alone, and short.

Nothing here answers requests. A session stands for an API key; a request that changes something must also carry the
session's CSRF token, which another site can neither read nor make.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib
import hmac

from itsdangerous import BadSignature, Signer

from arrivals.core.wire import SECOND, Micros

LASTS: Micros = 12 * 3600 * SECOND
SALT = b"arrivals.session"
CSRF_SALT = b"arrivals.csrf:"
CSRF_HEADER = "x-csrf-token"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MAX_COOKIE_LENGTH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in key. `number` is random, so that no two sessions share a CSRF token."""

    key_id: str
    number: str
    until: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Signs and opens sessions. `keys` newest first: the newest signs, each of them opens. `public_url`: for https."""

    keys: Sequence[str] = field(repr=False)
    public_url: str | None

    @property
    def name(self) -> str:
        """The cookie's name; with https, one that browsers accept from this host alone: https://datatracker.ietf.org/doc/html/rfc6265bis."""
        return "__Host-arrivals" if self._secure else "arrivals"

    def begin(self, key_id: str, number: str, now: Micros) -> tuple[Session, str]:
        """A session, and the `Set-Cookie` that begins it."""
        session = Session(key_id=key_id, number=number, until=now + LASTS)
        value = self._signer().sign(f"{key_id}.{number}.{session.until}").decode()
        return session, self._cookie(value, LASTS // SECOND)

    def end(self) -> str:
        """The `Set-Cookie` that ends any session."""
        return self._cookie("", 0)

    def read(self, cookie: str | None, now: Micros) -> Session | None:
        """The session that a `Cookie` header names; None where none is valid."""
        for part in (cookie or "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.name and len(value) <= MAX_COOKIE_LENGTH:
                return self._opened(value, now)
        return None

    def csrf_token(self, session: Session) -> str:
        """The token that our pages send with requests that change something."""
        return self._csrf(self.keys[0], session)

    def permits(self, session: Session, method: str, sent: str | None) -> bool:
        """True if a request of this session is permitted: it changes nothing, or has the session's token."""
        if method.upper() not in UNSAFE:
            return True
        token = (sent or "").encode()
        # Every key is compared, whichever matches first.
        matching = [hmac.compare_digest(self._csrf(key, session).encode(), token) for key in self.keys]
        return any(matching)

    @property
    def _secure(self) -> bool:
        return (self.public_url or "").startswith("https://")

    def _cookie(self, value: str, lasts_s: int) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{self.name}={value}; Max-Age={lasts_s}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def _signer(self) -> Signer:
        keys = [key.encode() for key in reversed(self.keys)]  # itsdangerous takes the newest key last
        return Signer(keys, salt=SALT, sep="~", key_derivation="hmac", digest_method=hashlib.sha256)

    def _opened(self, value: str, now: Micros) -> Session | None:
        try:
            key_id, number, until = self._signer().unsign(value).decode().split(".")
            session = Session(key_id=key_id, number=number, until=int(until))
        except (BadSignature, ValueError):
            return None
        return session if now < session.until else None

    @staticmethod
    def _csrf(key: str, session: Session) -> str:
        text = CSRF_SALT + f"{session.key_id}.{session.number}.{session.until}".encode()
        return hmac.digest(key.encode(), text, "sha256").hex()
