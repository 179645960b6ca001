"""Outputs in whatever shape an answer holds them: URLs, data URIs, bare base64, text."""

from collections.abc import Iterator
from functools import lru_cache
import re
from typing import Any

from msgspec.structs import replace

from arrivals.core.generation import Output, text_output
from arrivals.core.media import is_inline, media_of, media_type, read_base64
from arrivals.core.wire import to_json
from arrivals.providers._shared.json_fields import OWN_KINDS, outputs

DEEPEST = 16  # levels of nesting looked into

# https://docs.aihubmix.com/en/api/Image-Gen (its answers are not shown there; these names are OpenAI's and Google's)
BASE64_FIELDS = frozenset({"b64_json", "bytesBase64", "bytesBase64Encoded"})
# Fields that show a part of the work, or stand for it in a list, and are no output where they stand alone.
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
    """Every output anywhere in a value, in order, each once; none where there are only previews."""
    return _without_previews([*_search(value, base_url, kind, aside=False, depth=0)])


def results_or_words(value: Any, base_url: str) -> tuple[Output, ...]:
    """Every output in a value; the value itself as text where it holds neither a URL nor a file."""
    candidates = [*_search(value, base_url, None, aside=False, depth=0)]
    if candidates or not _says_something(value, 0):
        return _without_previews(candidates)
    if isinstance(value, str):
        return (text_output(value),)
    return (text_output(to_json(value), "application/json"),)


def _without_previews(candidates: list[tuple[bool, Output]]) -> tuple[Output, ...]:
    if len(candidates) == 1:
        return () if candidates[0][0] else (candidates[0][1],)
    if all(aside for aside, _ in candidates):
        return ()
    return tuple({output.url: output for _, output in candidates}.values())


def typed_outputs(items: Any, base_url: str) -> tuple[Output, ...]:
    """Items of `{"type", "url", "content_type"}`; `type` names the kind, or what is no output by itself."""
    candidates: list[tuple[bool, Output]] = []
    for item in items if isinstance(items, list) else [items]:
        fields = item if isinstance(item, dict) else {"url": item}
        type_name = str(fields.get("type")).strip().lower()
        media_name = fields.get("content_type")
        for output in results(fields.get("url"), base_url) or outputs([_relative(fields.get("url"))], base_url):
            kind = type_name.removesuffix("_url") if type_name.removesuffix("_url") in OWN_KINDS else output.kind
            content_type = media_type(media_name.strip()) if isinstance(media_name, str) else None
            candidates.append(
                (is_aside(type_name), replace(output, kind=kind, content_type=content_type or output.content_type))
            )
    return _without_previews(candidates)


def _relative(url: Any) -> str | None:
    """A path on the provider's own origin."""
    return url.strip() if isinstance(url, str) and url.strip().startswith("/") else None


def inline(content: str) -> tuple[Output, ...]:
    """The output that came as base64, bare or as a data URI; none where it is not base64."""
    if is_inline(content.strip()):
        return _data_uri(content.strip(), None)
    decoded = read_base64(content.encode(errors="replace"))
    if not decoded:
        return ()
    media = media_of(decoded) or "application/octet-stream"
    return (Output(kind=_kind_of(media), url=f"data:{media};base64,{content.strip()}", content_type=media),)


def _search(value: Any, base_url: str, kind: str | None, *, aside: bool, depth: int) -> Iterator[tuple[bool, Output]]:
    """Each output, and True beside it where its field's name says that it is none by itself."""
    if isinstance(value, str):
        for output in _in_text(value, base_url, kind):
            yield aside, output
    elif depth == DEEPEST:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _search(item, base_url, kind, aside=aside, depth=depth + 1)
    elif isinstance(value, dict):
        has_place = isinstance(value.get("url"), str) and bool(value["url"].strip())
        for name, item in value.items():
            if name in BASE64_FIELDS and isinstance(item, str):
                if not has_place:  # what comes in both ways counts once
                    yield from ((aside, output) for output in inline(item))
            else:
                yield from _search(item, base_url, kind, aside=aside or is_aside(name), depth=depth + 1)


def _in_text(text: str, base_url: str, kind: str | None) -> Iterator[Output]:
    content = text.strip()
    if is_inline(content):
        yield from _data_uri(content, kind)
    elif content[:8].lower().startswith(("https://", "http://")) and len(content.split(None, 1)) == 1:
        yield from outputs([content], base_url, kind)
    elif len(content) >= SHORTEST_BASE64 and _BASE64.match(content):
        decoded = read_base64(content[:SHORTEST_BASE64].encode())
        if decoded and media_of(decoded):
            yield from inline(content)


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
