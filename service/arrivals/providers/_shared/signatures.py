"""Signature schemes that several providers share. Every malformed header is a mismatch, never an exception."""

from collections.abc import Iterable
import hashlib
import hmac


def secret_matches(sent: str | None, secrets: Iterable[str]) -> bool:
    """A shared secret sent as it is, compared in constant time with each that is accepted."""
    matches = False
    for secret in secrets:
        matches |= bool(secret) and hmac.compare_digest((sent or "").encode(), secret.encode())
    return matches


def hex_hmac_matches(sent: str | None, body: bytes, secrets: Iterable[str]) -> bool:
    """HMAC-SHA256 of the raw body in hexadecimal, with or without `sha256=` before it."""
    claimed = (sent or "").strip().removeprefix("sha256=").lower().encode()
    matches = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        matches |= bool(secret) and hmac.compare_digest(claimed, expected)
    return matches
