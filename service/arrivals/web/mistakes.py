"""Every mistake in a body or a query, each with its place and with what is allowed there, in the words of JSON.

The decoder reports only the first one, and in the words of Python. So what it refuses is looked through again here,
field by field; a request that it takes costs no more than the few objections that its schema declares.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
import math
import re
from typing import Any

import msgspec
from msgspec import UNSET, inspect

from arrivals.core.nearest import did_you_mean
from arrivals.web.allowed import clipped, names_of, objection_to
from arrivals.web.api.objections import OBJECTION, Objection
from arrivals.web.errors import MAX_ERRORS, FieldError

_DECODERS = re.compile("Expected `(.+)`, got `(.+)`")
_JSON_WORDS = {
    "str": "a string", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "an array",
    "object": "an object",
}  # fmt: skip
_PARSED: Mapping[type[inspect.Type], type] = {inspect.IntType: int, inspect.FloatType: float, inspect.BoolType: bool}


def mistakes(value: Any, schema: type[msgspec.Struct], *, text: bool = False) -> list[FieldError]:
    """The mistakes of a JSON value, or (`text`) of the parameters of a query, whose values are all text."""
    return [*islice(_of(value, inspect.type_info(schema), "", text=text), MAX_ERRORS + 1)]


def objections(read: msgspec.Struct, *, text: bool = False) -> list[FieldError]:
    """The mistakes that the decoder could not know of in a value that it took."""
    judged = _judged(type(read))
    wrong = (
        error for part in judged for error in _objections_to(getattr(read, part.name), part.type, part.name, text=text)
    )
    return [*islice(wrong, MAX_ERRORS + 1)]


@cache
def _judged(schema: type[msgspec.Struct]) -> Sequence[inspect.Field]:
    """The fields that somebody else than the decoder has to judge."""
    kind = inspect.type_info(schema)
    return [part for part in kind.fields if _has_objection(part.type)] if isinstance(kind, inspect.StructType) else []


def _has_objection(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata():
            return OBJECTION in (kind.extra or {}) or _has_objection(kind.type)
        case inspect.UnionType():
            return any(map(_has_objection, kind.types))
        case inspect.ListType():
            return _has_objection(kind.item_type)
        case inspect.StructType():
            return any(_has_objection(part.type) for part in kind.fields)
    return False


def _objections_to(value: Any, kind: inspect.Type, place: str, *, text: bool) -> Iterator[FieldError]:
    if value is UNSET or value is None:
        return
    match kind:
        case inspect.Metadata():
            objection: Objection | None = (kind.extra or {}).get(OBJECTION)
            detail = objection(value) if objection is not None else None
            if detail is not None:
                yield FieldError(place, detail)
            yield from _objections_to(value, kind.type, place, text=text)
        case inspect.UnionType():
            yield from _objections_to(value, _but_null(kind), place, text=text)
        case inspect.ListType():
            for index, item in enumerate(value):
                yield from _objections_to(item, kind.item_type, place if text else f"{place}[{index}]", text=text)
        case inspect.StructType():
            for part in kind.fields:
                yield from _objections_to(getattr(value, part.name), part.type, _within(place, part.name), text=text)


def _but_null(kind: inspect.UnionType) -> inspect.Type:
    """The type that a value has which is not null: in all of our schemas, null is the only alternative."""
    return next(part for part in kind.types if not isinstance(part, inspect.NoneType))


def _of(value: Any, kind: inspect.Type, place: str, *, text: bool) -> Iterator[FieldError]:
    match kind:
        case inspect.Metadata():
            yield from _judgement(value, kind, place, text=text)
        case inspect.UnionType():
            if value is not None:
                yield from _of(value, _but_null(kind), place, text=text)
        case inspect.StructType() if isinstance(value, dict):
            yield from _of_fields(value, kind, place, text=text)
        case _:
            objection = objection_to(_parsed(value, kind) if text else value, kind)
            if objection is not None:
                yield FieldError(place or "$", objection)
            else:
                yield from _of_parts(value, kind, place, text=text)


def _of_parts(value: Any, kind: inspect.Type, place: str, *, text: bool) -> Iterator[FieldError]:
    """The mistakes of the items of an array, or of the values of an object whose names are free."""
    if isinstance(kind, inspect.ListType):
        for index, item in enumerate(value):
            yield from _of(item, kind.item_type, place if text else f"{place}[{index}]", text=text)
    elif isinstance(kind, inspect.DictType) and not isinstance(kind.value_type, inspect.AnyType):
        for name, part in value.items():
            there = f"{place}[{clipped(name)}]" if text else _within(place, clipped(name))
            yield from _of(part, kind.value_type, there, text=text)


def _judgement(value: Any, kind: inspect.Metadata, place: str, *, text: bool) -> Iterator[FieldError]:
    """The value's mistakes by its type; if there is none, the objection that is declared with it."""
    words = (kind.extra_json_schema or {}).get("enum")
    sound = True
    for wrong in _of(value, kind.type, place, text=text) if words is None else ():
        sound = False
        yield wrong
    objection: Objection | None = (kind.extra or {}).get(OBJECTION)
    detail = objection(value) if sound and objection is not None else None
    if detail is not None:
        yield FieldError(place, detail)


def _of_fields(fields: Mapping[str, Any], kind: inspect.StructType, place: str, *, text: bool) -> Iterator[FieldError]:
    names = [part.encode_name for part in kind.fields]
    for name in fields:
        if name not in names:
            yield FieldError(_within(place, clipped(name)), _unknown(name, names, "parameter" if text else "field"))
    for part in kind.fields:
        if part.encode_name in fields:
            yield from _of(fields[part.encode_name], part.type, _within(place, part.encode_name), text=text)
        elif part.required:
            yield FieldError(_within(place, part.encode_name), f"is missing; it must be {names_of(part.type)}")


def _unknown(name: str, names: Sequence[str], what: str) -> str:
    meant = did_you_mean(name, names) or f"; there are {', '.join(names)}"
    return f"is no {what} here{meant}"


def _within(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _parsed(value: Any, kind: inspect.Type) -> Any:
    """A text of a query as the value that it is read as; unchanged if it is none."""
    wanted = _PARSED.get(type(kind))
    if wanted is None:
        return value
    try:
        parsed: Any = msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError:
        return value
    if isinstance(parsed, float) and parsed.is_integer():
        return int(parsed)
    return parsed if math.isfinite(parsed) else value


def of_decoder(error: Exception) -> FieldError:
    """The decoder's own finding, where nothing above shows what it means: a number out of range, a name given twice."""
    detail, _, place = str(error).replace("Number", "the number is", 1).partition(" - at `")
    refused = _DECODERS.fullmatch(detail)
    if refused is not None:
        wanted, came = (
            " or ".join(_JSON_WORDS.get(word, word) for word in kinds.split(" | ")) for kinds in refused.groups()
        )
        detail = f"must be {wanted}, not {came}"
    return FieldError(re.sub(r"^\$\.?", "", place.removesuffix("`")) or "$", detail[:1].lower() + detail[1:])
