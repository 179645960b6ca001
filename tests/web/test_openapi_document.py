"""The OpenAPI document is written for readers and for generators of clients: nothing is left open in it."""

import json
from urllib.parse import urljoin

from jsonschema import Draft202012Validator
import pytest

from arrivals.core.event import EventType
from arrivals.core.standard_webhooks import HEADERS, check
from arrivals.web.app import DOCUMENT, ENDPOINTS
from arrivals.web.endpoint import Content
from arrivals.web.openapi.examples import ALL_EVENTS, BODIES, SECRET, SIGNED
from tests.web import test_openapi

ids = test_openapi.ids
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    operation
    for methods in [*DOCUMENT["paths"].values(), *DOCUMENT["webhooks"].values()]
    for operation in methods.values()
]
# What an answer has only sometimes, because it says what somebody chose or what a provider would say.
CHOSEN = {"Filter", "ReplaySelection", "Problem"}


def parts(value):
    """Every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(part)


def schemas_in(value):
    """The names of the components that something refers to, and what these refer to."""
    names = {part["$ref"].rpartition("/")[2] for part in parts(value) if "/schemas/" in str(part.get("$ref"))}
    deeper = set().union(*(schemas_in(SCHEMAS[name]) for name in names)) if names else set()
    return names | deeper


def test_every_operation_has_words_for_readers_and_a_tag_that_is_explained():
    explained = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}

    for operation in OPERATIONS:
        name = operation["operationId"]
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= explained, name
        assert [] == [each["name"] for each in operation["parameters"] if not each.get("description")], name
    assert {tag for operation in OPERATIONS for tag in operation["tags"]} == explained


def test_every_word_that_a_field_may_have_is_explained_once():
    """The types of events and the providers are explained where they have more to say than a word."""
    listed = {name: schema for name, schema in SCHEMAS.items() if "enum" in schema}

    assert {"GenerationStatus", "FailureCode", "FailureFault", "Finding", "VerifiedBy"} <= listed.keys()
    for name, schema in listed.items():
        words = [word for word in schema["enum"] if f"- `{word}`: " in schema["description"]]
        elsewhere = {"ProviderName", "EventSelector", "EventType"}
        assert words == ([] if name in elsewhere else schema["enum"]), name


def test_free_json_may_hold_anything():
    for schema, field in (
        ("OrderBody", "input"), ("OrderBody", "metadata"), ("Generation", "metadata"),
        ("GenerationWithInput", "input"), ("TimelineEntry", "details"), ("PingEvent", "data"),
    ):  # fmt: skip
        shape = SCHEMAS[schema]["properties"][field]
        assert ("object", True) == (shape["type"], shape["additionalProperties"]), field
    for schema, field in (("Generation", "provider_details"), ("Failure", "details")):
        shape = SCHEMAS[schema]["properties"][field]
        assert (["object", "null"], True) == (shape["type"], shape["additionalProperties"]), field
    objects = [part for part in parts(SCHEMAS) if "object" in (part.get("type") or ())]
    assert not [part for part in objects if not part.keys() & {"properties", "additionalProperties"}]


def test_a_field_that_may_be_left_out_looks_so_to_every_generator():
    """Some take a field with a `default` for one that is always there."""
    order = SCHEMAS["OrderBody"]

    assert {"provider", "model", "input"} == set(order["required"])
    assert '`"default"` if it is left out' in order["properties"]["account"]["description"]
    assert not [part for schema in SCHEMAS.values() for part in parts(schema) if "default" in part]


def test_what_may_be_null_says_so_in_its_type_and_a_parameter_never_may():
    """Of an alternative, some generators make a class that has the name of the field, and hides the one that has it."""
    unions = [part["anyOf"] for part in parts(SCHEMAS) if "anyOf" in part]
    sent = [parameter["schema"] for operation in OPERATIONS for parameter in operation["parameters"]]

    assert ["string", "null"] == SCHEMAS["Generation"]["properties"]["closed_at"]["type"]
    assert all("$ref" in kind for kinds in unions for kind in kinds if kind != {"type": "null"} and "enum" not in kind)
    assert not [schema for schema in sent if "anyOf" in schema or isinstance(schema.get("type"), list)]


def test_the_server_is_where_the_document_is_also_behind_a_path_of_a_proxy():
    (server,) = DOCUMENT["servers"]

    assert "https://example.com/arrivals/" == urljoin("https://example.com/arrivals/openapi.json", server["url"])


def test_every_field_of_an_answer_is_required():
    answers = [answer for operation in OPERATIONS for answer in operation["responses"].values()]
    names = schemas_in([answers, DOCUMENT["components"]["responses"]]) - CHOSEN

    assert {"Generation", "Event", "SubscriberWithSecret", "DeliveryWithAttempts", "FieldError"} <= names
    for name in names:
        assert SCHEMAS[name].get("properties", {}).keys() == set(SCHEMAS[name].get("required", ())), name


def test_every_type_of_event_has_a_webhook_with_its_headers_and_its_schema():
    assert {event_type.value for event_type in EventType} == DOCUMENT["webhooks"].keys()
    for event_type, methods in DOCUMENT["webhooks"].items():
        operation = methods["post"]
        assert [*HEADERS] == [parameter["name"] for parameter in operation["parameters"]]
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert SCHEMAS[reference.rpartition("/")[2]]["properties"]["type"] == {"type": "string", "const": event_type}
        assert SCHEMAS["Event"]["discriminator"]["mapping"][event_type] == reference


def test_what_is_not_json_has_its_media_type():
    media = {
        endpoint.operation: [*DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]["responses"]["200"]["content"]]
        for endpoint in ENDPOINTS
        if isinstance(endpoint.answers.get(200), Content)
    }

    assert ["application/octet-stream", "*/*"] == media["getOutput"]
    assert ["text/event-stream"] == media["streamEvents"] == media["streamChanges"]
    assert ["text/plain"] == media["getMetrics"]


def test_every_example_has_the_shape_that_it_is_an_example_of():
    examples = [part for part in parts(DOCUMENT) if {"schema", "example"} <= part.keys()]

    assert len(examples) >= 20
    for media in examples:
        schema = {**media["schema"], "components": DOCUMENT["components"]}
        Draft202012Validator(schema).validate(media["example"])


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.type)
def test_the_example_of_a_delivery_verifies(event):
    headers = SIGNED[event.type]

    check([SECRET], event.body.encode(), headers, now_s=float(headers["webhook-timestamp"]))

    operation = DOCUMENT["webhooks"][event.type]["post"]
    assert json.loads(event.body) == operation["requestBody"]["content"]["application/json"]["example"]
    shown = {parameter["name"]: parameter["schema"]["examples"] for parameter in operation["parameters"]}
    assert {name: [value] for name, value in headers.items()} == shown


async def test_every_example_of_a_request_is_accepted(client, ids):
    subscriber = {"subscriber": ids["subscribers"]}
    for endpoint in ENDPOINTS:
        if endpoint.operation in BODIES:
            body = BODIES[endpoint.operation]
            path = endpoint.path.replace("{id}", ids.get(endpoint.path.split("/")[2], ""))
            sent = body | subscriber if "subscriber" in body else body
            answer = await client.request(endpoint.method, path, json=sent)
            assert answer.status_code in endpoint.answers, (endpoint.operation, answer.text)


async def test_the_example_of_an_error_is_the_very_answer(client):
    shown = DOCUMENT["components"]["responses"]["Invalid"]["content"]["application/problem+json"]["example"]
    misspelt = {**BODIES["createGeneration"], "metdata": {"order": "42"}}

    answer = await client.post("/v1/generations", json=misspelt)

    assert shown == answer.json()
