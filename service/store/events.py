"""Events ↔ rows. Their position is the cursor of every list and stream: it never skips one that commits late."""

from collections.abc import Sequence

from service.core.event import Event, EventType
from service.core.wire import Micros
from service.store.base import Row, Tx, one
from service.store.sql import load

SQL = load("events")


async def append(tx: Tx, events: Sequence[Event]) -> dict[str, int]:
    """Write events in order; their positions by event id."""
    if not events:
        return {}
    last = (await one(tx, SQL["take_positions"], count=len(events)))["counted"]
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
    return _from_row(await one(tx, SQL["event_by_id"], id=event_id))


async def after(
    tx: Tx, position: int, limit: int, event_type: str | None = None, generation_id: str | None = None
) -> list[tuple[int, Event]]:
    """The events behind a position, oldest first, each with its own."""
    rows = await tx.fetch(SQL["list_events"], after=position, limit=limit, type=event_type, generation_id=generation_id)
    return [(row["position"], _from_row(row)) for row in rows]


async def events_of(tx: Tx, generation_id: str) -> list[Event]:
    """A generation's events in order."""
    return [_from_row(row) for row in await tx.fetch(SQL["events_of"], generation_id=generation_id)]


def _from_row(row: Row) -> Event:
    at: Micros = row["at"]
    return Event(id=row["id"], type=EventType(row["type"]), generation_id=row["generation_id"], at=at, body=row["body"])
