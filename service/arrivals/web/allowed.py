"""The words for what a type of ours allows, and for how a value differs from it, without Python's terms."""

from collections.abc import Mapping, Sequence
import re
from typing import Any

from msgspec import inspect

from arrivals.core.nearest import did_you_mean
from arrivals.core.wire import to_json

MAX_SHOWN = 40  # characters of a value that an error repeats
MAX_NAME = 64
# No control characters: nothing needs them, and PostgreSQL keeps no NUL.
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_PATTERNS: Mapping[str, str] = {PRINTABLE: "without control characters"}
_JSON_KINDS: Sequence[tuple[Any, str]] = (
    (str, "a string"),
    (int | float, "a number"),
    (dict, "an object"),
    (list, "an array"),
)
_ACCEPTED: Mapping[type[inspect.Type], Any] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.FloatType: int | float,
    inspect.BoolType: bool,
    inspect.DictType: dict,
    inspect.StructType: dict,
    inspect.ListType: list,
}


def objection_to(value: Any, kind: inspect.Type) -> str | None:
    """The objection to a value, of which only the parts are judged elsewhere; None if there is none."""
    if isinstance(kind, inspect.AnyType):
        return None
    if isinstance(kind, inspect.LiteralType):
        words = [to_json(word) if isinstance(word, bool) else str(word) for word in kind.values]
        same = any(value is word or (value == word and type(value) is type(word)) for word in kind.values)
        return None if same else word_objection(value, words)
    if not _is_accepted(value, kind):
        return f"must be {names_of(kind)}, not {_named(value, kind)}"
    size = len(value) if isinstance(value, str | list | dict) else None
    if size is not None and not _within_size(size, kind):
        return f"must be {names_of(kind)}; this one has {size}"
    pattern = kind.pattern if isinstance(kind, inspect.StrType) else None
    if pattern is not None and re.search(pattern, value) is None:
        return f"must be {names_of(kind)} {_PATTERNS.get(pattern, f'that matches {pattern}')}"
    return None if _in_range(value, kind) else f"must be {names_of(kind)}{but_not(value)}"


def word_objection(value: Any, words: Sequence[str]) -> str | None:
    """The objection to a word that is none of these."""
    if value in words:
        return None
    if not isinstance(value, str):
        return f"must be {_one_of(words)}, not {_named(value, kind=None)}"
    return f"must be {_one_of(words)}{but_not(value)}{did_you_mean(value, words)}"


def names_of(kind: inspect.Type) -> str:
    """The words for what is allowed: "a whole number from 1 to 200"."""
    match kind:
        case inspect.Metadata():
            words = (kind.extra_json_schema or {}).get("enum")
            return _one_of(words) if words else names_of(kind.type)
        case inspect.UnionType():
            return names_of(next(part for part in kind.types if not isinstance(part, inspect.NoneType)))
        case inspect.LiteralType():
            return _one_of([to_json(word) if isinstance(word, bool) else str(word) for word in kind.values])
        case inspect.StrType():
            return f"a string {_sizes(kind, 'characters')}".rstrip()
        case inspect.IntType():
            return f"a whole number{_range(kind)}"
        case inspect.FloatType():
            return f"a number{_range(kind)}"
        case inspect.ListType():
            return f"an array {_sizes(kind, 'items')}".rstrip()
        case inspect.DictType() | inspect.StructType():
            return f"an object {_sizes(kind, 'fields')}".rstrip()
    return "true or false" if isinstance(kind, inspect.BoolType) else "a value"


def shown_value(value: Any) -> str | None:
    """The value as JSON, if it is short and no URL, which may hold a password; None otherwise."""
    if isinstance(value, str) and (len(value) > MAX_SHOWN or "://" in value or "@" in value):
        return None
    text = to_json(value)
    return text if len(text) <= MAX_SHOWN + 2 else None


def but_not(value: Any) -> str:
    """The end of a sentence about a wrong value; empty if the value is not shown."""
    shown = shown_value(value)
    return f", not {shown}" if shown else ""


def clipped(name: str) -> str:
    """A name that somebody made up, no longer than an error has room for."""
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"


def _one_of(words: Sequence[str]) -> str:
    return f"one of {', '.join(map(str, words))}" if len(words) > 1 else str(words[0])


def _is_accepted(value: Any, kind: inspect.Type) -> bool:
    accepted = _ACCEPTED[type(kind)]
    return isinstance(value, accepted) and (accepted is bool or not isinstance(value, bool))


def _named(value: Any, kind: inspect.Type | None) -> str:
    """A value of another kind than is allowed: its own kind, or itself where that says more.

    A text is shown in the place of a word or a number only: elsewhere it may be what somebody wrote, such as a prompt.
    """
    exact = kind is None or isinstance(kind, inspect.IntType | inspect.FloatType | inspect.BoolType)
    says_more = value is None or isinstance(value, bool) or (exact and not isinstance(value, dict | list))
    shown = shown_value(value) if says_more else None
    return shown or next(name for json_kind, name in _JSON_KINDS if isinstance(value, json_kind))


def _within_size(size: int, kind: Any) -> bool:
    least, most = getattr(kind, "min_length", None), getattr(kind, "max_length", None)
    return (least is None or size >= least) and (most is None or size <= most)


def _sizes(kind: Any, what: str) -> str:
    least, most = getattr(kind, "min_length", None), getattr(kind, "max_length", None)
    if least is not None and most is not None:
        return f"of {least} to {most} {what}"
    if least is not None:
        return f"of at least {least} {what}"
    return f"of at most {most} {what}" if most is not None else ""


def _in_range(value: Any, kind: Any) -> bool:
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        return True
    return (
        (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
    )


def _range(kind: Any) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge:g} to {kind.le:g}"
    bounds = {" of at least": kind.ge, " greater than": kind.gt, " of at most": kind.le, " less than": kind.lt}
    return "".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None)
