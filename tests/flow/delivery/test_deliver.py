"""Deliveries are signed, retried, isolated, in order, and recorded."""

from dataclasses import replace
from datetime import UTC, datetime
import json
from urllib.parse import quote

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from arrivals.core.cadence import RETRY_SCHEDULE_S
from arrivals.core.standard_webhooks import BadSecret, key_of, make_private_key, make_secret, signed_headers
from arrivals.core.subscriber import Subscriber
from arrivals.flow.delivery import deliver
from arrivals.flow.delivery.ping import ping
from arrivals.flow.submission.order import stored
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import Transport
from arrivals.store import deliveries, subscribers
from tests.conftest import run_worker
from tests.flow.conftest import SUCCEEDED
from tests.support.contexts import with_policy
from tests.support.processes import Peer, listening

SECRET = make_secret(b"0123456789abcdef0123456789abcdef")
BEYOND_CLOCKS = "Fri, 31 Dec 9999 23:59:59 +99999999999999"


@pytest.fixture
def subscribed(context, clock, listener):
    """Registers a subscriber; returns its id."""

    async def register(path="/events", **changed):
        subscriber = Subscriber(
            id=context.make_id("sub"), url=listener.url + path, secret=SECRET, created_at=clock(), **changed
        )
        async with context.store.transaction() as tx:
            await subscribers.insert(tx, subscriber)
        return subscriber.id

    return register


@pytest.fixture
def completed(context, submitted, calls_back):
    """Brings a generation to its end; returns its id."""

    async def bring(**changed):
        generation_id = await submitted(**changed)
        await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
        await run_worker(context, "read")
        return generation_id

    return bring


async def attempts(context, generation_id):
    async with context.store.reading() as tx:
        return await deliveries.attempts_of(tx, generation_id)


async def deliveries_made(context, generation_id):
    async with context.store.reading() as tx:
        return await deliveries.of_generation(tx, generation_id)


async def test_a_delivery_verifies_with_the_public_package(context, listener, subscribed, completed, monkeypatch):
    await subscribed()
    generation_id = await completed()
    listener.answers.append(204)

    await run_worker(context, "deliver")

    (request,) = listener.requests
    monkeypatch.setattr("time.time", lambda: int(request.headers["webhook-timestamp"]))
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _self, text: _moment(text))
    event = Webhook(SECRET).verify(request.body, request.headers)
    assert (generation_id, "generation.completed") == (event["data"]["generation"]["id"], event["type"])
    assert event["id"] == request.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body + b" ", request.headers)


def _moment(text):
    return datetime.fromtimestamp(float(text), UTC)


async def test_every_try_has_the_same_id_and_its_own_time(context, clock, listener, subscribed, completed):
    await subscribed()
    await completed()
    listener.answers += [500, 204]
    await run_worker(context, "deliver")
    clock.advance(10)
    await run_worker(context, "deliver")

    first, second = listener.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
    assert first.body == second.body


async def test_every_attempt_is_kept_with_what_came_back(context, clock, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    listener.answers += [(500, b"x" * 5000), (302, b"", {"location": "/elsewhere"}), 503, "cut"]
    for _ in range(4):
        assert 1 == await run_worker(context, "deliver")
        clock.advance(3600)

    first, second, third, last = await attempts(context, generation_id)
    assert (500, "status: HTTP 500", 2048) == (first.http_status, first.error, len(first.answer))
    assert second.error.startswith("redirect: redirects are not followed")
    assert third.error.startswith("status: HTTP 503")
    assert (200, None, 4) == (last.http_status, last.error, last.number)
    assert 4 == len(listener.requests)


async def test_a_delivery_is_given_up_at_the_end_of_the_schedule(context, clock, listener, subscribed, completed):
    await subscribed()
    generation_id = await completed()
    listener.answers += [500] * 10
    for wait_s in (*RETRY_SCHEDULE_S[1:], 0):
        assert 1 == await run_worker(context, "deliver")
        clock.advance(wait_s * 1.25)

    (delivery,) = await deliveries_made(context, generation_id)
    assert 10 == delivery.attempt_count
    assert delivery.given_up_at is not None
    assert 0 == await run_worker(context, "deliver")


async def test_a_wanted_wait_is_obeyed(context, clock, listener, subscribed, completed):
    await subscribed()
    await completed()
    listener.answers += [(503, b"", {"retry-after": "100"}), 204]
    await run_worker(context, "deliver")
    clock.advance(90)
    assert 0 == await run_worker(context, "deliver")
    clock.advance(15)
    assert 1 == await run_worker(context, "deliver")


async def test_a_wanted_wait_that_no_clock_can_tell_is_none(context, clock, listener, subscribed, completed):
    """The attempt is recorded and retried by the schedule; once it was made again with every lease, forever."""
    await subscribed()
    generation_id = await completed()
    listener.answers += [(503, b"", {"retry-after": BEYOND_CLOCKS}), 204]
    await run_worker(context, "deliver")
    (tried,) = await attempts(context, generation_id)
    assert ("status: HTTP 503", 503) == (tried.error, tried.http_status)
    clock.advance(10)
    assert 1 == await run_worker(context, "deliver")


REPEATS = {
    "plain": str,
    "JSON": lambda text: text.replace("/", "\\/"),
    "percent": lambda text: quote(text, safe=""),
}


@pytest.mark.parametrize("form", REPEATS.values(), ids=REPEATS.keys())
async def test_an_answer_that_repeats_our_secrets_is_kept_without_them(context, clock, listener, subscribed, form):
    """Hidden are both secrets after a rotation, and the private key."""
    old, private_key = make_secret(b"fedcba9876543210fedcba9876543210"), make_private_key(bytes(range(32)))
    subscriber_id = await subscribed()
    rotated = {"previous_secret": old, "previous_until": clock.at + 3_600_000_000, "private_key": private_key}
    async with context.store.transaction() as tx:
        await subscribers.update(tx, replace(await subscribers.by_id(tx, subscriber_id), **rotated))
    secrets = [SECRET, old, private_key]
    answer = "no " + " ".join(form(secret) for secret in secrets)
    listener.answers.append((401, answer.encode()))
    event, _, _ = await ping(context, subscriber_id)

    (tried,) = await attempts(context, event.id)

    assert tried.answer.startswith(f"no {form('whsec_')}********")
    assert not [secret for secret in secrets if secret[6:] in tried.answer or form(secret[6:]) in tried.answer]


async def test_an_answer_that_repeats_a_signature_is_kept_without_it(context, listener, subscribed):
    """A reader of the signature could pass the delivery on as ours for some minutes."""
    subscriber_id = await subscribed()
    listener.answers.append(_Repeating())
    event, _, _ = await ping(context, subscriber_id)

    (tried,) = await attempts(context, event.id)
    assert "not v1,********" == tried.answer


async def test_an_answer_that_ends_within_a_secret_keeps_nothing_of_it(context, listener, completed):
    """Only its first 2 KiB are kept."""
    bare = context.policy.callback_secrets[0].removeprefix("whsec_")
    padding = "x" * (context.policy.limits.answer_keep_bytes - 20)
    listener.answers.append((500, f"{padding}{bare}".encode()))
    generation_id = await completed(callback_url=f"{listener.url}/mine")

    await run_worker(context, "deliver")

    (tried,) = await attempts(context, generation_id)
    assert f"{padding}********" == tried.answer


async def test_what_went_wrong_is_told_without_what_came(context, completed):
    """Libraries quote what came in their own words."""
    signature = b"HTTP/1.1 20x the-secret-of-somebody\r\n\r\n"
    async with listening(Peer(signature)) as url:
        generation_id = await completed(callback_url=f"{url}/mine")
        await run_worker(context, "deliver")

    (tried,) = await attempts(context, generation_id)
    assert "disconnected: what came is no whole answer" == tried.error


class _Repeating:
    """An answer that repeats the signature."""

    async def __call__(self, scope, receive, send):
        """Answers as an ASGI application."""
        signature = dict(scope["headers"])[b"webhook-signature"]
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"not " + signature})


async def test_gone_disables_the_subscriber(context, listener, subscribed, completed):
    subscriber_id = await subscribed()
    generation_id = await completed()
    listener.answers.append(410)

    await run_worker(context, "deliver")

    async with context.store.reading() as tx:
        subscriber = await subscribers.by_id(tx, subscriber_id)
    assert "it answered 410 Gone" == subscriber.disabled_reason
    (delivery,) = await deliveries_made(context, generation_id)
    assert delivery.given_up_at is not None
    await completed()
    assert 0 == await run_worker(context, "deliver")


async def test_five_days_of_nothing_but_failure_disable_the_subscriber(context, clock, listener, subscribed, completed):
    subscriber_id = await subscribed()
    listener.answers += [500] * 30
    for _ in range(7):
        await completed()
        while await run_worker(context, "deliver"):
            pass
        clock.advance(24 * 3600)

    async with context.store.reading() as tx:
        subscriber = await subscribers.by_id(tx, subscriber_id)
    assert "every attempt of the last five days failed" == subscriber.disabled_reason


async def test_a_success_ends_the_days_of_failure(context, clock, listener, subscribed, completed):
    subscriber_id = await subscribed()
    for answer in (500, 500, 500, 204, 500, 500, 500):
        await completed()
        listener.answers += [answer] * 20
        while await run_worker(context, "deliver"):
            pass
        listener.answers.clear()
        clock.advance(24 * 3600)

    async with context.store.reading() as tx:
        assert (await subscribers.by_id(tx, subscriber_id)).disabled_at is None


async def test_an_orders_own_callback_url_gets_its_events_signed_with_the_services_secret(
    context, listener, completed, monkeypatch
):
    generation_id = await completed(callback_url=f"{listener.url}/mine?order=42")
    listener.answers.append(204)

    await run_worker(context, "deliver")

    (request,) = listener.requests
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _self, text: _moment(text))
    event = Webhook(context.policy.callback_secrets[0]).verify(request.body, request.headers)
    assert ("/mine", generation_id) == (request.path, event["data"]["generation"]["id"])


async def test_every_callback_secret_signs_so_that_receivers_may_change_over_in_their_own_time(
    context, listener, completed, monkeypatch
):
    secrets = [make_secret(letter * 32) for letter in (b"n", b"o")]
    context = replace(context, policy=replace(context.policy, callback_secrets=secrets))
    await completed(callback_url=f"{listener.url}/mine")
    listener.answers.append((500, f"no {secrets[1]}".encode()))

    await run_worker(context, "deliver")

    (request,) = listener.requests
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _self, text: _moment(text))
    new, old = [Webhook(secret).verify(request.body, request.headers) for secret in secrets]
    assert new == old
    newest_first = request.headers["webhook-signature"].split(" ")
    assert 2 == len(newest_first)
    Webhook(secrets[0]).verify(request.body, {**request.headers, "webhook-signature": newest_first[0]})
    (tried,) = await attempts(context, new["data"]["generation"]["id"])
    assert "no whsec_********" == tried.answer


async def test_a_callback_url_that_is_gone_gives_up_only_its_own_delivery(context, listener, completed):
    first = await completed(callback_url=f"{listener.url}/one")
    second = await completed(callback_url=f"{listener.url}/two")
    listener.answers += [410, 204]

    while await run_worker(context, "deliver"):
        pass

    ends = [(await deliveries_made(context, generation_id))[0] for generation_id in (first, second)]
    assert {(True, False), (False, True)} == {
        (end.given_up_at is not None, end.delivered_at is not None) for end in ends
    }


async def test_a_private_address_is_not_called(context, store, clock, subscribed, completed):
    """Only the operator's list opens private networks; the attempt says why it was blocked."""
    await subscribed()
    generation_id = await completed()
    strict = Transport(OutboundPolicy())

    await run_worker(replace(context, transport=strict), "deliver")
    await strict.close()

    (attempt,) = await attempts(context, generation_id)
    assert attempt.error.startswith("blocked_destination")


async def test_a_deleted_subscriber_gets_nothing_more(context, clock, listener, subscribed, completed):
    subscriber_id = await subscribed()
    await completed()
    (claimed,) = await deliver.claim(context, 10)
    async with context.store.transaction() as tx:
        await subscribers.delete(tx, subscriber_id, clock())

    await deliver.deliver(context, claimed)

    assert [] == listener.requests
    assert 0 == await run_worker(context, "deliver")


async def test_a_subscriber_disabled_after_the_claim_gets_nothing_more(context, clock, listener, subscribed, completed):
    subscriber_id = await subscribed()
    await completed()
    (claimed,) = await deliver.claim(context, 10)
    async with context.store.transaction() as tx:
        assert await subscribers.disable(tx, subscriber_id, clock(), "by hand")

    await deliver.deliver(context, claimed)

    assert [] == listener.requests


async def test_only_what_a_subscriber_wants_is_delivered(context, listener, subscribed, completed):
    await subscribed("/all")
    await subscribed("/failed", event_types=("generation.failed",))
    await subscribed("/family", event_types=("generation.*",))
    await subscribed("/runblob", filter={"provider": "runblob"})
    await subscribed("/other-model", filter={"provider": "eachlabs", "model": "another"})
    await subscribed("/mine", filter={"model": "flux-1-1-pro", "metadata": {"tenant": "a"}})
    await subscribed("/theirs", filter={"metadata": {"tenant": "b"}})
    await completed(metadata={"tenant": "a"})
    listener.answers += [204] * 3

    while await run_worker(context, "deliver"):
        pass

    assert ["/all", "/family", "/mine"] == sorted(request.path for request in listener.requests)


async def test_a_dead_subscriber_delays_nobody_else(context, clock, listener, subscribed, completed):
    await subscribed("/dead")
    await subscribed("/alive")
    ids = [await completed() for _ in range(3)]

    for _ in range(3):
        batch = await deliver.claim(context, 10)
        for claimed in batch:
            listener.answers.append(500 if claimed.url.endswith("/dead") else 204)
            await deliver.deliver(context, claimed)

    alive = [
        delivery.delivered_at is not None
        for generation_id in ids
        for delivery in await deliveries_made(context, generation_id)
        if delivery.url.endswith("/alive")
    ]
    assert [True] * 3 == alive
    assert {(await stored(context, generation_id)).status for generation_id in ids} == {"completed"}


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "c2hvcnQ=", "whsec_c2hvcnQ="])
def test_a_bad_secret_never_signs(secret):
    with pytest.raises(BadSecret):
        key_of(secret)


def test_the_specifications_shape_of_a_signature():
    headers = signed_headers([SECRET], "evt_1", 1_700_000_000, b"{}")

    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} == set(headers)
    assert headers["webhook-signature"].startswith("v1,")


async def test_an_idle_subscriber_is_not_disabled_by_two_blips(context, clock, listener, subscribed, completed):
    """Days without an attempt are no days of failure."""
    subscriber_id = await subscribed()
    once = with_policy(context, cadence=replace(context.policy.cadence, retry_schedule_s=(0,)))
    for _ in range(2):
        await completed()
        listener.answers.append(500)
        await run_worker(once, "deliver")
        clock.advance(5.1 * 24 * 3600)

    async with context.store.reading() as tx:
        assert (await subscribers.by_id(tx, subscriber_id)).disabled_at is None


async def test_one_with_much_to_do_takes_no_place_from_the_others(context, subscribed, completed):
    await subscribed("/much", max_in_flight=100)
    few = await subscribed("/few", event_types=("generation.completed",))
    for _ in range(6):
        await completed()

    claimed = await deliver.claim(context, 4)

    assert 2 == sum(delivery.subscriber_id == few for delivery in claimed)


async def test_one_that_fails_gets_a_single_delivery_at_a_time(context, clock, listener, subscribed, completed):
    await subscribed()
    for _ in range(4):
        await completed()
    listener.answers += [500] * 4
    assert 4 == await run_worker(context, "deliver")
    clock.advance(10)

    assert 1 == len(await deliver.claim(context, 10))


async def test_subscriber_that_is_gone_twice_at_once_is_disabled_once(context, listener, subscribed, completed):
    """Its second 410 comes when the first has disabled it."""
    subscriber_id = await subscribed()
    first, second = await completed(), await completed()
    listener.answers += [410, 410]

    assert 2 == await run_worker(context, "deliver")

    async with context.store.reading() as tx:
        subscriber = await subscribers.by_id(tx, subscriber_id)
    assert "it answered 410 Gone" == subscriber.disabled_reason
    made = [attempt for generation_id in (first, second) for attempt in await attempts(context, generation_id)]
    assert [410, 410] == [attempt.http_status for attempt in made]
