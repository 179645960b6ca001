"""The OpenAPI document is true: every route is in it, and every answer has the shape it says."""

import re
from typing import Any

from jsonschema import Draft202012Validator
import pytest
from starlette.routing import Route

from arrivals.web import callbacks
from arrivals.web.app import DOCUMENT, make_app
from tests.conftest import run_worker
from tests.web.conftest import KEY

# The document itself, bytes of an output, a stream without an end, and a text for a scraper.
NO_JSON_ANSWERS = (
    "/openapi.json",
    "/v1/generations/{id}/outputs/{index}",
    "/v1/events/stream",
    "/v1/changes",
    "/metrics",
)


async def test_every_route_is_in_the_document_and_nothing_else(context):
    others: Any = make_app(context, KEY).others  # an ASGI application, before one that has routes
    served = {
        (method, route.path)
        for route in others.app.routes
        if isinstance(route, Route) and not route.path.startswith(callbacks.PREFIX)
        for method in route.methods - {"HEAD"}
    }

    assert served == {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}


def schema_of(method, path, status):
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    content = responses[str(status)].get("content", {})
    (media,) = content.values()
    return {**media["schema"], "components": DOCUMENT["components"]}


@pytest.fixture
async def ids(client, context, listener, upstream, ordered):
    """The ids of a resource of every kind."""
    subscriber = (await client.post("/v1/subscribers", json={"url": f"{listener.url}/x"})).json()["id"]
    generation = (await ordered())["id"]
    upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
    await run_worker(context, "submit")
    path = upstream.requests[0].json["webhook_url"].partition("/callbacks")[2]
    await client.post(f"/callbacks{path}", json={"exec_id": "el-1", "status": "failed", "output": [{"error": "x"}]})
    body = {"exec_id": "el-1", "status": "succeeded", "output": ["https://storage.example.com/1.jpg"]}
    await client.post(f"/callbacks{path}", json=body, headers={"x-webhook-secret": "a-secret-of-the-operator"})
    await run_worker(context, "read")
    listener.answers.append(204)
    await run_worker(context, "deliver")
    event = (await client.get("/v1/events")).json()["data"][0]["id"]
    webhook = (await client.get("/v1/webhooks")).json()["data"][0]["id"]
    delivery = (await client.get(f"/v1/subscribers/{subscriber}/deliveries")).json()["data"][0]["id"]
    replay = (await client.post("/v1/replays", json={"kind": "events", "dry_run": True})).json()["id"]
    return {
        "generations": generation, "events": event, "webhooks": webhook, "subscribers": subscriber,
        "deliveries": delivery, "replays": replay,
    }  # fmt: skip


async def test_every_answer_has_the_shape_it_says(client, ids):
    answered = 0
    for path, methods in DOCUMENT["paths"].items():
        if "get" not in methods or path in NO_JSON_ANSWERS:
            continue
        noun = path.split("/")[2] if path.startswith("/v1") else ""
        answer = await client.get(path.replace("{id}", ids.get(noun, "")))
        assert 200 == answer.status_code, path
        Draft202012Validator(schema_of("get", path, 200)).validate(answer.json())
        answered += 1
    assert answered >= 12


async def test_a_stream_begins_as_it_says(client, ids):
    """It never ends, so only its head is read."""
    answers = DOCUMENT["paths"]["/v1/events/stream"]["get"]["responses"]
    async with client.stream("GET", "/v1/events/stream") as answer:
        assert str(answer.status_code) in answers
        assert "text/event-stream" in answer.headers["content-type"]


async def test_every_error_has_the_one_shape(client):
    problem = {**DOCUMENT["components"]["schemas"]["Problem"], "components": DOCUMENT["components"]}
    requests = [
        ("GET", "/v1/generations/x"), ("GET", "/nowhere"), ("PUT", "/v1/generations"), ("POST", "/v1/subscribers"),
        ("GET", "/v1/events?limit=0"), ("POST", "/callbacks/runblob/x"), ("GET", "/v1/generations//"),
    ]  # fmt: skip
    for method, path in requests:
        answer = await client.request(method, path)
        assert answer.status_code >= 400, path
        assert "application/problem+json" == answer.headers["content-type"]
        Draft202012Validator(problem).validate(answer.json())
        assert answer.status_code == answer.json()["status"]


async def test_the_document_is_served_and_is_openapi(client):
    served = (await client.get("/openapi.json", headers={"authorization": ""})).json()

    assert DOCUMENT == served
    assert served["openapi"].startswith("3.1")
    Draft202012Validator.check_schema({"$defs": served["components"]["schemas"]})


async def test_what_goes_wrong_here_is_told_without_detail(client, context, monkeypatch):
    from arrivals.store import events

    async def broken(*_args):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(events, "page_after", broken)

    answer = await client.get("/v1/events")

    assert (500, "internal") == (answer.status_code, answer.json()["code"])
    assert "secret" not in answer.text


async def test_a_body_is_required_where_it_must_say_something(client, ids):
    """An empty body is `{}`."""
    required = {
        f"{method.upper()} {path}": operation["requestBody"]["required"]
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }

    assert required["POST /v1/generations"]
    assert not required["PATCH /v1/subscribers/{id}"]
    for name, must_say in required.items():
        method, _, path = name.partition(" ")
        answer = await client.request(method, path.replace("{id}", ids[path.split("/")[2]]))
        assert must_say == (answer.status_code == 422), (name, answer.text)


async def test_a_query_says_each_thing_once_and_never_null(client):
    for query, field in (("verified=null", "verified"), ("limit=5&limit=5", "limit"), ("verified=", "verified")):
        answer = await client.get(f"/v1/webhooks?{query}")
        assert (422, field) == (answer.status_code, answer.json()["errors"][0]["field"]), query


def test_operations_and_schemas_are_named_for_readers():
    """Generated clients take their names from here: none is a function's or a class's of ours."""
    operations = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]

    assert len(operations) == len(set(operations))
    assert [] == [name for name in operations if not re.fullmatch(r"[a-z]+[A-Z]\w+", name)]
    assert {"Generation", "Event", "Subscriber", "Problem"} <= DOCUMENT["components"]["schemas"].keys()
    assert not [name for name in DOCUMENT["components"]["schemas"] if name.endswith(("Schema", "Shape"))]
