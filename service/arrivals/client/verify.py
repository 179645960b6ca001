"""Verifies a delivery, and gives the event that it carries."""

from collections.abc import Mapping, Sequence
import time
from typing import cast

from arrivals.client.models import Event
from arrivals.core.standard_webhooks import TOLERANCE_S, BadSecret, Unverified, check
from arrivals.core.wire import from_json

PUBLIC_PREFIX = "whpk_"
TOLERANCE_S = 300.0
LONGEST_TIMESTAMP = 12  # digits


class Unverified(Exception):
    """A delivery without a proof that the service sent it; the message says what is missing."""


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
    received = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    event_id, timestamp, signatures = (received.get(name, "") for name in names)
    if not (event_id and timestamp and signatures):
        raise Unverified(f"a delivery has the headers {', '.join(names)}")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= LONGEST_TIMESTAMP):
        raise Unverified("webhook-timestamp is not a number of seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance_s:
        raise Unverified(f"webhook-timestamp is more than {tolerance_s:g} s away; is a clock wrong?")
    raw = body.encode() if isinstance(body, str) else body
    accepted = [secrets] if isinstance(secrets, str) else secrets
    check(accepted, raw, headers, now_s=time.time() if now is None else now, tolerance_s=tolerance_s)
    try:
        event = from_json(raw)
    except ValueError as error:
        raise Unverified(f"it is signed, and no event: {error}") from error
    if not (isinstance(event, dict) and "id" in event and "type" in event):
        raise Unverified("it is signed, and no event: it has no id and type")
    return cast("Event", event)
