"""Orders that a provider would certainly refuse are refused at the door: nothing is stored, nothing is sent."""

from dataclasses import replace

from jsonschema import Draft202012Validator
import pytest

from arrivals.providers import eachlabs
from arrivals.providers._shared.limits import required
from arrivals.providers.eachlabs.workflows import WORKFLOWS
from arrivals.web.app import DOCUMENT
from tests.conftest import run_worker

VEO = {"provider": "aihubmix", "model": "veo-3.1-generate-preview", "input": {"prompt": "a fox", "seconds": 5}}
WAN = {"provider": "vtrix", "model": "wan26_t2i"}
BULK = {"provider": "eachlabs", "model": "workflows/wf-1/v1", "inputs": [{"prompt": "a fox"}, {"prompt": ""}]}


async def test_an_order_that_would_be_refused_says_why_and_where(client):
    answer = await client.post("/v1/generations", json=VEO)

    payload = answer.json()
    assert (422, "application/problem+json", "refused_by_preflight") == (
        answer.status_code, answer.headers["content-type"], payload["code"],
    )  # fmt: skip
    assert [{"field": "input.seconds", "detail": "seconds must be one of 4, 6, 8"}] == payload["errors"]
    assert ("invalid_request", "caller", False, False, "preflight", "seconds") == tuple(
        payload["failure"][name] for name in ("code", "fault", "retryable", "billed", "origin", "param")
    )


async def test_it_has_the_providers_own_code_and_words(client):
    order_input = {"input": {"messages": [{"role": "user", "content": [{"text": ""}]}]}, "parameters": {"n": 9}}

    payload = (await client.post("/v1/generations", json={**WAN, "input": order_input})).json()

    assert payload["failure"]["provider_code"].startswith("00101")
    assert payload["errors"][0]["detail"] == payload["failure"]["message"]


async def test_the_refusal_has_the_shape_it_says(client):
    payload = (await client.post("/v1/generations", json=VEO)).json()

    problem = {**DOCUMENT["components"]["schemas"]["Problem"], "components": DOCUMENT["components"]}
    Draft202012Validator(problem).validate(payload)
    assert "failure" not in (await client.get("/v1/generations/gen_nobody")).json()


async def test_nothing_is_stored_and_nothing_is_sent(client, context, upstream):
    """The order's idempotency key stays free: the same key orders the mended input."""
    headers = {"idempotency-key": "k"}
    assert 422 == (await client.post("/v1/generations", json=VEO, headers=headers)).status_code
    assert [] == (await client.get("/v1/generations")).json()["data"]
    assert 0 == await run_worker(context, "submit")
    assert [] == upstream.requests

    mended = {**VEO, "input": {"prompt": "a fox", "seconds": 4}}

    assert 202 == (await client.post("/v1/generations", json=mended, headers=headers)).status_code


@pytest.fixture
def _demanding(monkeypatch):
    """A workflow that documents what it needs."""
    monkeypatch.setattr(eachlabs, "ROUTES", (replace(WORKFLOWS, limits=(required("prompt"),)),))


@pytest.mark.usefixtures("_demanding")
async def test_of_a_bulk_order_the_one_that_would_be_refused_is_named(client, context):
    answer = await client.post("/v1/generations/bulk", json=BULK)

    payload = answer.json()
    assert (422, "refused_by_preflight") == (answer.status_code, payload["code"])
    assert ["inputs[1].prompt"] == [error["field"] for error in payload["errors"]]
    assert [] == (await client.get("/v1/generations")).json()["data"]
    assert 0 == await run_worker(context, "submit")
