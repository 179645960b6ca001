"""Signs what we send, as Standard Webhooks says.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX, PRIVATE_PREFIX, PUBLIC_PREFIX = "whsec_", "whsk_", "whpk_"
SECRET_BYTES = 32
SHORTEST_SECRET, LONGEST_SECRET = 24, 64  # bytes, by the specification


class BadSecret(ValueError):
    """A signing secret is `whsec_` and base64 of 24 to 64 bytes."""


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
    text = f"{event_id}.{timestamp_s}.".encode() + body
    signatures = [("v1", hmac.digest(key_of(secret), text, "sha256")) for secret in secrets]
    signatures += [("v1a", _ed25519(key).sign(text)) for key in private_keys]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"{version},{base64.b64encode(made).decode()}" for version, made in signatures),
    }


def bare_secrets(secrets: Sequence[str], signed: Mapping[str, str]) -> list[str]:
    """The secrets, and the signatures made with them, to be masked in an answer that is kept."""
    signatures = [one.partition(",")[2] for one in signed["webhook-signature"].split(" ")]
    return [*(secret.removeprefix(PREFIX).removeprefix(PRIVATE_PREFIX) for secret in secrets), *signatures]
