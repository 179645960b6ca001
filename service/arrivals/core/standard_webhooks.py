"""Standard Webhooks: signs deliveries and verifies them. Pure: the moment is given.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PREFIX, PRIVATE_PREFIX, PUBLIC_PREFIX = "whsec_", "whsk_", "whpk_"
SECRET_BYTES = 32
SHORTEST_SECRET, LONGEST_SECRET = 24, 64  # bytes, by the specification
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
TOLERANCE_S = 300.0
MAX_TIMESTAMP_DIGITS = 12


class BadSecret(ValueError):
    """A signing secret is `whsec_` and base64 of 24 to 64 bytes."""

    FORM = "`whsec_` and base64 of 24 to 64 bytes"


class Unverified(Exception):
    """Nothing proves that this is a delivery of the service; the message says what is missing."""


def make_secret(entropy: bytes) -> str:
    """`whsec_` + base64 of the entropy."""
    return PREFIX + base64.b64encode(entropy).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises BadSecret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSecret from error
    if not secret.startswith(PREFIX) or not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise BadSecret
    return key


def make_private_key(seed: bytes) -> str:
    """`whsk_` + base64 of 32 bytes of entropy: an Ed25519 seed."""
    return PRIVATE_PREFIX + base64.b64encode(seed).decode()


def public_key(private_key: str) -> str:
    """`whpk_` + base64 of the public key, for whoever verifies `v1a`."""
    return PUBLIC_PREFIX + base64.b64encode(_ed25519(private_key).public_key().public_bytes_raw()).decode()


def _ed25519(private_key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(private_key.removeprefix(PRIVATE_PREFIX)))


def signed_headers(
    secrets: Sequence[str], event_id: str, timestamp_s: int, body: bytes, private_keys: Sequence[str] = ()
) -> dict[str, str]:
    """`webhook-id` (the same on every try), `webhook-timestamp` (of this try) and `webhook-signature`.

    Every secret signs (`v1`), and every private key (`v1a`); whoever knows any of them can verify.
    """
    text = _signed_text(event_id, str(timestamp_s), body)
    signatures = [("v1", hmac.digest(key_of(secret), text, "sha256")) for secret in secrets]
    signatures += [("v1a", _ed25519(key).sign(text)) for key in private_keys]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"{version},{base64.b64encode(made).decode()}" for version, made in signatures),
    }


def bare_secrets(secrets: Sequence[str], signed: Mapping[str, str]) -> list[str]:
    """The secrets, and the signatures made with them, to be masked in an answer that is kept."""
    signatures = [part.partition(",")[2] for part in signed["webhook-signature"].split(" ")]
    return [*(secret.removeprefix(PREFIX).removeprefix(PRIVATE_PREFIX) for secret in secrets), *signatures]


def check(
    secrets: Sequence[str], body: bytes, headers: Mapping[str, str], *, now_s: float, tolerance_s: float = TOLERANCE_S
) -> None:
    """Verify a delivery by `whsec_…` secrets (`v1`) or `whpk_…` public keys (`v1a`). Raises Unverified, BadSecret.

    `headers` in whatever case. One whose moment is more than `tolerance_s` from `now_s` may be a repeat.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    event_id, timestamp, signatures = (by_name.get(name, "") for name in HEADERS)
    if not (event_id and timestamp and signatures):
        raise Unverified(f"a delivery has the headers {', '.join(HEADERS)}")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MAX_TIMESTAMP_DIGITS):
        raise Unverified("webhook-timestamp is not a number of seconds")
    if abs(now_s - int(timestamp)) > tolerance_s:
        raise Unverified(f"webhook-timestamp is more than {tolerance_s:g} s away; is a clock wrong?")
    text = _signed_text(event_id, timestamp, body)
    pairs = [part.partition(",")[::2] for part in signatures.split(" ")]
    # Every pair is compared, whichever matches first.
    matching = [_matches(secret, version, signature, text) for secret in secrets for version, signature in pairs]
    if not any(matching):
        raise Unverified("no signature matches; is it this subscriber's secret, and the body as it came?")


def _signed_text(event_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{event_id}.{timestamp}.".encode() + body


def _matches(secret: str, version: str, signature: str, text: bytes) -> bool:
    if secret.startswith(PUBLIC_PREFIX):
        return _ed25519_matches(_public_key_of(secret), signature, text) and version == "v1a"
    expected = base64.b64encode(hmac.digest(key_of(secret), text, "sha256"))
    return hmac.compare_digest(signature.encode(), expected) and version == "v1"


def _public_key_of(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(PUBLIC_PREFIX), validate=True))
    except ValueError as error:
        raise BadSecret from error


def _ed25519_matches(key: Ed25519PublicKey, signature: str, text: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, ValueError):
        return False
    return True
