"""Tolerance: the rules by which every message of a provider is read, with their reasons in the README.

Words mean the same in any case and spacing; bytes that are almost JSON are read once more, leniently;
a file is any body that is neither empty nor an error. No reader is more or less tolerant than this.
"""

import codecs
from collections.abc import Mapping
import json
import re
from typing import Any, TypeVar

from arrivals.core.generation import Status
from arrivals.core.http import HttpReply
from arrivals.core.media import UNKNOWN, media_of, media_type
from arrivals.core.wire import from_json

T = TypeVar("T")

LENIENTLY = "read leniently: it is no JSON as it stands"
_BETWEEN = re.compile(r"[\s_.-]+")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml|error)", re.IGNORECASE)
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def folded(word: str) -> str:
    """A word without its case and spacing: `IN_PROGRESS`, `in-progress`, ` In Progress` and `in_progress` are one."""
    return _BETWEEN.sub("", word).casefold()


def vocabulary(table: Mapping[str, T]) -> Mapping[str, T]:
    """A provider's words, to be looked up as `folded`."""
    return {folded(word): meaning for word, meaning in table.items()}


# The meaning of common words where a provider's own table does not say otherwise. A closed set: any other word is kept
# and shown, and the provider is asked again.
SYNONYMS: Mapping[str, Status] = vocabulary(
    {
        **dict.fromkeys(
            ("created", "accepted", "submitted", "queued", "pending", "waiting", "scheduled"), Status.SUBMITTED
        ),
        **dict.fromkeys(("in_queue", "queueing", "not_started", "received"), Status.SUBMITTED),
        **dict.fromkeys(("starting", "started", "running", "processing", "in_progress"), Status.PROCESSING),
        **dict.fromkeys(("generating", "working", "rendering"), Status.PROCESSING),
        **dict.fromkeys(("completed", "complete", "succeeded", "succeed", "success"), Status.COMPLETED),
        **dict.fromkeys(("successful", "done", "finished"), Status.COMPLETED),
        **dict.fromkeys(("failed", "fail", "failure", "error", "errored"), Status.FAILED),
        **dict.fromkeys(("timeout", "timed_out", "rejected"), Status.FAILED),
        **dict.fromkeys(("canceled", "cancelled", "aborted"), Status.CANCELED),
    }
)


def meaning(word: str | None, table: Mapping[str, Status]) -> Status | None:
    """The status that a word means: by the provider's own table, else by `SYNONYMS`; None for an unknown word."""
    if word is None:
        return None
    key = folded(word)
    return table[key] if key in table else SYNONYMS.get(key)


def code_in(text: Any, codes: Mapping[str, Any]) -> str | None:
    """A code that stands where a sentence may: one word, which the vocabulary knows."""
    word = text.strip() if isinstance(text, str) else ""
    return word if len(word.split()) == 1 and folded(word) in codes else None


def mended(body: bytes) -> bytes | None:
    """The JSON that a body means which is none as it stands; None where it is JSON already, or no reading makes it so.

    Bytes that are no UTF-8, and halves of characters, become U+FFFD; a byte order mark is left out; control characters
    in strings stand for themselves; NaN and Infinity, which JSON has no words for, are null.
    """
    if not _looks_like_json(body):
        return None
    try:
        from_json(body)
    except ValueError:
        pass
    else:
        return None
    try:
        text = body.decode(json.detect_encoding(body), errors="replace").strip("\ufeff\x00 \t\r\n")
        value = json.loads(text, strict=False, parse_constant=_nothing)
        return _LONE_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)).encode()
    except (ValueError, RecursionError):
        return None


def _nothing(_word: str) -> None:
    """The value of NaN and Infinity: null."""


def _looks_like_json(body: bytes) -> bool:
    return body.startswith(_MARKS) or body[:64].lstrip()[:1] in (b"{", b"[") or body[1:2] == b"\x00"


def message_in(body: bytes) -> Any:
    """The JSON value of a body, leniently; None where it is none."""
    try:
        return from_json(mended(body) or body)
    except ValueError:
        return None


def file_in(reply: HttpReply) -> str | None:
    """The media type of the file that an answer is; None where it is none.

    Anything that is there is the file, whatever its headers call it, unless it is JSON or a page: some hand out videos
    as `binary/octet-stream`. Nothing is no file.
    """
    if not reply.ok or not reply.body:
        return None
    media = media_of(reply.body)
    if media is not None:
        return media
    content_type = media_type(reply.headers.get("content-type", "").partition(";")[0].strip()) or UNKNOWN
    is_text = content_type.lower().endswith("json") or content_type.lower() == "text/html"
    return (
        None
        if is_text or _MARKUP.match(reply.body) or isinstance(message_in(reply.body), dict | list)
        else content_type
    )
