"""Any of a subscriber's keys verifies a delivery: after a rotation, with Ed25519, with others' programs."""

import base64
from dataclasses import replace
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from svix import webhooks as svix

from arrivals.core.standard_webhooks import make_private_key, make_secret, public_key, signed_headers
from arrivals.flow.delivery.ping import ping
from arrivals.store import subscribers
from tests.flow.delivery import test_deliver

subscribed = test_deliver.subscribed

OLD, NEW = test_deliver.SECRET, make_secret(b"fedcba9876543210fedcba9876543210")
PRIVATE_KEY = make_private_key(b"a seed of thirty-two bytes, here")
DAY_S = 24 * 3600


@pytest.fixture
def clock(clock):
    """A clock at the real time, because others' verifiers look at their own clock."""
    clock.at = round(time.time() * 1_000_000)
    return clock


@pytest.fixture
def delivered(context, listener, subscribed):
    """Delivers a ping to a subscriber with these changes; returns the request that it gets."""

    async def send(**changed):
        subscriber_id = await subscribed()
        async with context.store.transaction() as tx:
            subscriber = await subscribers.by_id(tx, subscriber_id)
            await subscribers.update(tx, replace(subscriber, **changed))
        listener.answers.append(204)
        await ping(context, subscriber_id)
        return listener.requests[-1]

    return send


def verifies(request, secret):
    try:
        return Webhook(secret).verify(request.body, request.headers)["type"] == "ping"
    except WebhookVerificationError:
        return False


def signatures(request):
    """The (version, signature) pairs in order."""
    return [tuple(signature.split(",")) for signature in request.headers["webhook-signature"].split(" ")]


async def test_after_a_rotation_both_secrets_verify(clock, delivered):
    request = await delivered(secret=NEW, previous_secret=OLD, previous_until=clock.at + DAY_S * 1_000_000)

    assert (True, True) == (verifies(request, NEW), verifies(request, OLD))
    assert ["v1", "v1"] == [version for version, _ in signatures(request)]


async def test_after_its_day_the_old_secret_verifies_nothing(clock, delivered):
    request = await delivered(secret=NEW, previous_secret=OLD, previous_until=clock.at)

    assert (True, False) == (verifies(request, NEW), verifies(request, OLD))
    assert ["v1"] == [version for version, _ in signatures(request)]


async def test_without_a_rotation_there_is_one_signature(delivered):
    request = await delivered()

    assert ["v1"] == [version for version, _ in signatures(request)]
    assert (True, False) == (verifies(request, OLD), verifies(request, NEW))


async def test_v1a_verifies_with_the_public_key_alone(delivered):
    request = await delivered(private_key=PRIVATE_KEY)

    (v1, _), (v1a, signature) = signatures(request)
    text = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(PRIVATE_KEY).removeprefix("whpk_")))
    assert ("v1", "v1a") == (v1, v1a)
    key.verify(base64.b64decode(signature), text)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signature), text + b" ")


async def test_v1a_takes_nothing_from_those_who_know_the_secret(clock, delivered):
    rotated = {"secret": NEW, "previous_secret": OLD, "previous_until": clock.at + DAY_S * 1_000_000}
    request = await delivered(private_key=PRIVATE_KEY, **rotated)

    assert ["v1", "v1", "v1a"] == [version for version, _ in signatures(request)]
    assert (True, True) == (verifies(request, NEW), verifies(request, OLD))


def test_v1a_is_what_the_specifications_own_libraries_sign():
    """The specification prints no key beside its signature; its Go library's test does.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/go/webhook_asymmetric_test.go
    """
    private_key = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="

    headers = signed_headers([], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [private_key])

    assert (
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
        == headers["webhook-signature"]
    )


def test_v1_is_what_the_specifications_own_libraries_sign():
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/webhook.test.ts."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    headers = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == headers["webhook-signature"]


async def test_a_delivery_verifies_with_svix(clock, delivered):
    request = await delivered(
        secret=NEW, previous_secret=OLD, previous_until=clock.at + DAY_S * 1_000_000, private_key=PRIVATE_KEY
    )

    for secret in (NEW, OLD):
        svix.Webhook(secret).verify(request.body, request.headers)
    with pytest.raises(svix.WebhookVerificationError):
        svix.Webhook(NEW).verify(request.body + b" ", request.headers)
