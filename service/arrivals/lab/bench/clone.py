"""Makes many generations from one: copies every row about it under new names, whatever its table and columns are.

One generation is made by the service itself, so the copies are rows that the service wrote.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from arrivals.lab.bench.database import Books, Row

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # those of the service's own ids, in order
LAST = 7  # of an id: what tells one copy from the next

Adjust = Callable[[str, Row, int], None]


def renamed(name: str, number: int) -> str:
    """Returns an id of the same length and shape, different for every number."""
    tail = "".join(DIGITS[number >> 5 * place & 31] for place in range(LAST - 1, -1, -1))
    return name[:-LAST] + tail


def clone(books: Books, count: int, adjust: Adjust = lambda _table, _row, _number: None) -> list[str]:
    """Multiplies the only generation to `count` and returns the external ids of all of them.

    `adjust(table, row, number)` may change any copied row; the first generation stays as it is, as number 0.
    """
    [first] = books.all("generations")
    related, names = _about(books, first)
    events = sum(1 for table, _ in related if table == "events")
    for table in sorted({table for table, _ in related}):
        originals = [row for named, row in related if named == table]
        columns = list(originals[0])
        books.insert(
            table,
            columns,
            ([row[column] for column in columns] for row in _copies(table, originals, names, count, events, adjust)),
        )
    books.set_event_position(events * count)
    books.commit()
    books.settled_down()
    return [first["external_id"], *(renamed(first["external_id"], number) for number in range(1, count))]


def _about(books: Books, first: Row) -> tuple[list[tuple[str, Row]], set[str]]:
    """Returns every row that names the generation, or names a row that does, and all those names."""
    names = {first["id"], first["external_id"]}
    rows = [(table, row) for table in books.tables() for row in books.all(table)]
    related: list[tuple[str, Row]] = []
    while True:
        more = [(table, row) for table, row in rows if _names(row, names)]
        if len(more) == len(related):
            return related, names
        related = more
        names |= {row["id"] for _, row in related if isinstance(row.get("id"), str)}


def _names(row: Row, names: set[str]) -> bool:
    return any(_holds(value, name) for value in row.values() for name in names)


def _holds(value: Any, name: str) -> bool:
    return (isinstance(value, str) and name in value) or (isinstance(value, bytes) and name.encode() in value)


def _copies(
    table: str, originals: list[Row], names: set[str], count: int, events: int, adjust: Adjust
) -> Iterator[Row]:
    moulds = [(row, {column: _held(value, names) for column, value in row.items()}) for row in originals]
    for number in range(1, count):
        new = {name: renamed(name, number) for name in names}
        for row, holes in moulds:
            copied = {column: _replaced(value, holes[column], new) for column, value in row.items()}
            if "position" in copied:
                copied["position"] += events * number
            adjust(table, copied, number)
            yield copied


def _held(value: Any, names: set[str]) -> list[str]:
    return [name for name in names if _holds(value, name)]


def _replaced(value: Any, held: list[str], new: Mapping[str, str]) -> Any:
    for name in held:
        value = (
            value.replace(name, new[name])
            if isinstance(value, str)
            else value.replace(name.encode(), new[name].encode())
        )
    return value
