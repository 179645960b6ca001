"""A query or a body as its schema describes it, or the problem that names every mistake in it.

The decoder goes first, so a request without mistakes costs no more than decoding it. Only what the decoder refuses is
looked through for all of its mistakes.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from arrivals.core.json_shape import shape_of
from arrivals.core.wire import from_json
from arrivals.web.errors import FieldError, Problem, not_json, refused
from arrivals.web.mistakes import mistakes, objections, of_decoder
from arrivals.web.request_body import PLAIN_MAX_BYTES, too_large

S = TypeVar("S", bound=msgspec.Struct)


def read_query(pairs: Sequence[tuple[str, str]], schema: type[S]) -> S:
    """The query with these parameters. Raises Problem (422)."""
    values, wrong = _query_values(pairs, schema)
    try:
        read = msgspec.convert(values, schema, strict=False)
    except msgspec.ValidationError as error:
        raise refused([*wrong, *(mistakes(values, schema, text=True) or [of_decoder(error)])]) from error
    if any(getattr(read, name) is None for name in values):  # the decoder takes `null` for a value
        wrong += mistakes(values, schema, text=True)
    else:
        wrong += objections(read, text=True)
    if wrong:
        raise refused(wrong)
    return read


def _query_values(
    pairs: Sequence[tuple[str, str]], schema: type[msgspec.Struct]
) -> tuple[dict[str, Any], list[FieldError]]:
    """(the fields of a query, mistakes): a list is `a,b` or given several times, an object `name[key]=value`."""
    kinds = {field.name: field.default_factory for field in msgspec.structs.fields(schema)}
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, text in pairs:
        outer, _, key = name.removesuffix("]").partition("[")
        if kinds.get(name) is list:
            values.setdefault(name, []).extend(text.split(","))
        elif kinds.get(name) is dict:
            wrong[name] = f"is written {name}[key]=value"
        elif kinds.get(outer) is dict and name.endswith("]"):
            if key in values.setdefault(outer, {}):
                wrong[name] = "is given several times; give it once"
            values[outer][key] = text
        elif name in values and name in kinds:
            wrong[name] = "is given several times; give it once"
        else:
            values[name] = text
    return values, [FieldError(name, detail) for name, detail in wrong.items()]


def body_or_problem(content: bytes, schema: type[S]) -> S | Problem:
    """Like `read_body`, but returns the error: it goes from one thread to another."""
    try:
        return read_body(content, schema)
    except Problem as problem:
        problem.__cause__ = problem.__context__ = None  # whose frames hold the content
        return problem.with_traceback(None)


def read_body(content: bytes, schema: type[S]) -> S:
    """The content of a body; an empty one is `{}`. Raises Problem (400, 413, 422)."""
    content = content or b"{}"
    try:
        if shape_of(content).rest > PLAIN_MAX_BYTES:
            raise too_large(PLAIN_MAX_BYTES, "without the files that it carries in long strings ")
        read: S = from_json(content, schema)
    except msgspec.ValidationError as error:
        raise refused(_mistakes_in(content, schema) or [of_decoder(error)]) from error
    except ValueError as error:
        raise not_json(error) from error
    wrong = objections(read)
    if wrong:
        raise refused(wrong)
    return read


def _mistakes_in(content: bytes, schema: type[msgspec.Struct]) -> list[FieldError]:
    try:
        value = from_json(content)
    except ValueError:  # such as a number that is out of range
        return []
    return mistakes(value, schema)
