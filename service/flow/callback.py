"""Mints and opens the signed callback URL. Its token names the generation and cannot be guessed or altered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib
import hmac

from itsdangerous import BadSignature, Signer

SALT = b"arrivals.callback"


class UnknownToken(Exception):
    """No callback URL of ours holds this token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """`keys` newest first: the newest signs, every one of them opens. Without `public_url` nobody can call us."""

    public_url: str | None
    keys: Sequence[str] = field(repr=False)
    _signers: dict[str, Signer] = field(default_factory=dict, init=False, repr=False, compare=False)

    def url(self, provider: str, account: str, generation_id: str) -> str | None:
        """`{public_url}/callbacks/{provider}/{token}`."""
        if self.public_url is None:
            return None
        token = self._signer(provider).sign(f"{generation_id}.{account}").decode()
        return f"{self.public_url}/callbacks/{provider}/{token}"

    def open(self, provider: str, token: str) -> tuple[str, str]:
        """(generation id, account) of a token that was minted for this provider. Raises UnknownToken."""
        try:
            named = self._signer(provider).unsign(token).decode()
        except (BadSignature, UnicodeError) as error:
            raise UnknownToken from error
        generation_id, _, account = named.partition(".")
        return generation_id, account

    def webhook_secrets(self, generation_id: str) -> tuple[str, ...]:
        """Secrets to hand to a provider that sends one back, when the operator set none: one per key, newest first."""
        text = b"arrivals.webhook-secret:" + generation_id.encode()
        return tuple(hmac.digest(key.encode(), text, "sha256").hex() for key in self.keys)

    def _signer(self, provider: str) -> Signer:
        if provider not in self._signers:
            keys = [key.encode() for key in reversed(self.keys)]  # itsdangerous takes the newest key last
            salt = SALT + b":" + provider.encode()
            self._signers[provider] = Signer(keys, salt=salt, sep="~", digest_method=hashlib.sha256)
        return self._signers[provider]
