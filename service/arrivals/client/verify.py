"""Verifies a delivery, as Standard Webhooks says.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
from collections.abc import Mapping, Sequence
import hashlib
import hmac
import time
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from arrivals.client.models import Event
from arrivals.core.wire import from_json
from arrivals.flow.delivery.sign import BadSecret, key_of

PUBLIC_PREFIX = "whpk_"
TOLERANCE_S = 300.0
LONGEST_TIMESTAMP = 12  # digits


class Unverified(Exception):
    """Nothing proves that this is a delivery of the service; the message says what is missing."""


def verify(
    secrets: str | Sequence[str],
    body: bytes | str,
    headers: Mapping[str, str],
    *,
    tolerance_s: float = TOLERANCE_S,
    now: float | None = None,
) -> Event:
    """The event that was delivered. Raises Unverified, and BadSecret for a secret that is none.

    `secrets`: the subscriber's `whsec_…`, or several while they change; a `whpk_…` verifies the `v1a` signature.
    `body`: the raw bytes as they came, before anybody parsed them. `headers` in whatever case.
    A delivery whose moment is more than `tolerance_s` from `now` (seconds since 1970) may be a repeat, and is refused.
    """
    given = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    event_id, timestamp, signatures = (given.get(name, "") for name in names)
    if not (event_id and timestamp and signatures):
        raise Unverified(f"a delivery has the headers {', '.join(names)}")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= LONGEST_TIMESTAMP):
        raise Unverified("webhook-timestamp is not a number of seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance_s:
        raise Unverified(f"webhook-timestamp is more than {tolerance_s:g} s away; is a clock wrong?")
    raw = body.encode() if isinstance(body, str) else body
    text = f"{event_id}.{timestamp}.".encode() + raw
    accepted = [secrets] if isinstance(secrets, str) else secrets
    sent = [part.partition(",")[::2] for part in signatures.split(" ")]
    # Every pair is compared, whichever matches first.
    matching = [_signs(secret, version, signature, text) for secret in accepted for version, signature in sent]
    if not any(matching):
        raise Unverified("no signature matches; is it this subscriber's secret, and the body as it came?")
    return _event(raw)


def _signs(secret: str, version: str, signature: str, text: bytes) -> bool:
    if secret.startswith(PUBLIC_PREFIX):
        return _ed25519_signs(_public_key(secret), signature, text) and version == "v1a"
    expected = base64.b64encode(hmac.new(key_of(secret), text, hashlib.sha256).digest())
    return hmac.compare_digest(signature.encode(), expected) and version == "v1"


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(PUBLIC_PREFIX), validate=True))
    except ValueError as error:
        raise BadSecret from error


def _ed25519_signs(key: Ed25519PublicKey, signature: str, text: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _event(raw: bytes) -> Event:
    try:
        event = from_json(raw)
    except ValueError as error:
        raise Unverified(f"it is signed, and no event: {error}") from error
    if not (isinstance(event, dict) and "id" in event and "type" in event):
        raise Unverified("it is signed, and no event: it has no id and type")
    return cast("Event", event)
