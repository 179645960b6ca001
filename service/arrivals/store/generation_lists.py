"""Lists of generations, newest first, each found by an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

from arrivals.core.generation import Generation, Status
from arrivals.core.wire import Micros, to_json
from arrivals.store.engine.base import Tx
from arrivals.store.engine.pages import Loading, Page, of_rows
from arrivals.store.generations import LAST, NEVER, SQL, from_row

LIST = Loading(measure=SQL["list_generations"], load=SQL["generations_listed"])
BY_METADATA = Loading(measure=SQL["list_generations_by_metadata"], load=SQL["generations_listed"])
PLACES = ("first", "second", "third")  # of keys of metadata in the query
UNDER_WAY = (Status.PENDING, Status.SUBMITTING, Status.SUBMITTED, Status.PROCESSING)
MAX_ON_SCREEN = 250  # of each status that is under way, and twice as many that closed
NOT_QUERIED = frozenset({"statuses", "metadata", "limit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationQuery:
    """A selection of generations; None, and nothing, is any. Newest first, from before the id `before`.

    `metadata`: up to three keys and their values as text. `not_before` is an id too: ids sort by their moment, so it
    bounds the rows that `since` has to examine.
    """

    statuses: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    external_id: str | None = None
    api_key: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    since: Micros = 0
    until: Micros = NEVER
    before: str = LAST
    not_before: str = ""
    limit: int = 50


async def listed(tx: Tx, listing: GenerationQuery) -> Page[Generation]:
    """One page, newest first. Several statuses are several queries, because an index is in the order of one alone."""
    values: dict[str, Any] = {
        name: getattr(listing, name) for name in GenerationQuery.__slots__ if name not in NOT_QUERIED
    }
    loading = LIST
    if listing.metadata:
        loading = BY_METADATA
        pairs = [*listing.metadata.items(), *[(None, None)] * len(PLACES)]
        for place, (key, value) in zip(PLACES, pairs, strict=False):
            values |= {f"{place}_key": key, f"{place}_value": value}
    measured = [
        await tx.fetch(loading.measure, limit=listing.limit + 1, status=status, **values)
        for status in listing.statuses or (None,)
    ]
    newest = sorted(chain.from_iterable(measured), key=itemgetter("id"), reverse=True)[: listing.limit + 1]
    return of_rows(await loading.load_page(tx, listing.limit, newest), lambda row: from_row(row).generation)


async def versions_on_screen(tx: Tx, closed_since: Micros) -> dict[str, int]:
    """The ids and versions of the newest that are under way and of those that closed since then."""
    rows = await tx.fetch(SQL["versions_of_closed"], closed_since=closed_since, limit=2 * MAX_ON_SCREEN)
    for status in UNDER_WAY:
        rows = [*rows, *await tx.fetch(SQL["versions_of_status"], status=status, limit=MAX_ON_SCREEN)]
    return {row["id"]: row["version"] for row in rows}


async def versions_of(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """The versions of those of these that exist, by id."""
    return {
        row["id"]: row["version"] for row in await tx.fetch(SQL["versions_of_generations"], keys=to_json(list(ids)))
    }


async def loaded(tx: Tx, ids: Sequence[str]) -> list[Generation]:
    """Those of these generations that exist, in any order."""
    return [from_row(row).generation for row in await tx.fetch(SQL["generations_listed"], keys=to_json(list(ids)))]
