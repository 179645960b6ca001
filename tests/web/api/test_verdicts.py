"""An observation that the verdict did not take changes nothing readable but its own record."""

import base64

import pytest

from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET, run_worker

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(100)).decode()
PLANTED = "data:image/png;base64," + base64.b64encode(b"PLANTED").decode()
RUNBLOB = {"provider": "runblob", "model": "gemini"}
OPEN, CLOSED = "while it is open", "when it is closed"

# (how the generation stands, what is said without proof, what it turns out to be)
UNPROVEN = [
    (OPEN, {"task_uuid": "rb-1", "status": "completed", "result_image_url": PLANTED, "price": "9"}, "held"),
    (OPEN, {"task_uuid": "rb-1", "status": "failed", "message": "UNSAFE_CONTENT"}, "held"),
    (OPEN, {"task_uuid": "rb-1", "status": "warming_up", "progress_pct": 99}, "held"),
    (OPEN, {"task_uuid": "rb-1", "status": "processing", "progress_pct": 99}, "held"),
    (OPEN, {"task_uuid": "rb-1", "status": "pending", "progress_pct": 99}, "repeated"),
    (OPEN, {"task_uuid": "other", "status": "completed", "result_image_url": PLANTED}, "conflicting"),
    (CLOSED, {"task_uuid": "other", "status": "completed", "result_image_url": PLANTED}, "conflicting"),
    (CLOSED, {"task_uuid": "rb-1", "status": "completed", "result_image_url": PLANTED, "price": "9"}, "repeated"),
    (CLOSED, {"task_uuid": "rb-1", "status": "failed", "message": "UNSAFE_CONTENT"}, "conflicting"),
    (CLOSED, {"task_uuid": "rb-1", "status": "processing", "progress_pct": 1}, "stale"),
    (CLOSED, {"task_uuid": "rb-1", "status": "warming_up"}, "stale"),
]
# The same of what is proven.
PROVEN = [
    (OPEN, {"exec_id": "other", "status": "succeeded", "output": PLANTED}, "conflicting"),
    (CLOSED, {"exec_id": "other", "status": "succeeded", "output": PLANTED}, "conflicting"),
    (CLOSED, {"exec_id": "el-1", "status": "failed", "output": [{"error": "no"}]}, "conflicting"),
    (CLOSED, {"exec_id": "el-1", "status": "processing", "output": PLANTED}, "stale"),
    (CLOSED, {"exec_id": "el-1", "status": "succeeded", "output": PLANTED}, "repeated"),
]


@pytest.fixture
def readable(client):
    """Everything that can be read about a generation and by it but webhooks, its history and what is counted."""

    async def read(generation_id):
        pages = [f"/v1/generations/{generation_id}", "/v1/generations", "/v1/events", "/v1/subscribers"]
        payloads = [(await client.get(page)).json() for page in pages]
        outputs = [
            (await client.get(f"/v1/generations/{generation_id}/outputs/{number}")).content
            for number in range(len(payloads[0]["outputs"]))
        ]
        return payloads, outputs

    return read


@pytest.fixture
def made(client, context, upstream, ordered):
    """A generation of this provider, open or closed, with an output that we keep; its callback's path."""

    async def make(provider, standing):
        if provider == "runblob":
            generation_id = (await ordered(**RUNBLOB))["id"]
            upstream.answers.append((201, {"task_uuid": "rb-1", "status": "pending"}))
        else:
            generation_id = (await ordered())["id"]
            upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
        await run_worker(context, "submit")
        body = upstream.requests[-1].json
        path = (body.get("callback_url") or body["webhook_url"]).removeprefix(PUBLIC_URL)
        if standing is CLOSED:
            data = f"data:image/png;base64,{PNG}"
            done = {"task_uuid": "rb-1", "status": "completed", "result_image_url": data}
            upstream.answers.append(
                (200, done if provider == "runblob" else {"id": "el-1", "status": "success", "output": data})
            )
            assert "completed" == (await client.post(f"/v1/generations/{generation_id}/poll")).json()["status"]
        return generation_id, path

    return make


@pytest.mark.parametrize(("standing", "body", "finding"), UNPROVEN, ids=range(len(UNPROVEN)))
async def test_unproven_word_changes_nothing_but_its_own_record(
    client, context, made, readable, standing, body, finding
):
    generation_id, path = await made("runblob", standing)
    before = await readable(generation_id)

    assert 200 == (await client.post(path, json=body)).status_code
    await run_worker(context, "read")

    (webhook,) = (await client.get("/v1/webhooks")).json()["data"]
    assert finding == webhook["finding"]
    assert before == await readable(generation_id)


@pytest.mark.parametrize(("standing", "body", "finding"), PROVEN, ids=range(len(PROVEN)))
async def test_proven_word_that_is_not_taken_changes_nothing(client, context, made, readable, standing, body, finding):
    generation_id, path = await made("eachlabs", standing)
    before = await readable(generation_id)

    assert 200 == (await client.post(path, json=body, headers={"x-webhook-secret": WEBHOOK_SECRET})).status_code
    await run_worker(context, "read")

    (webhook,) = (await client.get("/v1/webhooks")).json()["data"]
    assert finding == webhook["finding"]
    assert before == await readable(generation_id)


async def test_unproven_id_is_shown_to_nobody(client, context, upstream, ordered, readable):
    generation_id = (await ordered(**RUNBLOB))["id"]
    upstream.answers.append(504)
    await run_worker(context, "submit")
    path = upstream.requests[-1].json["callback_url"].removeprefix(PUBLIC_URL)
    before = await readable(generation_id)

    await client.post(path, json={"task_uuid": "forged", "status": "processing"})
    await run_worker(context, "read")

    assert before == await readable(generation_id)
