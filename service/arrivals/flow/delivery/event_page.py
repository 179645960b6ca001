"""A page of events as a value, and the place in the list that it begins at."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from arrivals.core.cursor import Cursor
from arrivals.core.event import Event
from arrivals.store.events import EventFilter, EventSlice


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands, what it wants, and how much of it at once."""

    cursor: Cursor
    wanted: EventFilter
    limit: int


class EventPage:
    """The events behind a place. `cursor` is where to go on; `more`: there may be more already."""

    def __init__(self, read: EventSlice) -> None:
        self.events: Sequence[tuple[int, Event]] = read.events
        self.cursor, self.more = read.newest.at(read.position), read.more

    @cached_property
    def stream(self) -> bytes:
        """As a stream of server-sent events tells it, made once for all who share it."""
        epoch = self.cursor.epoch
        return "".join(
            f"id: {epoch}-{at}\nevent: {event.type}\ndata: {event.body}\n\n" for at, event in self.events
        ).encode()

    @property
    def data(self) -> list[msgspec.Raw]:
        """As a list tells it."""
        return [msgspec.Raw(event.body.encode()) for _, event in self.events]
