"""Mints and opens the signed callback URL. Its token names the generation and cannot be guessed or altered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib
import hmac
from typing import Any

from itsdangerous import BadSignature, Signer, want_bytes
from itsdangerous.encoding import base64_encode
from itsdangerous.signer import SigningAlgorithm

SALT = b"arrivals.callback"


class UnknownToken(Exception):
    """No callback URL of ours holds this token."""


class _Sha256(SigningAlgorithm):
    """HMAC-SHA256 by a few keys, each of which is prepared once, because every webhook is recognized by a signature."""

    def __init__(self) -> None:
        self._prepared: dict[bytes, hmac.HMAC] = {}

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        if key not in self._prepared:
            self._prepared[key] = hmac.new(key, digestmod=hashlib.sha256)
        signing = self._prepared[key].copy()
        signing.update(value)
        return signing.digest()


class _Signer(Signer):
    """Derives each of its few keys once, and compares signatures as text, because each has only one spelling."""

    def __init__(self, keys: Sequence[bytes], **how: Any) -> None:
        super().__init__(keys, **how)
        self._derived = [self.derive_key(key) for key in reversed(self.secret_keys)]

    def unsign(self, signed_value: str | bytes) -> bytes:
        value, _, signature = want_bytes(signed_value).rpartition(self.sep)
        for key in self._derived:
            if hmac.compare_digest(base64_encode(self.algorithm.get_signature(key, value)), signature):
                return value
        raise BadSignature("no key of ours signed it")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackUrls:
    """The callback URLs of a service. `keys`: newest first; the newest signs, each of them opens.

    Without `public_url` no provider can call us.
    """

    public_url: str | None
    keys: Sequence[str] = field(repr=False)
    _signers: dict[str, Signer] = field(default_factory=dict, init=False, repr=False, compare=False)

    def url(self, provider: str, account: str, generation_id: str) -> str | None:
        """The URL `{public_url}/callbacks/{provider}/{token}`; None without a public URL."""
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
