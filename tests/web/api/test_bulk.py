"""Bulk orders over HTTP: one request, one call, a generation for each input."""

import anyio
from jsonschema import Draft202012Validator
import pytest

from arrivals.web.app import DOCUMENT
from tests.conftest import run_worker

INPUTS = [{"prompt": "a red fox"}, {"prompt": "a blue fox"}]
BULK = {"provider": "eachlabs", "model": "workflows/wf-1/v1", "inputs": INPUTS}
PATH = "/v1/generations/bulk"


async def test_a_bulk_order_is_answered_202_with_a_generation_for_each(client):
    answer = await client.post(PATH, json={**BULK, "metadata": {"order": "42"}})

    payload = answer.json()
    assert (202, None, 2) == (answer.status_code, payload["next"], len(payload["data"]))
    assert {("pending", payload["data"][0]["bulk_id"])} == {
        (generation["status"], generation["bulk_id"]) for generation in payload["data"]
    }
    assert [{"order": "42"}] * 2 == [generation["metadata"] for generation in payload["data"]]
    page = {**DOCUMENT["components"]["schemas"]["GenerationPage"], "components": DOCUMENT["components"]}
    Draft202012Validator(page).validate(payload)


async def test_they_are_sent_in_one_call_and_answered_in_the_order_of_their_inputs(client, context, upstream):
    ids = [generation["id"] for generation in (await client.post(PATH, json=BULK)).json()["data"]]
    executions = [{"execution_id": name, "status": "queued"} for name in ("ex-1", "ex-2")]
    upstream.answers.append((202, {"bulk_id": "b", "executions": executions}))

    await run_worker(context, "submit")

    assert [INPUTS] == [request.json["inputs"] for request in upstream.requests]
    generations = [(await client.get(f"/v1/generations/{generation_id}")).json() for generation_id in ids]
    assert [("submitted", "ex-1"), ("submitted", "ex-2")] == [
        (generation["status"], generation["external_id"]) for generation in generations
    ]


async def test_a_generation_that_was_ordered_alone_belongs_to_no_bulk(ordered):
    assert (await ordered())["bulk_id"] is None


async def test_the_same_idempotency_key_is_one_bulk_order(client):
    headers = {"idempotency-key": "bulk-42"}
    first = await client.post(PATH, json=BULK, headers=headers)
    second = await client.post(PATH, json=BULK, headers=headers)
    other = await client.post(PATH, json={**BULK, "inputs": INPUTS[:1]}, headers=headers)

    assert (202, first.json()) == (second.status_code, second.json())
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])
    assert 2 == len((await client.get("/v1/generations")).json()["data"])


async def test_a_key_of_an_order_is_not_one_of_a_bulk_order(client):
    headers = {"idempotency-key": "k"}
    single = {**{name: BULK[name] for name in ("provider", "model")}, "input": INPUTS[0]}
    assert 202 == (await client.post("/v1/generations", json=single, headers=headers)).status_code

    answer = await client.post(PATH, json={**BULK, "inputs": INPUTS[:1]}, headers=headers)

    assert (422, "idempotency_key_reused") == (answer.status_code, answer.json()["code"])


async def test_parallel_requests_with_one_key_make_one_bulk_order(client):
    bulks = set()

    async def send():
        answer = await client.post(PATH, json=BULK, headers={"idempotency-key": "k"})
        bulks.add(tuple(generation["id"] for generation in answer.json()["data"]))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(send)

    assert 1 == len(bulks)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({name: BULK[name] for name in ("provider", "model")}, "inputs"),
        ({**BULK, "inputs": []}, "inputs"),
        ({**BULK, "inputs": INPUTS * 6}, "inputs"),
        ({**BULK, "inputs": [{}] * 101}, "inputs"),
        ({**BULK, "inputs": [{}, "text"]}, "inputs[1]"),
        ({**BULK, "input": {}}, "input"),
        ({**BULK, "model": "flux-1-1-pro"}, "model"),
        ({**BULK, "provider": "nobody"}, "provider"),
        ({**BULK, "deadline_s": 0}, "deadline_s"),
    ],
    ids=range(9),
)
async def test_a_bad_bulk_order_names_the_field(client, body, field):
    answer = await client.post(PATH, json=body)

    assert 422 == answer.status_code
    assert [field] == [error["field"] for error in answer.json()["errors"]]
    assert [] == (await client.get("/v1/generations")).json()["data"]


async def test_bulk_is_no_generation(client):
    assert (404, "not_found") == ((answer := await client.get(PATH)).status_code, answer.json()["code"])
