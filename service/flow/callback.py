"""Mints and opens the signed callback URL. Its token names the generation and cannot be guessed or altered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib
import hmac
from typing import Any

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import SigningAlgorithm

SALT = b"arrivals.callback"


class UnknownToken(Exception):
    """No callback URL of ours holds this token."""


class _Sha256(SigningAlgorithm):
    """HMAC-SHA256 in one call, where itsdangerous' own makes an object of it."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class _Signer(Signer):
    """Derives each of its few keys once, and not for every token."""

    def __init__(self, keys: Sequence[bytes], **how: Any) -> None:
        super().__init__(keys, **how)
        self._derived: dict[Any, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        if secret_key not in self._derived:
            self._derived[secret_key] = super().derive_key(secret_key)
        return self._derived[secret_key]


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
            self._signers[provider] = _Signer(
                keys, salt=salt, sep="~", digest_method=hashlib.sha256, algorithm=_Sha256()
            )
        return self._signers[provider]
