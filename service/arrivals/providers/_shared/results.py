"""Outputs in whatever shape an answer holds them: places, data URIs, bare base64, words."""

from collections.abc import Iterator
from functools import lru_cache
import re
from typing import Any

from msgspec.structs import replace

from arrivals.core.generation import Output, in_words
from arrivals.core.media import is_inline, media_of, media_type, read_base64
from arrivals.core.wire import to_json
from arrivals.providers._shared.json_fields import OWN_KINDS, outputs

DEEPEST = 16  # levels of nesting looked into

# https://docs.aihubmix.com/en/api/Image-Gen (its answers are not shown there; these names are OpenAI's and Google's)
BASE64_FIELDS = frozenset({"b64_json", "bytesBase64", "bytesBase64Encoded"})
# What shows a part of the work, or stands for it in a list, and is no output where it stands alone.
_ASIDE = re.compile(
    r"(?:thumb(?:nail)?|preview|poster|cover|(?:last|first|end|start)_?frame|frame)s?(?:_?(?:url|uri|image)s?)?",
    re.IGNORECASE,
)
SHORTEST_BASE64 = 64
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]+\Z")


@lru_cache(maxsize=1024)  # answers have few names
def is_aside(name: str) -> bool:
    """True where a field of this name, or an item of this type, is no output by itself."""
    return _ASIDE.fullmatch(name) is not None


def results(value: Any, base_url: str, kind: str | None = None) -> tuple[Output, ...]:
    """Every output anywhere in a value, in order, each once; none where all there is are previews."""
    return _without_previews([*_found(value, base_url, kind, aside=False, depth=0)])


def results_or_words(value: Any, base_url: str) -> tuple[Output, ...]:
    """The same; and where there is no place and no file in a value that says something, the value itself as text."""
    found = [*_found(value, base_url, None, aside=False, depth=0)]
    if found or not _says_something(value, 0):
        return _without_previews(found)
    if isinstance(value, str):
        return (in_words(value),)
    return (in_words(to_json(value), "application/json"),)


def _without_previews(found: list[tuple[bool, Output]]) -> tuple[Output, ...]:
    if len(found) == 1:
        return () if found[0][0] else (found[0][1],)
    return () if all(aside for aside, _ in found) else tuple({output.url: output for _, output in found}.values())


def typed_outputs(items: Any, base_url: str) -> tuple[Output, ...]:
    """Items of `{"type", "url", "content_type"}`; `type` names the kind, or what is no output by itself."""
    found: list[tuple[bool, Output]] = []
    for item in items if isinstance(items, list) else [items]:
        record = item if isinstance(item, dict) else {"url": item}
        word = str(record.get("type")).strip().lower()
        media = record.get("content_type")
        for output in results(record.get("url"), base_url) or outputs([_relative(record.get("url"))], base_url):
            kind = word.removesuffix("_url") if word.removesuffix("_url") in OWN_KINDS else output.kind
            told = media_type(media.strip()) if isinstance(media, str) else None
            found.append((is_aside(word), replace(output, kind=kind, content_type=told or output.content_type)))
    return _without_previews(found)


def _relative(url: Any) -> str | None:
    """A place on the provider's own origin."""
    return url.strip() if isinstance(url, str) and url.strip().startswith("/") else None


def inline(content: str) -> tuple[Output, ...]:
    """An output that came as base64, bare or as a data URI; what is not base64 is none."""
    if is_inline(content.strip()):
        return _data_uri(content.strip(), None)
    decoded = read_base64(content.encode(errors="replace"))
    if not decoded:
        return ()
    media = media_of(decoded) or "application/octet-stream"
    return (Output(kind=_kind_of(media), url=f"data:{media};base64,{content.strip()}", content_type=media),)


def _found(value: Any, base_url: str, kind: str | None, *, aside: bool, depth: int) -> Iterator[tuple[bool, Output]]:
    """Each output, with whether it stands under the name of what is none by itself."""
    if isinstance(value, str):
        for output in _in_text(value, base_url, kind):
            yield aside, output
    elif depth == DEEPEST:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _found(item, base_url, kind, aside=aside, depth=depth + 1)
    elif isinstance(value, dict):
        has_place = isinstance(value.get("url"), str) and bool(value["url"].strip())
        for name, item in value.items():
            if name in BASE64_FIELDS and isinstance(item, str):
                if not has_place:  # what comes in both ways counts once
                    yield from ((aside, output) for output in inline(item))
            else:
                yield from _found(item, base_url, kind, aside=aside or is_aside(name), depth=depth + 1)


def _in_text(text: str, base_url: str, kind: str | None) -> Iterator[Output]:
    said = text.strip()
    if is_inline(said):
        yield from _data_uri(said, kind)
    elif said[:8].lower().startswith(("https://", "http://")) and len(said.split(None, 1)) == 1:
        yield from outputs([said], base_url, kind)
    elif len(said) >= SHORTEST_BASE64 and _BASE64.match(said):
        decoded = read_base64(said[:SHORTEST_BASE64].encode())
        if decoded and media_of(decoded):
            yield from inline(said)


def _data_uri(url: str, kind: str | None) -> tuple[Output, ...]:
    media = url[len("data:") :].partition(",")[0].partition(";")[0].strip().lower()
    return (Output(kind=kind or _kind_of(media or "text/plain"), url=url, content_type=media or None),)


def _kind_of(media: str) -> str:
    kind = media.partition("/")[0]
    return kind if kind in OWN_KINDS else "file"


def _says_something(value: Any, depth: int) -> bool:
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return depth < DEEPEST and any(_says_something(item, depth + 1) for item in items)
    return bool(value.strip()) if isinstance(value, str) else value is not None
