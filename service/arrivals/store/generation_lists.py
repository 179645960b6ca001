"""Lists of generations, newest first."""

from dataclasses import dataclass

from arrivals.core.generation import Generation
from arrivals.core.wire import Micros
from arrivals.store.engine.base import Tx
from arrivals.store.engine.pages import Loading, Page, of_rows
from arrivals.store.generations import LAST, NEVER, SQL, from_row

LIST = Loading(measure=SQL["list_generations"], load=SQL["generations_listed"])


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationQuery:
    """A selection of generations; None is any. Newest first, from before the id `before`.

    `not_before` is an id too: ids sort by their moment, so it bounds the rows that `since` has to examine.
    """

    status: str | None = None
    provider: str | None = None
    model: str | None = None
    since: Micros = 0
    until: Micros = NEVER
    before: str = LAST
    not_before: str = ""
    limit: int = 50


async def listed(tx: Tx, listing: GenerationQuery) -> Page[Generation]:
    """One page, newest first."""
    values = {name: getattr(listing, name) for name in GenerationQuery.__slots__ if name != "limit"}
    return of_rows(await LIST.page(tx, listing.limit, values), lambda row: from_row(row).generation)
