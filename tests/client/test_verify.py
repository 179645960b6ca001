"""Deliveries verify, and nothing else does; both ways against the public package."""

import base64
from datetime import UTC, datetime
import json

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from arrivals.client import Unverified, verify
from arrivals.core.standard_webhooks import BadSecret, make_private_key, make_secret, public_key, signed_headers

SECRET, OTHER = make_secret(bytes(range(32))), make_secret(bytes(32))
PRIVATE = make_private_key(bytes(range(32)))
NOW = 1_790_000_000
EVENT = {"id": "evt_1", "type": "generation.completed", "timestamp": "2026-09-21T00:00:00.000Z", "data": {"é": 1}}
BODY = json.dumps(EVENT).encode()
HEADERS = signed_headers([SECRET], "evt_1", NOW, BODY)


def checked(secrets=SECRET, body=BODY, headers=HEADERS, **options):
    return verify(secrets, body, headers, **{"now": NOW, **options})


def test_delivery_of_ours_is_its_event():
    assert EVENT == checked()
    assert EVENT == checked(body=BODY.decode())
    assert EVENT == checked(headers={name.title(): value for name, value in HEADERS.items()})


def test_what_the_public_package_signs_is_believed():
    at = datetime.now(UTC)
    signature = Webhook(SECRET).sign("evt_1", at, BODY.decode())
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    assert EVENT == verify(SECRET, BODY, headers)


def test_what_is_believed_is_believed_by_the_public_package_too():
    headers = signed_headers([SECRET, OTHER], "evt_1", int(datetime.now(UTC).timestamp()), BODY)
    assert EVENT == verify(OTHER, BODY, headers) == Webhook(OTHER).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY + b" ", headers)
    with pytest.raises(Unverified):
        verify(OTHER, BODY + b" ", headers)


def test_either_secret_will_do_while_they_change():
    both = signed_headers([OTHER, SECRET], "evt_1", NOW, BODY)
    assert EVENT == checked(headers=both) == checked([OTHER], headers=both) == checked([OTHER, SECRET])


def test_public_key_verifies_v1a_and_nothing_else():
    headers = signed_headers([OTHER], "evt_1", NOW, BODY, [PRIVATE])
    assert EVENT == checked(public_key(PRIVATE), headers=headers)
    for wrong in (public_key(make_private_key(bytes(32))), SECRET):
        with pytest.raises(Unverified):
            checked(wrong, headers=headers)
    with pytest.raises(Unverified):
        checked(public_key(PRIVATE), body=BODY + b" ", headers=headers)
    for garbled in ("v1a,", "v1a,é", "v1a,AAAA", "v1a"):
        with pytest.raises(Unverified):
            checked(public_key(PRIVATE), headers=headers | {"webhook-signature": garbled})


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize(
    "value", [None, "", " ", "é", "v1,", "v1", ",", "v2,AAAA", "-1", "1e3", "²", "9" * 400, "evt_2"]
)
def test_other_header_is_not_believed(name, value):
    changed = {key: kept for key, kept in (HEADERS | {name: value}).items() if kept is not None}
    with pytest.raises(Unverified):
        checked(headers=changed)


def test_signature_of_another_version_is_not_believed():
    changed = HEADERS | {"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v1a,")}
    with pytest.raises(Unverified, match="no signature matches"):
        checked(headers=changed)


@pytest.mark.parametrize("now", [NOW - 301, NOW + 301])
def test_delivery_of_another_time_may_be_a_repeat(now):
    with pytest.raises(Unverified, match="300 s away"):
        checked(now=now)
    assert EVENT == checked(now=now, tolerance_s=301)


def test_no_secret_believes_nothing():
    with pytest.raises(Unverified):
        checked([])


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_é", base64.b64encode(bytes(32)).decode(), "whpk_é", "whpk_AAAA"]
)
def test_what_is_no_secret_is_told(secret):
    with pytest.raises(BadSecret):
        checked(secret)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 1}'])
def test_signed_body_that_is_no_event_is_told(body):
    with pytest.raises(Unverified, match="is signed, and no event"):
        checked(body=body, headers=signed_headers([SECRET], "evt_1", NOW, body))


@pytest.mark.parametrize("body", [b'{"id": "\xff"}', b"[" * 100_000], ids=["no text", "deep"])
def test_what_is_signed_and_no_json_is_refused_like_anything_else(body):
    headers = signed_headers([SECRET], "evt_1", NOW, body)

    with pytest.raises(Unverified, match="it is signed, and no event"):
        verify(SECRET, body, headers, now=NOW)
