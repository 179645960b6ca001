"""Replays over HTTP: started, watched, canceled; one webhook at once."""

import json

import pytest

from arrivals.core.http import InboundWebhook
from arrivals.flow.observation.receive import receive
from arrivals.providers.contract import Unverified
from arrivals.store import replays
from arrivals.store.replays import Filters, Replay, ReplayKind
from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET, run_worker

SUCCEEDED = {"exec_id": "el-1", "status": "succeeded", "output": {"url": "https://storage.example.com/1.jpg"}}


@pytest.fixture
def completed(context, client, upstream, ordered):
    """Makes a generation that its provider completed; returns its id."""

    async def bring():
        order = await ordered()
        upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
        await run_worker(context, "submit")
        path = upstream.requests[-1].json["webhook_url"].removeprefix(PUBLIC_URL)
        await client.post(path, json=SUCCEEDED, headers={"x-webhook-secret": WEBHOOK_SECRET})
        await run_worker(context, "read")
        return order["id"]

    return bring


@pytest.fixture
async def refused(context, ordered):
    """The id of the generation of a webhook that nobody vouches for."""
    generation_id = (await ordered())["id"]
    token = context.callback_urls.url("eachlabs", "default", generation_id).rpartition("/")[2]
    with pytest.raises(Unverified):
        await receive(context, "eachlabs", token, InboundWebhook(body=json.dumps(SUCCEEDED).encode()))
    return generation_id


async def newest_webhook(client):
    return (await client.get("/v1/webhooks?limit=1")).json()["data"][0]["id"]


async def test_a_replay_is_started_watched_and_ends(client, context, clock, completed):
    for _ in range(2):
        await completed()
    before = (await client.get("/v1/events")).json()

    body = {"kind": "webhooks", "filters": {"provider": "eachlabs", "finding": "advanced"}, "rate_per_s": 1}
    answer = await client.post("/v1/replays", json=body)
    started = answer.json()
    await run_worker(context, "replay")
    half = (await client.get(answer.headers["location"])).json()
    for _ in range(2):
        clock.advance(1)
        await run_worker(context, "replay")
    finished = (await client.get(answer.headers["location"])).json()

    assert (202, "running", 0, 2, None) == (
        answer.status_code, started["status"], started["done"], started["total"], started["finished_at"],
    )  # fmt: skip
    assert started["id"].startswith("rpl_")
    assert ("eachlabs", "advanced") == (started["filters"]["provider"], started["filters"]["finding"])
    assert ("running", 1, {"repeated": 1}) == (half["status"], half["done"], half["findings"])
    assert ("finished", 2, {"repeated": 2}) == (finished["status"], finished["done"], finished["findings"])
    assert finished["finished_at"] > finished["created_at"]
    assert before == (await client.get("/v1/events")).json()


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31"])
@pytest.mark.parametrize("name", ["since", "until"])
async def test_a_moment_that_nobody_can_mean_is_refused_wherever_one_is_told(client, name, text):
    made = await client.post("/v1/subscribers", json={"url": "https://127.0.0.1/hook"})
    answers = {
        "generations": await client.get("/v1/generations", params={name: text}),
        "webhooks": await client.get("/v1/webhooks", params={name: text}),
        "replays": await client.post("/v1/replays", json={"kind": "webhooks", "filters": {name: text}}),
    }
    if name == "since":
        recovery = f"/v1/subscribers/{made.json()['id']}/recover"
        answers["recovery"] = await client.post(recovery, json={"since": text})

    assert {422} == {answer.status_code for answer in answers.values()}
    assert all(
        "must be a moment between 1970 and 9999" in answer.json()["errors"][0]["detail"] for answer in answers.values()
    )
    assert [] == (await client.get("/v1/replays")).json()["data"]


async def test_a_stored_moment_beyond_every_calendar_keeps_no_list_from_being_shown(client, context, clock):
    """Older releases took such moments."""
    since, until = -62_135_683_140_000_000, -(2**62)
    odd = Replay(
        id=context.make_id("rpl"),
        kind=ReplayKind.WEBHOOKS,
        filters=Filters(since=since, until=until),
        created_at=clock(),
    )
    async with context.store.transaction() as tx:
        await replays.insert(tx, odd)
    later = (await client.post("/v1/replays", json={"kind": "events"})).json()["id"]

    listed = (await client.get("/v1/replays")).json()["data"]
    shown = (await client.get(f"/v1/replays/{odd.id}")).json()

    assert [later, odd.id] == [replay["id"] for replay in listed]
    assert listed[1] == shown
    assert ["0001-01-01"] * 2 == [shown["filters"][name][:10] for name in ("since", "until")]


async def test_a_dry_run_is_told_as_one(client, context, completed):
    await completed()

    started = (await client.post("/v1/replays", json={"kind": "webhooks", "dry_run": True})).json()
    await run_worker(context, "replay")

    finished = (await client.get(f"/v1/replays/{started['id']}")).json()
    assert (True, {"repeated": 1}) == (finished["dry_run"], finished["findings"])
    assert "advanced" == (await client.get("/v1/webhooks")).json()["data"][0]["finding"]


async def test_what_is_left_out_means_any(client, completed):
    await completed()

    started = (await client.post("/v1/replays", json={"kind": "events"})).json()

    assert {"since": None, "until": started["created_at"]} == started["filters"]
    assert (False, None) == (started["dry_run"], started["rate_per_s"])


async def test_events_are_sent_again_to_one_who_missed_them(client, context, listener, completed):
    await completed()
    subscriber = (await client.post("/v1/subscribers", json={"url": f"{listener.url}/late"})).json()["id"]
    filters = {"subscriber": subscriber, "missed": True, "type": "generation.*", "since": "2026-01-01T00:00:00Z"}

    await client.post("/v1/replays", json={"kind": "events", "filters": filters})
    await run_worker(context, "replay")
    listener.answers.append(204)
    await run_worker(context, "deliver")

    assert ["true"] == [request.headers["arrivals-redelivered"] for request in listener.requests]


async def test_replays_are_listed_newest_first_page_by_page(client):
    ids = [(await client.post("/v1/replays", json={"kind": "events"})).json()["id"] for _ in range(3)]

    first = (await client.get("/v1/replays?limit=2")).json()
    rest = (await client.get(f"/v1/replays?limit=2&after={first['next']}")).json()

    assert ids[::-1] == [replay["id"] for replay in first["data"] + rest["data"]]
    assert rest["next"] is None


async def test_a_replay_is_canceled_once(client, context, clock, completed):
    for _ in range(2):
        await completed()
    started = (await client.post("/v1/replays", json={"kind": "webhooks", "rate_per_s": 1})).json()
    await run_worker(context, "replay")

    canceled = await client.post(f"/v1/replays/{started['id']}/cancel")
    again = await client.post(f"/v1/replays/{started['id']}/cancel")
    clock.advance(60)

    assert (200, "canceled", 1) == (canceled.status_code, canceled.json()["status"], canceled.json()["done"])
    assert canceled.json()["finished_at"] is not None
    assert (409, "not_cancelable") == (again.status_code, again.json()["code"])
    assert 0 == await run_worker(context, "replay")


async def test_what_has_ended_is_not_canceled(client, context):
    started = (await client.post("/v1/replays", json={"kind": "events"})).json()
    await run_worker(context, "replay")

    answer = await client.post(f"/v1/replays/{started['id']}/cancel")

    assert (409, "it is finished already") == (answer.status_code, answer.json()["detail"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "outputs"}, "kind"),
        ({"kind": "webhooks", "filters": {"model": "a"}}, "filters.model"),
        ({"kind": "webhooks", "filters": {"type": "ping"}}, "filters.type"),
        ({"kind": "webhooks", "filters": {"subscriber": "sub_1"}}, "filters.subscriber"),
        ({"kind": "webhooks", "filters": {"missed": True}}, "filters.missed"),
        ({"kind": "webhooks", "filters": {"finding": "lost"}}, "filters.finding"),
        ({"kind": "quarantine", "filters": {"finding": "held"}}, "filters.finding"),
        ({"kind": "quarantine", "filters": {"type": "ping"}}, "filters.type"),
        ({"kind": "events", "filters": {"finding": "held"}}, "filters.finding"),
        ({"kind": "events", "filters": {"type": "generation.done"}}, "filters.type"),
        ({"kind": "events", "filters": {"since": "yesterday"}}, "filters.since"),
        ({"kind": "events", "filters": {"until": "tomorrow"}}, "filters.until"),
        ({"kind": "events", "filters": {"color": "red"}}, "filters.color"),
        ({"kind": "events", "rate_per_s": 0}, "rate_per_s"),
        ({"kind": "events", "dry_run": "yes"}, "dry_run"),
    ],
    ids=str,
)
async def test_what_means_nothing_names_the_field_and_starts_nothing(client, body, field):
    answer = await client.post("/v1/replays", json=body)

    assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])
    assert [] == (await client.get("/v1/replays")).json()["data"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/replays/rpl_none", None),
        ("POST", "/v1/replays/rpl_none/cancel", None),
        ("POST", "/v1/replays", {"kind": "events", "filters": {"subscriber": "sub_none"}}),
        ("POST", "/v1/webhooks/whk_none/replay", {}),
    ],
    ids=str,
)
async def test_what_is_not_there_is_404(client, method, path, body):
    answer = await client.request(method, path, json=body)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("dry_run", [True, False])
async def test_one_webhook_is_replayed_at_once(client, completed, dry_run):
    await completed()
    webhook_id = await newest_webhook(client)

    answer = await client.post(f"/v1/webhooks/{webhook_id}/replay", json={"dry_run": dry_run})

    assert 200 == answer.status_code
    assert {
        "webhook_id": webhook_id, "finding": "repeated", "status": "completed", "dry_run": dry_run,
    } == answer.json()  # fmt: skip
    shown = (await client.get(f"/v1/webhooks/{webhook_id}")).json()
    assert ("advanced" if dry_run else "repeated") == shown["finding"]


async def test_a_webhook_whose_generation_is_forgotten_has_no_status_to_tell(client, context):
    token = context.callback_urls.url("eachlabs", "default", "gen_forgotten").rpartition("/")[2]
    headers = {"x-webhook-secret": WEBHOOK_SECRET}
    await client.post(f"/callbacks/eachlabs/{token}", json=SUCCEEDED, headers=headers)
    await run_worker(context, "read")

    answer = await client.post(f"/v1/webhooks/{await newest_webhook(client)}/replay")

    assert ("stale", None) == (answer.json()["finding"], answer.json()["status"])


async def test_a_refused_webhook_is_not_replayed_as_if_it_were_believed(client, refused):
    answer = await client.post(f"/v1/webhooks/{await newest_webhook(client)}/replay")

    assert (409, "not_replayable") == (answer.status_code, answer.json()["code"])
    assert "quarantine" in answer.json()["detail"]


async def test_the_quarantine_is_verified_again(client, context, refused):
    """With the same secrets no webhook is vouched for."""
    started = (await client.post("/v1/replays", json={"kind": "quarantine", "filters": {"generation": refused}})).json()
    await run_worker(context, "replay")

    finished = (await client.get(f"/v1/replays/{started['id']}")).json()
    assert ("finished", 1, {"unverified": 1}) == (finished["status"], finished["total"], finished["findings"])
