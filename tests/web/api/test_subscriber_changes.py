"""The life of a registered subscriber: changed, paused, given a new secret, pinged, recovered."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.conftest import run_worker

DAY_S = 24 * 3600


@pytest.fixture
def subscribed(client, listener):
    """Registers a subscriber; returns the answer's JSON."""

    async def register(path="/hook", **changed):
        return (await client.post("/v1/subscribers", json={"url": listener.url + path, **changed})).json()

    return register


@pytest.fixture
def fail_one(context, upstream, ordered):
    """Orders a generation that its provider refuses, which makes one event; returns its id."""

    async def place(**changed):
        order = await ordered(**changed)
        upstream.answers.append((400, {"error": "no"}))
        await run_worker(context, "submit")
        return order["id"]

    return place


async def event_ids(client):
    return [event["id"] for event in (await client.get("/v1/events")).json()["data"]]


def redelivered_ids(listener):
    return [request.headers["webhook-id"] for request in listener.requests if "arrivals-redelivered" in request.headers]


async def deliver_all(context):
    while await run_worker(context, "deliver"):
        pass


# ---------------------------------------------------------------- changes


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "https://example.com/moved"},
        {"event_types": ["generation.completed", "ping"]},
        {"event_types": ["generation.*"]},
        {"event_types": None},
        {"filter": {"provider": "runblob", "metadata": {"tenant": "a"}}},
        {"filter": None},
        {"description": "the shop"},
        {"description": None},
        {"max_in_flight": 3},
        {"rate_per_s": 0.5},
        {"rate_per_s": None},
        {"url": "https://example.com/", "max_in_flight": 1, "description": "all at once"},
        {},
    ],
    ids=str,
)
async def test_what_is_named_changes_and_the_rest_stays(client, subscribed, changed):
    before = await subscribed(
        event_types=["generation.failed"], filter={"model": "a"}, description="b", rate_per_s=2, max_in_flight=7
    )

    answer = await client.patch(f"/v1/subscribers/{before['id']}", json=changed)

    expected = {name: value for name, value in before.items() if name != "secret"} | changed
    assert (200, expected) == (answer.status_code, answer.json())
    assert expected == (await client.get(f"/v1/subscribers/{before['id']}")).json()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://10.0.0.1/hook"}, "url"),
        ({"url": None}, "url"),
        ({"event_types": ["generation.done"]}, "event_types[0]"),
        ({"event_types": []}, "event_types"),
        ({"filter": {"color": "red"}}, "filter.color"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"max_in_flight": None}, "max_in_flight"),
        ({"rate_per_s": 0}, "rate_per_s"),
        ({"signatures": ["v2"]}, "signatures[0]"),
        ({"paused": "yes"}, "paused"),
        ({"disabled": True}, "disabled"),
        ({"secret": "whsec_AAAA"}, "secret"),
    ],
    ids=str,
)
async def test_a_bad_change_names_the_field_and_changes_nothing(client, subscribed, body, field):
    before = await subscribed()

    answer = await client.patch(f"/v1/subscribers/{before['id']}", json={"description": "c", **body})

    assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])
    assert None is (await client.get(f"/v1/subscribers/{before['id']}")).json()["description"]


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("PATCH", "", {"description": "x"}),
        ("POST", "/rotate-secret", {}),
        ("POST", "/ping", {}),
        ("POST", "/recover", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", "/deliveries", {}),
    ],
)
async def test_nobody_is_changed_who_is_not_there(client, method, verb, body):
    answer = await client.request(method, f"/v1/subscribers/sub_none{verb}", json=body)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_what_waits_goes_to_where_a_subscriber_has_moved(client, context, clock, listener, subscribed, fail_one):
    """Its old address is the usual reason why it waits."""
    subscriber = await subscribed("/old")
    await fail_one()
    listener.answers += [404, 204]
    await run_worker(context, "deliver")

    await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"url": f"{listener.url}/new"})
    clock.advance(10)
    await run_worker(context, "deliver")

    assert ["/old", "/new"] == [request.path for request in listener.requests]


async def test_who_is_paused_gets_nothing_until_it_is_resumed_and_then_everything_in_order(
    client, context, listener, subscribed, fail_one
):
    subscriber = await subscribed(max_in_flight=1)
    paused = await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"paused": True})
    ids = [await fail_one() for _ in range(3)]
    assert 0 == await run_worker(context, "deliver")
    waiting = (await client.get(f"/v1/subscribers/{subscriber['id']}/deliveries?status=waiting")).json()["data"]

    resumed = await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"paused": False})
    listener.answers += [204] * 3
    await deliver_all(context)

    assert paused.json()["paused_at"] is not None
    assert resumed.json()["paused_at"] is None
    assert ids == [delivery["generation_id"] for delivery in reversed(waiting)]
    assert ids == [request.json["data"]["generation"]["id"] for request in listener.requests]


async def test_pausing_again_is_nothing_new(client, clock, subscribed):
    subscriber = await subscribed()
    moments = []
    for _ in range(2):
        answer = await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"paused": True})
        moments.append(answer.json()["paused_at"])
        clock.advance(60)

    assert 1 == len(set(moments))


async def test_days_of_a_pause_are_no_days_of_failure(client, context, clock, listener, subscribed, fail_one):
    """A subscriber that failed once before a long pause is not disabled by the first failure after it."""
    subscriber = await subscribed()
    await fail_one()
    listener.answers += [500, 500]
    await run_worker(context, "deliver")
    await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"paused": True})
    clock.advance(6 * DAY_S)

    await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"paused": False})
    await run_worker(context, "deliver")

    assert 2 == len(listener.requests)
    assert None is (await client.get(f"/v1/subscribers/{subscriber['id']}")).json()["disabled_at"]


async def test_one_that_was_disabled_is_served_again_and_recovers_what_it_missed(
    client, context, clock, listener, subscribed, fail_one
):
    """It recovers exactly the events it missed, in order, once."""
    subscriber = await subscribed(max_in_flight=1)
    other = await subscribed("/other", max_in_flight=1, event_types=["generation.completed"])
    listener.answers += [204, 410]
    await fail_one()
    await deliver_all(context)
    since = (await client.get("/v1/events")).json()["data"][0]["timestamp"]
    for _ in range(3):
        await fail_one()
        await deliver_all(context)
    before = (await client.get(f"/v1/subscribers/{subscriber['id']}")).json()
    refused = await client.post(f"/v1/subscribers/{subscriber['id']}/recover", json={"since": since})

    enabled = await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"disabled": False})
    recovery = await client.post(f"/v1/subscribers/{subscriber['id']}/recover", json={"since": since})
    await run_worker(context, "replay")
    listener.answers += [204] * 3
    await deliver_all(context)

    assert ("it answered 410 Gone", 409, "disabled") == (
        before["disabled_reason"], refused.status_code, refused.json()["code"],
    )  # fmt: skip
    assert (None, None) == (enabled.json()["disabled_at"], enabled.json()["disabled_reason"])
    assert 202 == recovery.status_code
    assert (await event_ids(client))[1:] == redelivered_ids(listener)
    finished = (await client.get(recovery.headers["location"])).json()
    assert ("finished", {"redelivered": 3, "reached": 1}) == (finished["status"], finished["findings"])
    assert (True, subscriber["id"]) == (finished["filters"]["missed"], finished["filters"]["subscriber"])
    assert [] == (await client.get(f"/v1/subscribers/{other['id']}/deliveries")).json()["data"]


@pytest.mark.parametrize("body", [{}, {"since": "yesterday"}, {"since": None}])
async def test_a_recovery_says_since_when(client, subscribed, body):
    subscriber = await subscribed()

    answer = await client.post(f"/v1/subscribers/{subscriber['id']}/recover", json=body)

    assert (422, "since") == (answer.status_code, answer.json()["errors"][0]["field"])


async def test_one_that_is_served_again_starts_without_its_failures(
    client, context, clock, listener, subscribed, fail_one
):
    """Its first failure does not disable it again, though it had failed for days with more to come."""
    subscriber = await subscribed(max_in_flight=1)
    for _ in range(2):
        await fail_one()
    listener.answers += [500, 410, 500]
    await run_worker(context, "deliver")
    clock.advance(6 * DAY_S)
    await run_worker(context, "deliver")

    await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"disabled": False})
    await fail_one()
    await run_worker(context, "deliver")

    assert 3 == len(listener.requests)
    assert None is (await client.get(f"/v1/subscribers/{subscriber['id']}")).json()["disabled_at"]


# ---------------------------------------------------------------- signatures


def verifies(request, secret):
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


async def test_after_a_rotation_both_secrets_verify_for_a_day_then_only_the_new_one(
    client, context, clock, listener, subscribed
):
    """The verifier looks at its own clock, so the service's stands at the same moment each time."""
    clock.at = round(time.time() * 1_000_000) - DAY_S * 1_000_000
    subscriber = await subscribed()

    rotated = await client.post(f"/v1/subscribers/{subscriber['id']}/rotate-secret")
    new = rotated.json()["secret"]
    shown = (await client.get(f"/v1/subscribers/{subscriber['id']}")).json()
    signed = []
    for wait_s in (DAY_S - 5, 5):
        clock.advance(wait_s)
        listener.answers.append(204)
        await client.post(f"/v1/subscribers/{subscriber['id']}/ping")
        signed.append([verifies(listener.requests[-1], secret) for secret in (subscriber["secret"], new)])

    assert 200 == rotated.status_code
    assert new.startswith("whsec_")
    assert ("secret" not in shown, rotated.json()["previous_secret_until"]) == (True, shown["previous_secret_until"])
    assert [[True, True], [False, True]] == signed


async def test_v1a_comes_with_a_public_key_that_stays_until_it_is_given_up(client, subscribed):
    subscriber = await subscribed(signatures=["v1", "v1a"])
    path = f"/v1/subscribers/{subscriber['id']}"

    kept = (await client.patch(path, json={"signatures": ["v1", "v1a"]})).json()
    off = (await client.patch(path, json={"signatures": ["v1"]})).json()
    fresh = (await client.patch(path, json={"signatures": ["v1a"]})).json()

    assert 32 == len(base64.b64decode(subscriber["public_key"].removeprefix("whpk_")))
    assert (["v1", "v1a"], subscriber["public_key"]) == (kept["signatures"], kept["public_key"])
    assert (["v1"], None) == (off["signatures"], off["public_key"])
    assert ["v1", "v1a"] == fresh["signatures"]
    assert fresh["public_key"] not in (None, subscriber["public_key"])


async def test_v1a_signs_beside_v1(client, context, listener, subscribed):
    subscriber = await subscribed(signatures=["v1a"])
    listener.answers.append(204)
    await client.post(f"/v1/subscribers/{subscriber['id']}/ping")

    versions = [signature.split(",")[0] for signature in listener.requests[0].headers["webhook-signature"].split(" ")]
    assert ["v1", "v1a"] == versions


async def test_no_answer_but_the_first_holds_a_secret(client, subscribed):
    subscriber = await subscribed(signatures=["v1", "v1a"])
    rotated = (await client.post(f"/v1/subscribers/{subscriber['id']}/rotate-secret")).json()

    for answer in (
        await client.get(f"/v1/subscribers/{subscriber['id']}"),
        await client.get("/v1/subscribers"),
        await client.patch(f"/v1/subscribers/{subscriber['id']}", json={"description": "x"}),
    ):
        assert not any(word in answer.text for word in (subscriber["secret"], rotated["secret"], "whsk_"))


# ---------------------------------------------------------------- ping


@pytest.mark.parametrize(("answered", "status"), [((200, b"thanks"), "delivered"), ((500, b"no"), "waiting")])
async def test_a_ping_is_answered_with_what_the_subscriber_answered(client, listener, subscribed, answered, status):
    subscriber = await subscribed(event_types=["generation.completed"])
    listener.answers.append(answered)

    answer = await client.post(f"/v1/subscribers/{subscriber['id']}/ping")

    payload = answer.json()
    (attempt,) = payload["delivery"]["attempts"]
    assert (200, "ping", {}) == (answer.status_code, payload["event"]["type"], payload["event"]["data"])
    assert (status, payload["event"]["id"]) == (payload["delivery"]["status"], payload["delivery"]["event_id"])
    assert (answered[0], answered[1].decode()) == (attempt["http_status"], attempt["answer"])
    assert payload["event"] == json.loads(listener.requests[0].body)
    assert payload["delivery"] == (await client.get(f"/v1/deliveries/{payload['delivery']['id']}")).json()
    assert [payload["event"]] == (await client.get("/v1/events?type=ping")).json()["data"]


async def test_rotating_gives_a_new_public_key_too_and_both_sign_for_a_day(
    client, context, clock, listener, subscribed, fail_one
):
    """A receiver that verifies with the old public key has a day to change to the new one."""
    subscriber = await subscribed(signatures=["v1", "v1a"])
    rotated = (await client.post(f"/v1/subscribers/{subscriber['id']}/rotate-secret")).json()
    assert subscriber["public_key"] != rotated["public_key"]

    seen = []
    for wait_s in (0, DAY_S + 1):
        clock.advance(wait_s)
        listener.answers.append(204)
        await fail_one()
        await run_worker(context, "deliver")
        seen.append(listener.requests[-1].headers["webhook-signature"].count("v1a,"))

    assert [2, 1] == seen


async def test_one_that_is_disabled_is_not_pinged_nor_sent_anything_again(
    client, context, listener, subscribed, fail_one
):
    """A delivery would wait forever; the answer says what to do."""
    subscriber = await subscribed()
    await fail_one()
    listener.answers.append(410)
    await run_worker(context, "deliver")
    delivery = (await client.get(f"/v1/subscribers/{subscriber['id']}/deliveries")).json()["data"][0]

    answers = [
        await client.post(f"/v1/subscribers/{subscriber['id']}/ping"),
        await client.post(f"/v1/deliveries/{delivery['id']}/retry"),
        await client.post(f"/v1/events/{delivery['event_id']}/redeliver", json={"subscriber": subscriber["id"]}),
        await client.post(f"/v1/subscribers/{subscriber['id']}/resend-waiting"),
    ]

    assert [(409, "disabled")] * 4 == [(answer.status_code, answer.json()["code"]) for answer in answers]


@pytest.mark.parametrize(
    "changed",
    [
        {"filter": {"metadata": {"a": "x" * 16_384}}},
        {"filter": {"metadata": {f"{number}": 1 for number in range(65)}}},
        {"filter": {"provider": "x" * 201}},
        {"filter": {"model": "x" * 201}},
        {"event_types": ["generation.*"] * 100},
        {"signatures": ["v1"] * 3},
        {"description": "x" * 1001},
        {"url": "https://app.example/".ljust(8193, "x")},
    ],
    ids=["metadata", "keys", "provider", "model", "event_types", "signatures", "description", "url"],
)
async def test_everything_of_a_subscriber_has_a_bound(client, changed):
    body = {"url": "https://app.example/hook", **changed}

    assert 422 == (await client.post("/v1/subscribers", json=body)).status_code
