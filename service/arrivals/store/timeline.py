"""The history of one generation, page by page: first the places of its entries, then the rows of that page."""

from collections.abc import Sequence
from dataclasses import dataclass

from arrivals.core.wire import to_json
from arrivals.store.engine.base import Row, Tx
from arrivals.store.engine.pages import Page, fitting, of_rows
from arrivals.store.engine.queries import load

SQL = load("timeline")

# Causes before effects, for what happened at the same microsecond; the query has the numbers.
KINDS = ("webhook", "observation", "event", "delivery", "attempt", "poll", "submission", "cancellation")
CALLS = KINDS[5:]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The place of an entry: its moment, its kind, its place among its kind at that moment, its id.

    An attempt has the id of its delivery, and its number for a place.
    """

    at: int = -1
    kind: int = 0
    number: int = 0
    id: str = ""


async def places(tx: Tx, generation_id: str, behind: Place, limit: int) -> Page[Place]:
    """The next entries after a place, in order, as many as fit on a page."""
    measured = await tx.fetch(
        SQL["places"],
        generation_id=generation_id,
        at=behind.at, kind=behind.kind, number=behind.number, id=behind.id, limit=limit + 1,
    )  # fmt: skip
    return of_rows(fitting(measured, limit), lambda row: Place(row["at"], row["kind"], row["number"], row["id"]))


async def observations_at(tx: Tx, page: Sequence[Place]) -> list[Row]:
    """The observations at these places."""
    return await tx.fetch(SQL["observations"], ids=_ids(page, "observation"))


async def calls_at(tx: Tx, page: Sequence[Place]) -> list[Row]:
    """Our calls at these places, with the beginning of the answers."""
    ids = sorted({place.id for place in page if KINDS[place.kind] in CALLS})
    return await tx.fetch(SQL["calls"], ids=to_json(ids))


async def events_at(tx: Tx, page: Sequence[Place]) -> list[Row]:
    """The events at these places, without their bodies."""
    return await tx.fetch(SQL["events"], ids=_ids(page, "event"))


async def deliveries_at(tx: Tx, page: Sequence[Place]) -> list[Row]:
    """The deliveries at these places."""
    return await tx.fetch(SQL["deliveries"], ids=_ids(page, "delivery"))


async def attempts_at(tx: Tx, page: Sequence[Place]) -> list[Row]:
    """The attempts at these places, and others of the same deliveries between them."""
    numbers = [place.number for place in page if place.kind == KINDS.index("attempt")] or [0]
    return await tx.fetch(SQL["attempts"], ids=_ids(page, "attempt"), first=min(numbers), last=max(numbers))


def _ids(page: Sequence[Place], kind: str) -> str:
    return to_json(sorted({place.id for place in page if place.kind == KINDS.index(kind)}))
