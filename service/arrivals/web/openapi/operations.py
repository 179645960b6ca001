"""An operation of the document, made from an endpoint."""

from collections.abc import Mapping
from typing import Any

import msgspec

from arrivals.web.endpoint import Content, Endpoint
from arrivals.web.openapi.components import Schemas
from arrivals.web.openapi.examples import ANSWERS, BODIES
from arrivals.web.openapi.parameters import parameters
from arrivals.web.openapi.problems import refusals

JSON = "application/json"
KEY = "key"  # the security scheme


def operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    """Everything that is said about an endpoint."""
    needs = f"\n\nNeeds a key with the scope `{endpoint.scope}`." if endpoint.scope else ""
    described: dict[str, Any] = {
        "operationId": endpoint.operation,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": endpoint.description + needs,
        "security": [{KEY: []}] if endpoint.scope else [],
        "parameters": parameters(endpoint, schemas),
    }
    if endpoint.body:
        described["requestBody"] = {
            "required": any(body_field.required for body_field in msgspec.structs.fields(endpoint.body)),
            "content": {JSON: _media(schemas.by_type[endpoint.body], BODIES.get(endpoint.operation))},
        }
    answers = {str(status): _answer(endpoint, status, schemas) for status in endpoint.answers}
    return {**described, "responses": answers | refusals(endpoint)}


def _answer(endpoint: Endpoint, status: int, schemas: Schemas) -> dict[str, Any]:
    headers = {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in endpoint.answer_headers.items()
    }
    sent = {"headers": headers} if headers else {}
    kind = endpoint.answers[status]
    if isinstance(kind, Content):
        content = {media_type: {"schema": dict(kind.schema)} for media_type in kind.media_types}
        return {"description": kind.description, **sent, **({"content": content} if content else {})}
    schema = schemas.by_type[kind]
    component = schemas.components[schema["$ref"].rpartition("/")[2]]
    example = ANSWERS.get((endpoint.operation, status))
    summary = component["description"].partition("\n")[0]
    return {"description": summary, **sent, "content": {JSON: _media(schema, example)}}


def _media(schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    return {"schema": dict(schema), **({} if example is None else {"example": example})}
