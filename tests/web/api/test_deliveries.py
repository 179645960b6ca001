"""Deliveries over HTTP: their outcome, every attempt, and another attempt."""

import pytest

from tests.conftest import run_worker


@pytest.fixture
async def subscriber(client, listener):
    """A subscriber that takes one delivery at a time; its path."""
    body = {"url": f"{listener.url}/hook", "max_in_flight": 1}
    return "/v1/subscribers/" + (await client.post("/v1/subscribers", json=body)).json()["id"]


@pytest.fixture
def fail_one(context, upstream, ordered):
    """Orders a generation that its provider refuses, which makes one event; returns its id."""

    async def place():
        order = await ordered()
        upstream.answers.append((400, {"error": "no"}))
        await run_worker(context, "submit")
        return order["id"]

    return place


@pytest.fixture
async def three(client, context, clock, listener, subscriber, fail_one):
    """A delivery that arrived, one that was given up, one that waits; by their status."""
    ids = [await fail_one() for _ in range(3)]
    listener.answers += [204, 410]
    await run_worker(context, "deliver")
    await run_worker(context, "deliver")
    await client.patch(subscriber, json={"disabled": False})
    ids[2] = await fail_one()
    page = (await client.get(f"{subscriber}/deliveries")).json()
    by_generation = {delivery["generation_id"]: delivery for delivery in page["data"]}
    return {"delivered": by_generation[ids[0]], "given_up": by_generation[ids[1]], "waiting": by_generation[ids[2]]}


async def statuses(client, path):
    return [delivery["status"] for delivery in (await client.get(path)).json()["data"]]


async def test_deliveries_are_listed_newest_first_page_by_page(client, subscriber, three):
    first = (await client.get(f"{subscriber}/deliveries?limit=3")).json()
    rest = (await client.get(f"{subscriber}/deliveries?limit=3&after={first['next']}")).json()

    assert ["waiting", "given_up", "given_up", "delivered"] == [
        delivery["status"] for delivery in first["data"] + rest["data"]
    ]
    assert (1, None) == (len(rest["data"]), rest["next"])


@pytest.mark.parametrize(("status", "count"), [("waiting", 1), ("delivered", 1), ("given_up", 2)])
async def test_deliveries_are_listed_by_their_status(client, subscriber, three, status, count):
    assert [status] * count == await statuses(client, f"{subscriber}/deliveries?status={status}")


@pytest.mark.parametrize("query", ["status=lost", "limit=0", "color=red"])
async def test_a_bad_query_names_the_field(client, subscriber, query):
    answer = await client.get(f"{subscriber}/deliveries?{query}")

    assert (422, query.split("=")[0]) == (answer.status_code, answer.json()["errors"][0]["field"])


async def test_a_delivery_is_told_with_what_it_carries_and_where_to(client, listener, subscriber, three):
    delivery = three["delivered"]
    event = (await client.get(f"/v1/events/{delivery['event_id']}")).json()

    assert (event["data"]["generation"]["id"], f"{listener.url}/hook", subscriber.rpartition("/")[2]) == (
        delivery["generation_id"], delivery["url"], delivery["subscriber_id"],
    )  # fmt: skip
    assert (1, False, None, None) == (
        delivery["attempt_count"], delivery["redelivered"], delivery["next_attempt_at"], delivery["given_up_at"],
    )  # fmt: skip
    assert delivery["delivered_at"] >= delivery["created_at"]
    assert "attempts" not in delivery


async def test_a_delivery_says_what_its_event_is(three):
    assert "generation.failed" == three["delivered"]["event_type"]


async def test_a_delivery_is_shown_with_every_try(client, context, clock, listener, subscriber, fail_one):
    await fail_one()
    listener.answers += [(500, b"no such table: orders"), 503, "cut"]
    for _ in range(3):
        assert 1 == await run_worker(context, "deliver")
        clock.advance(3600)
    (listed,) = (await client.get(f"{subscriber}/deliveries")).json()["data"]

    shown = (await client.get(f"/v1/deliveries/{listed['id']}")).json()

    first, second, third = shown.pop("attempts")
    assert listed == shown
    assert (1, 500, "status: HTTP 500", "no such table: orders") == (
        first["number"], first["http_status"], first["error"], first["answer"],
    )  # fmt: skip
    assert (2, 503, "status: HTTP 503") == (second["number"], second["http_status"], second["error"])
    assert (3, 200, None, "") == (third["number"], third["http_status"], third["error"], third["answer"])
    assert first["at"] < second["at"] < third["at"]
    assert all(attempt["duration_s"] >= 0 for attempt in (first, second, third))


async def test_one_that_waits_says_when_it_is_tried_next(client, three):
    shown = (await client.get(f"/v1/deliveries/{three['waiting']['id']}")).json()

    assert ("waiting", 0, []) == (shown["status"], shown["attempt_count"], shown["attempts"])
    assert shown["next_attempt_at"] is not None


async def test_what_was_given_up_is_tried_again(client, listener, three):
    delivery = three["given_up"]
    listener.answers += [204, 204]

    answer = await client.post(f"/v1/deliveries/{delivery['id']}/retry")

    shown = answer.json()
    assert (200, None) == (answer.status_code, shown["given_up_at"])
    assert shown == (await client.get(f"/v1/deliveries/{delivery['id']}")).json()
    assert ("delivered", [410, 204]) == (shown["status"], [attempt["http_status"] for attempt in shown["attempts"]])


async def test_what_was_delivered_is_not_tried_again(client, context, three):
    answer = await client.post(f"/v1/deliveries/{three['delivered']['id']}/retry")

    assert (409, "delivered") == (answer.status_code, answer.json()["code"])
    assert "redeliver" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/deliveries/dlv_none"),
        ("POST", "/v1/deliveries/dlv_none/retry"),
        ("POST", "/v1/events/evt_none/redeliver"),
    ],
)
async def test_what_is_not_there_is_404(client, method, path):
    answer = await client.request(method, path, json={})

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_an_event_is_sent_again_to_everybody(client, context, listener, subscriber, three):
    other = (await client.post("/v1/subscribers", json={"url": f"{listener.url}/other"})).json()["id"]
    event_id = three["delivered"]["event_id"]

    answer = await client.post(f"/v1/events/{event_id}/redeliver")

    payload = answer.json()
    assert (202, None) == (answer.status_code, payload["next"])
    assert {subscriber.rpartition("/")[2], other} == {delivery["subscriber_id"] for delivery in payload["data"]}
    assert [(event_id, True, "waiting")] * 2 == [
        (delivery["event_id"], delivery["redelivered"], delivery["status"]) for delivery in payload["data"]
    ]
    listener.requests.clear()
    listener.answers[:] = [204] * 10
    while await run_worker(context, "deliver"):
        pass
    again = [request for request in listener.requests if request.headers.get("arrivals-redelivered") == "true"]
    assert [event_id] * 2 == [request.headers["webhook-id"] for request in again]
    assert ["/hook", "/other"] == sorted(request.path for request in again)


async def test_an_event_is_sent_again_to_one(client, listener, subscriber, three):
    await client.post("/v1/subscribers", json={"url": f"{listener.url}/other"})
    wanted = subscriber.rpartition("/")[2]

    answer = await client.post(f"/v1/events/{three['delivered']['event_id']}/redeliver", json={"subscriber": wanted})

    assert [wanted] == [delivery["subscriber_id"] for delivery in answer.json()["data"]]


async def test_an_event_is_not_sent_again_to_nobody(client, three):
    path = f"/v1/events/{three['delivered']['event_id']}/redeliver"

    assert [404, 422] == [
        (await client.post(path, json=body)).status_code for body in ({"subscriber": "sub_none"}, {"subscriber": 7})
    ]
