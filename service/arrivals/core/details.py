"""Details: the provider's own object beside our words, as it wrote it, cut down to a size that is kept.

Left out are what our own fields say already, the order's own words, files, and whatever is too long or too deep.
"""

from collections.abc import Collection, Mapping
import math
import re
from typing import Any

from arrivals.core.wire import to_json

MAX_BYTES = 8 * 1024  # of JSON: it is listed, announced and delivered with its generation
MAX_TEXT_CHARACTERS = 1000
MAX_NAME_CHARACTERS = 100
MAX_ITEMS = 50
MAX_DEPTH = 8
MAX_INTEGER = 2**63 - 1
# What an answer repeats of the order; the caller wrote it.
ORDERED = frozenset({"input", "inputs", "prompt", "negative_prompt", "messages"})
OPENED = ("error", "details")  # whose parts stand beside the others, where the names are free
_FILE = re.compile(r"data:[^,]{0,512},|[A-Za-z0-9+/_=-]{256}", re.IGNORECASE)

_NOTHING = object()


def details_of(source: Any, known_texts: Collection[str | None]) -> dict[str, Any] | None:
    """The parts of an object that add to the known texts; None where none does."""
    kept = _reduced(source, frozenset(known_texts), 0)
    if not isinstance(kept, dict):
        return None
    for name in OPENED:
        inner = kept.get(name)
        if isinstance(inner, dict) and not (inner.keys() - {name}) & kept.keys():
            kept = {**{other: value for other, value in kept.items() if other != name}, **inner}
    return _first_that_fit(kept)


def merge_details(under: Mapping[str, Any] | None, over: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The details of two answers as one; `over` takes precedence, and the bound of one holds for both."""
    if not under or not over or under == over:
        return over or under
    return _first_that_fit({**over, **{name: value for name, value in under.items() if name not in over}})


def _first_that_fit(kept: dict[str, Any]) -> dict[str, Any] | None:
    """The first parts that fit together, in their order."""
    fitting: dict[str, Any] = {}
    left = MAX_BYTES - len("{}")
    for name, value in kept.items():
        size = len(to_json({name: value}).encode()) - 1  # a comma for its brackets
        if size <= left and len(fitting) < MAX_ITEMS:
            fitting[name] = value
            left -= size
    return fitting or None


def _reduced(value: Any, known_texts: frozenset[str | None], depth: int) -> Any:
    if isinstance(value, str):
        return _text(value, known_texts)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_INTEGER else _NOTHING
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth == MAX_DEPTH:
        return _NOTHING
    if isinstance(value, dict):
        return _object(value, known_texts, depth)
    if isinstance(value, list):
        items = (_reduced(item, known_texts, depth + 1) for item in value[:MAX_ITEMS])
        return [item for item in items if item is not _NOTHING] or _NOTHING
    return _NOTHING


def _object(value: Mapping[str, Any], known_texts: frozenset[str | None], depth: int) -> Any:
    kept: dict[str, Any] = {}
    for name, part in value.items():
        if len(kept) == MAX_ITEMS:
            break
        inner = _NOTHING if name in ORDERED else _reduced(part, known_texts, depth + 1)
        if inner is not _NOTHING:
            kept[name[:MAX_NAME_CHARACTERS]] = inner
    return kept or _NOTHING


def _text(value: str, known_texts: frozenset[str | None]) -> Any:
    text = value.strip()
    if not text or text in known_texts or _FILE.match(text):
        return _NOTHING
    return text if len(text) <= MAX_TEXT_CHARACTERS else f"{text[: MAX_TEXT_CHARACTERS - 1]}…"
