"""Objections of our schemas' types beyond what the decoder checks, in the `extra` of a `Meta`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from msgspec import Meta

from arrivals.core.cursor import read_cursor
from arrivals.core.ids import is_id, pattern_of
from arrivals.core.wire import read_rfc3339
from arrivals.flow.admin.timeline import read_place
from arrivals.web.allowed import but_not, word_objection

Objection: TypeAlias = Callable[[Any], str | None]
OBJECTION = "objection"
OF_A_PAGE = "must be the `next` of an earlier page"
OF_THE_EVENTS = "must be 0, the `next` of an earlier page, or the id of a message in a stream"


def readable(read: Callable[[str], Any], otherwise: str) -> dict[str, Any]:
    """The objection to a text of which `read` makes nothing."""

    def objection(text: str) -> str | None:
        try:
            read(text)
        except ValueError:
            return otherwise + but_not(text)
        return None

    return {OBJECTION: objection}


def enum(words: Iterable[str]) -> Meta:
    """The words that are accepted."""
    accepted = [*words]
    return Meta(extra_json_schema={"enum": accepted}, extra={OBJECTION: partial(word_objection, words=accepted)})


def before(prefix: str) -> Meta:
    """The cursor of a list of the things whose ids begin so, newest first."""

    def objection(text: str) -> str | None:
        return None if is_id(text, prefix) else f"{OF_A_PAGE}, {prefix}_…{but_not(text)}"

    return Meta(
        description="the `next` of an earlier page",
        extra_json_schema={"pattern": pattern_of(prefix)},
        extra={OBJECTION: objection},
    )


A_MOMENT = readable(read_rfc3339, "must be a moment between 1970 and 9999, such as 2026-11-20T12:00:00Z")
A_POSITION = readable(read_cursor, OF_THE_EVENTS)
AN_ENTRY = readable(read_place, OF_A_PAGE)
