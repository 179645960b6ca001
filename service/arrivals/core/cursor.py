"""A cursor: a place in the list of events, and the epoch that it belongs to.

A database that was restored from a backup announces other events at places that it had given out before, so it begins a
new epoch; cursors of the old one are refused instead of skipping events in silence.
"""

from dataclasses import dataclass
import re

PATTERN = r"^(0|[0-9a-f]{8}-[0-9]{1,18})$"
_CURSOR = re.compile(r"(?:([0-9a-f]{8})-)?([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place behind the event at `position`; `epoch` None: of no epoch, which only the beginning may be."""

    epoch: str | None
    position: int

    def __str__(self) -> str:
        return f"{self.position}" if self.epoch is None else f"{self.epoch}-{self.position}"

    def at(self, position: int) -> "Cursor":
        """Another place in the same epoch."""
        return Cursor(self.epoch, position)


BEGINNING = Cursor(None, 0)


class UnknownCursor(Exception):
    """The cursor is not of this list of events; the message says why, and how to go on."""


def read_cursor(text: str) -> Cursor:
    """The cursor that this text stands for. Raises ValueError."""
    parts = _CURSOR.fullmatch(text)
    if parts is None:
        raise ValueError(text)
    return Cursor(parts[1], int(parts[2]))


def check_cursor(cursor: Cursor, newest: Cursor) -> None:
    """Refuses a cursor that the list which ends with `newest` never gave out. Raises UnknownCursor."""
    if cursor == BEGINNING:
        return
    again = "begin again with after=0 and skip the events whose ids you have, or continue from now on without a cursor"
    if cursor.epoch is None:
        raise UnknownCursor(f"{cursor} names no epoch, as every cursor but 0 does; {again}")
    if cursor.epoch != newest.epoch:
        raise UnknownCursor(
            f"{cursor} is of another epoch than {newest.epoch}: the database was restored from a backup; {again}"
        )
    if cursor.position > newest.position:
        raise UnknownCursor(f"{cursor} lies beyond the newest event, {newest}; {again}")
