"""The schemas of the document: the structs of the interface, put as readers and generators of clients need them.

What a struct leaves open is said outright: an object without fields holds any, words have their type, and a default
stands in the description, because generators take a field with a `default` for one that is always there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import json
from typing import Any

import msgspec

from arrivals.web.api.event_schemas import EVENT_SCHEMAS, AnyEvent
from arrivals.web.openapi.words import BY_WORDS, WORDS

Schema = dict[str, Any]
REF = "#/components/schemas/{name}"
EVENT = {"$ref": REF.format(name="Event")}
SUFFIX = "Schema"  # of our classes; the document does without it
NESTED = ("items", "additionalProperties", "propertyNames")
NULL = {"type": "null"}
WHOLE = ("$ref", "enum", "const", "anyOf")  # such a schema says nothing of null
ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_JSON_TYPES = {str: "string", bool: "boolean", int: "integer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schemas:
    """The components by name, and how each struct is referred to."""

    components: Mapping[str, Schema]
    by_type: Mapping[Any, Schema]

    def fields(self, struct: type) -> Mapping[str, Schema]:
        """The fields of a struct that is a component."""
        properties: Mapping[str, Schema] = self.components[named(struct.__name__)]["properties"]
        return properties

    def written(self, parameters: Iterable[type]) -> dict[str, Schema]:
        """The components in order, but for the structs whose fields become parameters."""
        left_out = {named(struct.__name__) for struct in parameters}
        return {
            name: {**schema, "properties": _without_defaults(schema["properties"])}
            if "properties" in schema
            else schema
            for name, schema in sorted(self.components.items())
            if name not in left_out
        }


def schemas_of(types: Iterable[Any]) -> Schemas:
    """The schemas of these structs and of everything in them."""
    ordered = sorted({*types, AnyEvent, *EVENT_SCHEMAS}, key=str)
    schemas, raw = msgspec.json.schema_components(ordered, ref_template=REF)
    references = {name: _words_of(schema) or {"$ref": REF.format(name=named(name))} for name, schema in raw.items()}
    structs = {named(name): schema for name, schema in raw.items() if "enum" not in schema}
    components = {name: _readable(schema, references) for name, schema in structs.items()}
    by_type = {struct: _readable(schema, references) for struct, schema in zip(ordered, schemas, strict=True)}
    events = {str(struct.__struct_config__.tag): by_type[struct] for struct in EVENT_SCHEMAS}
    components["Event"] = {
        "description": "An announcement about a generation, or a ping; its `type` says which.",
        "oneOf": [*events.values()],
        "discriminator": {
            "propertyName": "type",
            "mapping": {event_type: schema["$ref"] for event_type, schema in events.items()},
        },
    }
    words = {words.name: {"type": "string", "description": words.text, "enum": [*words.accepted]} for words in WORDS}
    return Schemas(components=components | words, by_type=by_type)


def named(name: str) -> str:
    """The name of a struct, for readers."""
    return name.removesuffix(SUFFIX)


def _words_of(schema: Schema) -> Schema | None:
    """The reference to a list of words that is a component."""
    words = BY_WORDS.get(frozenset(schema.get("enum", ())))
    return {"$ref": REF.format(name=words.name)} if words else None


def _readable(schema: Schema, references: Mapping[str, Schema]) -> Schema:
    """A schema in which nothing is left open. `references`: how each name of msgspec's is referred to."""
    if "discriminator" in schema:
        return EVENT
    if words := _words_of(schema):
        return words
    put = {name: value for name, value in schema.items() if name != "title"}
    if "$ref" in put:
        put |= references[put["$ref"].rpartition("/")[2]]
    if put.get("type") == "object" and not put.keys() & {"properties", "additionalProperties"}:
        put["additionalProperties"] = True
    put |= {name: _readable(put[name], references) for name in NESTED if isinstance(put.get(name), dict)}
    put |= {name: [_readable(part, references) for part in put[name]] for name in ALTERNATIVES if name in put}
    if "properties" in put:
        put["properties"] = {name: _readable(part, references) for name, part in put["properties"].items()}
    return _folded(put | _type_of(put.pop("enum", ())))


def _folded(schema: Schema) -> Schema:
    """A schema of two types one of which is null, in one: some generators make a class of its own of the other."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != NULL]
    if NULL not in schema.get("anyOf", ()) or len(kinds) != 1 or not kinds[0].keys().isdisjoint(WHOLE):
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**kinds[0], **rest, "type": [kinds[0]["type"], "null"]}


def _type_of(accepted: list[Any]) -> Schema:
    """The accepted values, with their type."""
    if not accepted:
        return {}
    values: Schema = {"enum": accepted} if len(accepted) > 1 else {"const": accepted[0]}
    return {"type": _JSON_TYPES[type(accepted[0])], **values}


def _without_defaults(fields: Mapping[str, Schema]) -> dict[str, Schema]:
    """The fields of a body; a description says the default that a field has."""
    return {name: _described(field) for name, field in fields.items()}


def _described(field: Schema) -> Schema:
    put = {name: value for name, value in field.items() if name != "default"}
    if not field.get("default"):  # what is empty goes without saying
        return put
    default = f"`{json.dumps(field['default'])}` if it is left out"
    return {**put, "description": "; ".join(filter(None, (put.get("description"), default)))}
