"""Generations on a screen, drawn again and again, or a line for each change where nothing can be drawn twice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from arrivals.cli.output import cell, table_of
from arrivals.client import Generation
from arrivals.core.wire import SECOND, Micros, read_rfc3339, since_1970

DRAWN_PER_S = 2  # ages go on while nothing else happens


class Board:
    """The generations on the screen: those under way first, then as many of the newest others as there is room for.

    They are drawn by a thread of its own, so what is shown is replaced as a whole.
    """

    def __init__(self, generations: Sequence[Generation], rows: int) -> None:
        self._rows = rows
        self.shown: Mapping[str, Generation] = {}
        self.show(generations)

    def show(self, generations: Sequence[Generation]) -> list[Generation]:
        """Shows these as they are now. Returns those that look otherwise than before."""
        before = self.shown
        every = {**before, **{generation["id"]: generation for generation in generations}}
        by_age = sorted(every, key=lambda name: (every[name]["closed_at"] is None, name), reverse=True)
        self.shown = {name: every[name] for name in sorted(by_age[: self._rows])}
        return [
            generation
            for generation in generations
            if generation["id"] not in before or row(before[generation["id"]], 0) != row(generation, 0)
        ]

    def table(self) -> Table:
        """The table as of now."""
        now = _now()
        return table_of([row(generation, now) for generation in self.shown.values()])


@contextmanager
def screen(board: Board, url: str) -> Iterator[Callable[[Sequence[Generation]], Any]]:
    """Yields the function that shows generations: in a table drawn anew, or as lines where there is no screen."""
    console = Console()
    if console.is_terminal:
        with Live(console=console, get_renderable=board.table, refresh_per_second=DRAWN_PER_S):
            yield board.show
        return
    click.echo(f"watching {url}", err=True)
    for generation in board.shown.values():
        _print_row(console, generation)

    def show(generations: Sequence[Generation]) -> None:
        for generation in board.show(generations):
            _print_row(console, generation)

    yield show


def _print_row(console: Console, generation: Generation) -> None:
    console.print(*(cell(value) for value in row(generation, _now()).values() if value is not None), soft_wrap=True)


def row(generation: Generation, now: Micros) -> dict[str, Any]:
    """The row of a generation; its age is how long it has been under way, or how long it took."""
    until = read_rfc3339(generation["closed_at"]) if generation["closed_at"] else now
    return {
        "id": generation["id"],
        "provider": generation["provider"],
        "model": generation["model"],
        "status": generation["status"],
        "progress": _progress(generation),
        "age": f"{max(0, until - read_rfc3339(generation['created_at'])) / SECOND:.1f} s",
        "learned from": generation["learned_from"],
        "failure": generation["failure"] and generation["failure"]["code"],
    }


def _progress(generation: Generation) -> str | None:
    """How far it is, or how many are before it in the provider's queue."""
    if generation["progress"] is not None:
        return f"{generation['progress']:.0%}"
    return None if generation["queue_position"] is None else f"queue {generation['queue_position']}"


def _now() -> Micros:
    return since_1970(datetime.now(UTC))
