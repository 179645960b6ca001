"""The id of a request: taken from a header or made, in the log lines about it and in its answer."""

import re

import pytest

from arrivals.core.api_key import Scope
from arrivals.core.ids import pattern_of
from arrivals.flow.admin.keys import make_key
from tests.conftest import run_worker

ORDER = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}


@pytest.mark.parametrize(
    "name",
    ["42", "0d1b6a54-52e7-4d8e-9a5e-7f8f2f4f3c11", "Root=1-67891233-abcdef012345678912345678", "a" * 128],
)
async def test_an_id_that_looks_like_one_is_kept(client, logged, name):
    answer = await client.post("/v1/generations", json=ORDER, headers={"x-request-id": name})

    assert name == answer.headers["x-request-id"]
    assert [name] == [line["request_id"] for line in logged("generation_ordered")]


@pytest.mark.parametrize("name", ["", "a" * 129, "two words", "-x", "<script>", 'a"b', "a\tb", "a;b=c"])
async def test_what_does_not_look_like_an_id_is_replaced(client, name):
    answer = await client.get("/health/live", headers={"x-request-id": name})

    assert re.fullmatch(pattern_of("req"), answer.headers["x-request-id"])


async def test_an_id_that_is_sent_twice_is_replaced(client):
    answer = await client.get("/health/live", headers=[("x-request-id", "one"), ("x-request-id", "two")])

    assert re.fullmatch(pattern_of("req"), answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("HEAD", "/v1/generations", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/generations", 405),
        ("GET", "/v1/generations?limit=x", 422),
    ],
)
async def test_every_answer_says_its_id(client, method, path, status):
    answer = await client.request(method, path, headers={"x-request-id": "mine"})

    assert (status, "mine") == (answer.status_code, answer.headers["x-request-id"])
    assert 1 == len(answer.headers.get_list("x-request-id"))


async def test_the_lines_of_a_request_name_its_key(context, client, logged):
    key, secret = await make_key(context, "submitter", [Scope.SUBMIT])

    answer = await client.post("/v1/generations", json=ORDER, headers={"authorization": f"Bearer {secret}"})

    assert 202 == answer.status_code
    assert [(key.id, answer.headers["x-request-id"])] == [
        (line["key_id"], line["request_id"]) for line in logged("generation_ordered")
    ]


async def test_what_fails_unseen_says_which_request_it_was(client, logged, monkeypatch):
    async def broken(*_args, **_options):
        raise RuntimeError

    monkeypatch.setattr("arrivals.web.api.generations.listed", broken)

    answer = await client.get("/v1/generations", headers={"x-request-id": "mine"})

    assert 500 == answer.status_code
    assert [("mine", "key_settings")] == [(line["request_id"], line["key_id"]) for line in logged("request_failed")]


async def test_work_for_many_does_not_carry_the_request_that_began_it(client, context, upstream, ordered, logged):
    """A batch holds what came from several callers; the first one would stand in the lines of all."""
    generation = await ordered()
    upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
    await run_worker(context, "submit")
    upstream.answers.append((200, {"id": "el-1", "status": "processing"}))

    answer = await client.post(f"/v1/generations/{generation['id']}/poll", headers={"x-request-id": "mine"})

    assert 200 == answer.status_code, answer.text
    settled = logged("observation_settled")[-1]
    assert ("poll", False, False) == (settled["origin"], "request_id" in settled, "key_id" in settled)


async def test_no_request_inherits_the_id_of_another(client, logged):
    """They come on the same connection."""
    await client.post("/v1/generations", json=ORDER, headers={"x-request-id": "first"})
    await client.post("/v1/generations", json=ORDER, headers={"x-request-id": "second"})

    assert ["first", "second"] == [line["request_id"] for line in logged("generation_ordered")]
