"""What the command line prints: tables for people, JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

NO_WIDTH = 10_000
COLORS = {
    "completed": "green", "delivered": "green", "finished": "green", "ok": "green",
    "failed": "red", "given_up": "red", "disabled": "red", "wrong": "red",
    "canceled": "yellow", "waiting": "yellow", "paused": "yellow",
    "expired": "magenta",
    "processing": "cyan", "running": "cyan",
}  # fmt: skip


def print_json(value: Any) -> None:
    """One JSON value on a line of its own."""
    click.echo(msgspec.json.encode(value).decode())


def show_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the same keys."""
    if not rows:
        click.echo("nothing")
        return
    console = Console()
    # A pipe has no width to fit into; and an id that is cut is of no use anywhere.
    Console(width=None if console.is_terminal else NO_WIDTH).print(table_of(rows))


def show_facts(thing: Mapping[str, Any]) -> None:
    """One thing, fact by fact; what is absent is left out."""
    show_table([{"fact": name, "value": brief(value)} for name, value in thing.items() if _told(value)])


def show_columns(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows of many keys: these of them."""
    show_table([{name: row.get(name) for name in columns} for row in rows])


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Rows of the same keys, as rich shows them."""
    table = Table(box=None, header_style="bold")
    for name in rows[0] if rows else ():
        table.add_column(name, no_wrap=name.endswith("id"), overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    return table


def brief(value: Any) -> str:
    """A JSON value in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={brief(item)}" for name, item in value.items() if _told(item))
    if isinstance(value, list | tuple):
        return "; ".join(brief(item) for item in value)
    return str(value)


def _told(value: Any) -> bool:
    return value not in (None, [], {})


def cell(value: Any) -> Text:
    """Plain text: what a provider wrote in square brackets is not for rich to interpret."""
    if value is None:
        return Text("-")
    if isinstance(value, list | tuple):
        return Text(", ".join(map(str, value)))
    text = str(value)
    return Text(text, style=COLORS.get(text, ""))
