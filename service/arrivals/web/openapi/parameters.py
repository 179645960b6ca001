"""The parameters of an operation: in its path, its query and its headers."""

from collections.abc import Mapping
import re
from typing import Any

from arrivals.core.ids import make_id
from arrivals.web.endpoint import Endpoint
from arrivals.web.openapi.components import NULL, Schema, Schemas
from arrivals.web.openapi.examples import AT, ENTROPY

_IN_PATH = re.compile(r"/(\w+)/{(\w+)}")
# part of a path: what its id is of, and how the id begins
NOUNS: Mapping[str, tuple[str, str]] = {
    "generations": ("generation", "gen"),
    "events": ("event", "evt"),
    "subscribers": ("subscriber", "sub"),
    "deliveries": ("delivery", "dlv"),
    "webhooks": ("stored webhook", "whk"),
    "replays": ("replay", "rpl"),
}
# What the filters of lists mean that say no more than their name.
FILTERS: Mapping[str, str] = {
    "provider": "only of this provider",
    "model": "only of this model",
    "generation": "only about the generation with this id",
    "status": "only in this state",
    "last": "the newest events, oldest first",
    "type": "only events of this type",
    "finding": "only with this finding",
    "verified": "only those that something verified, or that nothing did",
    "since": "not before this moment",
    "until": "before this moment",
}
# How a list or an object is written in a query.
STYLES: Mapping[str, Mapping[str, Any]] = {
    "array": {"explode": False},
    "object": {"style": "deepObject", "explode": True},
}


def parameters(endpoint: Endpoint, schemas: Schemas) -> list[dict[str, Any]]:
    """Every parameter of an endpoint."""
    fields = schemas.fields(endpoint.query) if endpoint.query else {}
    return [
        *(_in_path(noun, name) for noun, name in _IN_PATH.findall(endpoint.path)),
        *(_in_query(name, schema) for name, schema in fields.items()),
        *(
            {"name": name, "in": "header", "schema": {"type": "string"}, "description": purpose}
            for name, purpose in endpoint.headers.items()
        ),
    ]


def _in_path(noun: str, name: str) -> dict[str, Any]:
    if name == "index":
        description, schema = "the `index` of the output", {"type": "integer", "minimum": 0}
        return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}
    subject, prefix = NOUNS[noun]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": f"the id of the {subject}",
        "schema": {"type": "string", "examples": [make_id(prefix, AT, ENTROPY)]},
    }


def _in_query(name: str, schema: Schema) -> dict[str, Any]:
    sent = _sent(schema)
    style = STYLES.get(sent.get("type", ""), {})
    meaning = None if style else FILTERS.get(name)
    description = "; ".join(filter(None, (meaning, sent.pop("description", None))))
    return {"name": name, "in": "query", "description": description, "schema": sent, **style}


def _sent(schema: Schema) -> Schema:
    """The schema as a parameter: it can be left out, but never be null. A default that is empty goes without saying."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != NULL]
    sent = {
        name: value
        for name, value in (kinds[0] if kinds else schema).items()
        if name != "default" or value or value == 0
    }
    return {**sent, "type": sent["type"][0]} if isinstance(sent.get("type"), list) else sent
