"""Pages of lists, bounded in bytes as well as in rows: rows are measured before any of them is loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from arrivals.core.wire import to_json
from arrivals.store.engine.base import Row, Tx
from arrivals.store.engine.queries import Query

T = TypeVar("T")

PAGE_MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """The items of a page; `more`: there are others after the last."""

    items: Sequence[T]
    more: bool

    @classmethod
    def of(cls, items: Sequence[T], limit: int) -> "Page[T]":
        """A page of small items, of which one more than `limit` was queried."""
        return cls(items=items[:limit], more=len(items) > limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """Two statements of one list: `measure` selects keys and sizes in order, `load` the rows of some keys in any order.

    `measure` takes a `limit` besides its own values and returns `key` and `size`; `load` takes `keys`, as JSON.
    """

    measure: Query
    load: Query
    key: str = "id"

    async def page(self, tx: Tx, limit: int, values: Mapping[str, Any]) -> Page[Row]:
        """The rows that fit on a page: at most `limit`, bounded in total bytes, and at least one if there is any."""
        return await self.load_page(tx, limit, await tx.fetch(self.measure, limit=limit + 1, **values))

    async def load_page(self, tx: Tx, limit: int, measured_rows: Sequence[Row]) -> Page[Row]:
        """The same for rows that were measured, one more than `limit` if there are as many."""
        measured = fitting(measured_rows, limit)
        if not measured.items:
            return measured
        keys = [row[self.key] for row in measured.items]
        rows = {row[self.key]: row for row in await tx.fetch(self.load, keys=to_json(keys))}
        return Page(items=[rows[key] for key in keys if key in rows], more=measured.more)


def fitting(measured: Sequence[Row], limit: int, max_bytes: int = PAGE_MAX_BYTES) -> Page[Row]:
    """The first rows whose sizes together fit, at most `limit` of them; the first fits whatever its size."""
    total = 0
    for place, row in enumerate(measured):
        total += row["size"]
        if place == limit or (place and total > max_bytes):
            return Page(items=measured[:place], more=True)
    return Page(items=measured, more=False)


def of_rows(page: Page[Row], read: Callable[[Row], T]) -> Page[T]:
    """The same page, its rows read."""
    return Page(items=[read(row) for row in page.items], more=page.more)
