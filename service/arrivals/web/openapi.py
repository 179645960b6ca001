"""OpenAPI 3.1, made from the same endpoints that make the routes."""

from collections.abc import Sequence
import re
from typing import Any

import msgspec

from arrivals import __version__
from arrivals.web.endpoint import Endpoint
from arrivals.web.errors import ProblemSchema, problem_response

REF = "#/components/schemas/{name}"
SUFFIX = "Schema"  # of our classes; the document does without it
_IN_PATH = re.compile(r"{(\w+)}")


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    types = {
        schema_type
        for endpoint in endpoints
        for schema_type in (endpoint.query, endpoint.body, *endpoint.answers.values())
        if schema_type
    }
    ordered = [*sorted(types, key=lambda schema_type: str(schema_type.__name__)), ProblemSchema]
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REF)
    by_type = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_type, components)
    for query in {endpoint.query for endpoint in endpoints if endpoint.query}:
        components.pop(query.__name__, None)  # its fields become parameters
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Arrivals", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {name.removesuffix(SUFFIX): schema for name, schema in components.items()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
    renamed: dict[str, Any] = _without_suffix(whole)
    return renamed


def _without_suffix(value: Any) -> Any:
    """The value, with references and titles that match the names of the components."""
    if isinstance(value, dict):
        return {
            name: part.removesuffix(SUFFIX)
            if name in ("$ref", "title") and isinstance(part, str)
            else _without_suffix(part)
            for name, part in value.items()
        }
    return [_without_suffix(part) for part in value] if isinstance(value, list) else value


def _operation(endpoint: Endpoint, by_type: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        *(
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _IN_PATH.findall(endpoint.path)
        ),
        *_query_parameters(endpoint, components),
        *(
            {"name": name, "in": "header", "schema": {"type": "string"}, "description": what}
            for name, what in endpoint.headers.items()
        ),
    ]
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.operation,
        "parameters": parameters,
        "responses": {str(status): _answer(schema_type, by_type) for status, schema_type in endpoint.answers.items()}
        | {status: problem_response(status, by_type[ProblemSchema]) for status in _refusals(endpoint)},
    }
    if endpoint.body:
        operation["requestBody"] = {
            "required": any(body_field.required for body_field in msgspec.structs.fields(endpoint.body)),
            "content": {"application/json": {"schema": by_type[endpoint.body]}},
        }
    if endpoint.scope:
        operation["security"] = [{"key": []}]
        operation["description"] = f"Needs a key with the scope `{endpoint.scope}`."
    return operation


def _refusals(endpoint: Endpoint) -> list[str]:
    """Every error status of an endpoint."""
    statuses = set(endpoint.refuses)
    statuses |= {401, 403, 429} if endpoint.scope else set()
    statuses |= {404} if "{" in endpoint.path else set()
    statuses |= {422} if endpoint.query or endpoint.body else set()
    statuses |= {400, 408, 413} if endpoint.body else set()
    return [*(str(status) for status in sorted(statuses)), "5XX"]


def _query_parameters(endpoint: Endpoint, components: dict[str, Any]) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    properties = components[endpoint.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "schema": _sent(schema), **_style(schema)} for name, schema in properties.items()
    ]


def _style(schema: dict[str, Any]) -> dict[str, Any]:
    """How a list or an object is written in a query."""
    styles: dict[str, dict[str, Any]] = {
        "array": {"explode": False},
        "object": {"style": "deepObject", "explode": True},
    }
    return styles.get(schema.get("type", ""), {})


def _sent(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as a parameter: it can be left out, but never be null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    return kinds[0] if kinds else schema


def _answer(schema_type: Any, by_type: dict[Any, Any]) -> dict[str, Any]:
    if schema_type is None:
        return {"description": "No JSON body."}
    what = (schema_type.__doc__ or "").partition("\n")[0]
    return {"description": what, "content": {"application/json": {"schema": by_type[schema_type]}}}
