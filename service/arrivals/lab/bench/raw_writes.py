"""The ceiling of settling: the driver alone writes the same kinds of rows into the same database, as durably."""

import asyncio
from collections.abc import Iterable
from time import perf_counter

from arrivals.lab.bench.clone import renamed
from arrivals.lab.bench.database import Books, Row
from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.figures import Figures, in_ms

BATCH = 256  # webhooks in a transaction
WHAT = (
    "the driver alone: for each webhook a generation and the webhook are updated, an observation and an "
    f"event are inserted; {BATCH} webhooks in each transaction"
)


async def raw_writes(stage: Stage) -> Figures:
    """Settles every webhook there is once more, without deciding anything. The service must be down."""
    return await asyncio.to_thread(_written, stage)


def _written(stage: Stage) -> Figures:
    with stage.books() as books:
        generations, webhooks = books.all("generations"), books.all("webhooks")
        observation, event = books.all("observations")[-1], books.all("events")[-1]
        position = books.count("events")
        latencies: list[float] = []
        began = perf_counter()
        for first in range(0, len(webhooks), BATCH):
            sent_at = perf_counter()
            numbers = range(first, min(first + BATCH, len(webhooks)))
            _update(books, "generations", (generations[number] for number in numbers))
            _insert(books, "observations", observation, numbers, {})
            _insert(books, "events", event, numbers, {"position": position})
            _update(books, "webhooks", (webhooks[number] for number in numbers), only=("read_at", "finding"))
            books.set_event_position(position + numbers.stop)
            books.commit()
            latencies.append(perf_counter() - sent_at)
        took = perf_counter() - began
    return {"what": WHAT, "per_second": len(webhooks) / took, "p99_ms": in_ms(latencies)["p99_ms"]}


def _update(books: Books, table: str, rows: Iterable[Row], only: tuple[str, ...] = ()) -> None:
    listed = list(rows)
    columns = only or [column for column in listed[0] if column != "id"]
    books.many(books.update_text(table, columns), ([*(row[column] for column in columns), row["id"]] for row in listed))


def _insert(books: Books, table: str, row: Row, numbers: range, moved: dict[str, int]) -> None:
    """Inserts the same row again and again, each time under a new id."""
    columns = list(row)
    fresh = (
        row | {"id": _fresh(row["id"], number)} | {name: behind + number + 1 for name, behind in moved.items()}
        for number in numbers
    )
    books.many(books.insert_text(table, columns), ([fresh_row[column] for column in columns] for fresh_row in fresh))


def _fresh(name: str, number: int) -> str:
    """Returns an id that no copy of the same row has."""
    prefix, _, rest = renamed(name, number).partition("_")
    return f"{prefix}_raw{rest[3:]}"
