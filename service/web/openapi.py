"""OpenAPI 3.1, made from the same endpoints that make the routes."""

from collections.abc import Sequence
import re
from typing import Any

import msgspec

from service import __version__
from service.web.endpoint import Endpoint
from service.web.errors import ProblemShape, shape_of

REF = "#/components/schemas/{name}"
_IN_PATH = re.compile(r"{(\w+)}")


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    shapes = {
        shape
        for endpoint in endpoints
        for shape in (endpoint.query, endpoint.body, *endpoint.answers.values())
        if shape
    }
    ordered = [*sorted(shapes, key=lambda shape: str(shape.__name__)), ProblemShape]
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REF)
    by_shape = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_shape, components)
    for query in {endpoint.query for endpoint in endpoints if endpoint.query}:
        components.pop(query.__name__, None)  # its fields stand as parameters
    return {
        "openapi": "3.1.0",
        "info": {"title": "Arrivals", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, by_shape: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
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
        "operationId": endpoint.handle.__module__.rpartition(".")[2] + "_" + endpoint.handle.__name__,
        "parameters": parameters,
        "responses": {str(status): _answer(shape, by_shape) for status, shape in endpoint.answers.items()}
        | {"default": shape_of(by_shape[ProblemShape])},
    }
    if endpoint.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_shape[endpoint.body]}},
        }
    if endpoint.scope:
        operation["security"] = [{"key": []}]
        operation["description"] = f"Needs a key with the scope `{endpoint.scope}`."
    return operation


def _query_parameters(endpoint: Endpoint, components: dict[str, Any]) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    properties = components[endpoint.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _answer(shape: Any, by_shape: dict[Any, Any]) -> dict[str, Any]:
    if shape is None:
        return {"description": "No JSON body."}
    what = (shape.__doc__ or "").partition("\n")[0]
    return {"description": what, "content": {"application/json": {"schema": by_shape[shape]}}}
