"""Verifies a delivery, and gives the event that it carries."""

from collections.abc import Mapping, Sequence
import time
from typing import cast

from arrivals.client.models import Event
from arrivals.core.standard_webhooks import TOLERANCE_S, BadSecret, Unverified, check
from arrivals.core.wire import from_json

__all__ = ["TOLERANCE_S", "BadSecret", "Unverified", "verify"]


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
