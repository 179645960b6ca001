"""Events ↔ rows. The position is the cursor of every list and stream: it never skips an event that commits late."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arrivals.core.cursor import Cursor
from arrivals.core.event import Event, EventType
from arrivals.core.wire import Micros
from arrivals.store.engine.base import Row, Tx, fetch_by_id, fetch_one
from arrivals.store.engine.pages import Loading
from arrivals.store.engine.queries import load
from arrivals.store.generations import NEVER

SQL = load("events")
LIST = Loading(measure=SQL["list_events"], load=SQL["events_listed"], key="position")
NEWEST = Loading(measure=SQL["list_newest_events"], load=SQL["events_listed"], key="position")
MAX_SEARCHED = 5000  # events that one query examines, because others may wait for it


async def append(tx: Tx, events: Sequence[Event]) -> dict[str, int]:
    """Writes events in order. Returns their positions by event id."""
    if not events:
        return {}
    last = (await fetch_one(tx, SQL["take_positions"], count=len(events)))["value"]
    positions = {event.id: last - len(events) + 1 + index for index, event in enumerate(events)}
    await tx.run_many(
        SQL["insert_event"],
        [
            {
                "id": event.id,
                "position": positions[event.id],
                "type": event.type,
                "generation_id": event.generation_id,
                "at": event.at,
                "body": event.body,
            }
            for event in events
        ],
    )
    return positions


async def by_id(tx: Tx, event_id: str) -> Event:
    """One event. Raises Missing."""
    return _from_row(await fetch_by_id(tx, "event", SQL["event_by_id"], event_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """A selection of events; None is any. `type` may be a family, `generation.*`."""

    type: str | None = None
    generation: str | None = None
    provider: str | None = None
    model: str | None = None
    since: Micros = 0
    until: Micros = NEVER

    def values(self) -> dict[str, Any]:
        """The values of the queries: a type, or the prefix of a family of types."""
        family = self.type.removesuffix("*") if self.type and self.type.endswith("*") else None
        return {
            "type": self.type if family is None else None,
            "family": family,
            "generation_id": self.generation,
            "provider": self.provider,
            "model": self.model,
            "since": self.since,
            "until": self.until,
        }


ANY = EventFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSlice:
    """The events after a position, each with its own, and the position up to which they were searched.

    `more`: after that there are others that were not searched. `newest`: the cursor behind all of them.
    """

    events: Sequence[tuple[int, Event]]
    position: int
    more: bool
    newest: Cursor


async def page_after(tx: Tx, position: int, limit: int, wanted: EventFilter = ANY) -> EventSlice:
    """The events after a position, oldest first.

    One search is bounded, also in the events that do not match: a reader of rare events continues from `position`.
    """
    newest = await newest_cursor(tx)
    through = min(newest.position, position + MAX_SEARCHED)
    page = await LIST.page(tx, limit, {"after": position, "through": through, **wanted.values()})
    reached = page.items[-1]["position"] if page.more else max(position, through)
    return EventSlice(
        events=[(row["position"], _from_row(row)) for row in page.items],
        position=reached,
        more=page.more or through < newest.position,
        newest=newest,
    )


async def page_before(tx: Tx, after: int, through: int, limit: int, wanted: EventFilter = ANY) -> EventSlice:
    """The newest events between two positions, oldest first. `more`: too few, and there are others up to `position`."""
    newest = await newest_cursor(tx)
    through = min(newest.position, through)
    begin = after if wanted.generation else max(after, through - MAX_SEARCHED)  # those of a generation are few
    page = await NEWEST.page(tx, limit, {"after": begin, "through": through, **wanted.values()})
    return EventSlice(
        events=[(row["position"], _from_row(row)) for row in reversed(page.items)],
        position=begin,
        more=begin > after and not page.more,
        newest=newest,
    )


async def count(tx: Tx, wanted: EventFilter) -> int:
    """The number of matching events."""
    counted: int = (await fetch_one(tx, SQL["count_events"], **wanted.values()))["counted"]
    return counted


async def newest_cursor(tx: Tx) -> Cursor:
    """The cursor behind the newest event; events announced from now on come after it."""
    return Cursor(**await fetch_one(tx, SQL["newest_cursor"]))


async def begin_epoch(tx: Tx, epoch: str, now: Micros) -> None:
    """Begins a new epoch: cursors of the one before are refused from now on."""
    await tx.fetch(SQL["begin_epoch"], epoch=epoch, now=now)


async def position_of(tx: Tx, event_id: str) -> int:
    """The position of an event. Raises Missing."""
    position: int = (await fetch_by_id(tx, "event", SQL["position_of"], event_id))["position"]
    return position


async def events_of(tx: Tx, generation_id: str) -> list[Event]:
    """A generation's events, in order."""
    return [_from_row(row) for row in await tx.fetch(SQL["events_of"], generation_id=generation_id)]


def _from_row(row: Row) -> Event:
    at: Micros = row["at"]
    return Event(id=row["id"], type=EventType(row["type"]), generation_id=row["generation_id"], at=at, body=row["body"])
