"""Exports a stored webhook as a piece of `fixtures/`: raw HTTP without secrets, and what this version reads in it.

Its proof is replaced so that the piece still shows the same: the secret that was sent becomes SECRET, a signature is
made again with it, and a webhook that was refused stays unproven.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
import hashlib
import hmac
import re
from typing import Any

import msgspec
from msgspec import structs

from arrivals.core.failure import Failure
from arrivals.core.generation import VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.core.mask import Mask
from arrivals.core.observation import Reading
from arrivals.core.wire import rfc3339
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Refused, Target, Unreadable, Unverified, route_of

SECRET, FORGED, TOKEN = "SECRET", "FORGED", "TOKEN"  # words that stand for secrets
HIDDEN = "********"  # as the service shows what proves who called
SENT_SECRET = "x-webhook-secret"  # noqa: S105 - a header's name
_CALLBACK = re.compile(rb"(/callbacks/\w+/)(?:\*{8}|[\w.~-]+)")
_SIGNATURE = re.compile(r"(sha256=)?[0-9a-f]{64}")
_SECRETIVE = re.compile(r"secret|token|key|auth|cookie|password|session")
# Headers of whoever passed the call on, not of the provider.
_PASSED_ON = re.compile(
    r"x-(forwarded|real-ip|envoy|amzn|amz-cf|cloud-trace|b3-|request-(id|start)|client-ip|cluster|vercel|datadog"
    r"|original|ot-|scheme|render|railway|sendfile|cache|served|timer|proxy|appengine|goog|google|azure)"
)
_KEPT = re.compile(r"content-type|user-agent|x-.+|webhook-.+|svix-.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The two files, by their common name."""

    name: str
    http: bytes
    expect: bytes


def exported(stored: Mapping[str, Any], model: str, now: datetime) -> Exported:
    """The piece of a webhook as `GET /v1/webhooks/{id}` shows it. Raises OSError for one that no route reads."""
    provider = PROVIDERS.get(stored["provider"])
    route = route_of(provider, model) if provider else None
    read = route.adapter.read_webhook if route else None
    if provider is None or route is None or read is None:
        raise OSError(f"this version reads no webhooks of {stored['provider']} for {model}")
    body = base64.b64decode(stored["body"]) if stored["body_base64"] else stored["body"].encode()
    # The service has hidden what it knows; a token that is escaped stands in no plain URL.
    webhook = _signed_again(stored, Mask(()).octets(_CALLBACK.sub(rb"\g<1>" + TOKEN.encode(), body)))
    secrets = [SECRET] if SENT_SECRET in webhook.headers or stored["verified_by"] == "signature" else []
    target = Target(model=model, route=route.name, base_url=provider.BASE_URL)
    expectation = {
        "source": f"a webhook received {stored['received_at']}, exported {now:%Y-%m-%d}",
        "reads": "webhook",
        "model": model,
        "secrets": secrets,
        **_outcome(lambda: read(webhook, target), lambda: provider.verify(webhook, secrets)),
    }
    return Exported(
        name=f"{route.name.replace('/', '-')}-webhook-{stored['id']}",
        http=_raw_http(stored["provider"], webhook),
        expect=msgspec.json.format(msgspec.json.encode(expectation)) + b"\n",
    )


def _signed_again(stored: Mapping[str, Any], body: bytes) -> InboundWebhook:
    believed = stored["verified_by"] is not None
    headers: dict[str, str] = {}
    for name, value in stored["headers"].items():
        if name == SENT_SECRET:
            headers[name] = SECRET if believed else FORGED
        elif value == HIDDEN or _SECRETIVE.search(name) or _PASSED_ON.match(name) or not _KEPT.fullmatch(name):
            continue
        elif stored["verified_by"] == "signature" and (signature := _SIGNATURE.fullmatch(value.strip().lower())):
            made = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            headers[name] = (signature[1] or "") + made
        else:
            headers[name] = value
    return InboundWebhook(headers=headers, body=body)


def _raw_http(provider: str, webhook: InboundWebhook) -> bytes:
    head = [f"POST /callbacks/{provider}/{TOKEN} HTTP/1.1", "Host: arrivals.example"]
    head += [f"{name.title()}: {value}" for name, value in webhook.headers.items()]
    return "\n".join([*head, "", ""]).encode("latin-1", "replace") + webhook.body


def _outcome(read: Callable[[], Reading], verify: Callable[[], VerifiedBy | None]) -> dict[str, Any]:
    """What this version reads in it, in the words of an expectation."""
    try:
        verified_by = verify()
        return {"expect": {**_fields(read()), "verified_by": verified_by}}
    except Unverified:
        return {"unverified": True}
    except Unreadable:
        return {"unreadable": True}
    except Refused as refused:
        return {"refused": _facts(refused.failure)}


def _fields(reading: Reading) -> dict[str, Any]:
    return {
        "external_id": reading.external_id,
        "status": reading.status,
        "provider_status": reading.provider_status,
        "progress": reading.progress,
        "queue_position": reading.queue_position,
        "outputs": [
            {
                "kind": output.kind,
                "url": output.url,
                "requires_auth": output.requires_auth,
                "content_type": output.content_type,
                "expires_at": rfc3339(output.expires_at),
            }
            for output in reading.outputs
        ],
        "failure": _facts(reading.failure) if reading.failure else None,
        "cost": structs.asdict(reading.cost) if reading.cost else None,
    }


def _facts(failure: Failure) -> dict[str, Any]:
    return structs.asdict(failure)
