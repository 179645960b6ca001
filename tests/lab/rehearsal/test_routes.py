"""Every route from the order to the bytes."""

import pytest

from tests.lab.rehearsal.conftest import FAMILIES, FORWARDS, VENDORS

ROUTES = [
    ("laozhang", "legacy"),
    *(("laozhang", name) for name in FORWARDS),
    *(("runblob", name) for name in FAMILIES),
    ("runblob", "legacy/veo"),
    ("aihubmix", "videos"),
    ("aihubmix", "sora"),
    ("aihubmix", "veo"),
    ("aihubmix", "seedance"),
    ("aihubmix", "dashscope"),
    ("aihubmix", "kling"),
    ("eachlabs", "predictions"),
    ("eachlabs", "workflows"),
    ("vtrix", "flat"),
    ("vtrix", "enveloped"),
    ("vtrix", "kirin"),
    ("seacloud", "queue"),
]


def word(route, body):
    return body["data"]["status"] if route[1] in {"legacy", "enveloped"} else body["status"]


WORDS = {
    ("laozhang", "legacy"): ["processing", "processing", "completed"],
    ("laozhang", "sora-forward"): ["queued", "in_progress", "completed"],
    ("laozhang", "veo-forward"): ["queued", "in_progress", "completed"],
    ("laozhang", "seedance"): ["submitted", "in_progress", "completed"],
    ("laozhang", "sora-reverse"): ["submitted", "in_progress", "completed"],
    ("laozhang", "veo-reverse"): ["queued", "processing", "completed"],
    **{("runblob", name): ["pending", "processing", "completed"] for name in [*FAMILIES, "legacy/veo"]},
    **{("aihubmix", vendor): ["queued", "in_progress", "completed"] for vendor in VENDORS},
    ("eachlabs", "workflows"): ["pending", "running", "completed"],
    ("vtrix", "kirin"): ["in_progress", "in_progress", "completed"],
    ("seacloud", "queue"): ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"],
    ("eachlabs", "predictions"): ["starting", "processing", "success"],
    ("vtrix", "flat"): ["in_progress", "in_progress", "completed"],
    ("vtrix", "enveloped"): ["in_queue", "processing", "success"],
}


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_a_job_queues_runs_and_completes(rehearsal, route):
    external_id = await rehearsal.accepted(route, "ref=one run=10")
    said = []
    for _ in range(3):
        said.append(word(route, (await rehearsal.poll(route, external_id)).json()))
        rehearsal.clock.at += 5
    assert WORDS[route] == said


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_a_wrong_key_is_refused_everywhere(rehearsal, route):
    external_id = await rehearsal.accepted(route)
    assert (await rehearsal.order(route, "ref=two", key="Bearer wrong")).status_code == 401
    assert (await rehearsal.poll(route, external_id, key="Bearer rehearsal-somebody")).status_code == 401


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_an_unknown_id_is_not_found(rehearsal, route):
    assert (await rehearsal.poll(route, "nobody")).status_code == 404


async def test_the_cdn_takes_no_key(rehearsal):
    assert (await rehearsal.client.get("/cdn/a/b.png")).headers["content-type"] == "image/png"
    answer = await rehearsal.client.get("/cdn/a/b.mp4", headers={"authorization": "Bearer rehearsal-vtrix"})
    assert answer.status_code == 400
    assert (await rehearsal.client.get("/rehearsal/record")).json()["keys_leaked"] == 1


async def test_unknown_paths_are_written_down(rehearsal):
    assert (await rehearsal.client.get("/laozhang/v2/videos")).status_code == 404
    assert (await rehearsal.client.put("/rehearsal/record")).status_code == 404
    record = (await rehearsal.client.get("/rehearsal/record")).json()
    assert record["unknown_paths"] == ["GET /laozhang/v2/videos", "PUT /rehearsal/record"]


async def test_the_front_page_names_every_route_and_error(rehearsal):
    page = await rehearsal.client.get("/")
    assert page.headers["content-type"].startswith("text/plain")
    for name in ("/laozhang", "webhook=", "CONTENT_POLICY_VIOLATION", "001015099", "insufficient_user_quota"):
        assert name in page.text
