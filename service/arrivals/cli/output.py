"""The output of the command line: tables for people, JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

NO_WIDTH = 10_000
COLORS = {
    "completed": "green", "delivered": "green", "healthy": "green", "finished": "green", "ok": "green",
    "failed": "red", "failing": "red", "given_up": "red", "disabled": "red", "wrong": "red",
    "canceled": "yellow", "waiting": "yellow", "paused": "yellow",
    "expired": "magenta",
    "processing": "cyan", "running": "cyan",
}  # fmt: skip


def print_json(value: Any, *, err: bool = False) -> None:
    """Prints a JSON value on a line of its own; `err`: on standard error."""
    click.echo(msgspec.json.encode(value).decode(), err=err)


def show_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Prints rows of the same keys."""
    if not rows:
        click.echo("nothing")
        return
    console = Console()
    # A pipe has no width to fit into; and an id that is cut is of no use anywhere.
    Console(width=None if console.is_terminal else NO_WIDTH).print(table_of(rows))


def show_facts(facts: Mapping[str, Any]) -> None:
    """Prints the facts of one object; absent ones are left out."""
    show_table([{"fact": name, "value": brief(value)} for name, value in facts.items() if _is_present(value)])


def show_columns(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Prints these columns of the rows."""
    show_table([{name: row.get(name) for name in columns} for row in rows])


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rich table of rows with the same keys."""
    table = Table(box=None, header_style="bold")
    for name in rows[0] if rows else ():
        table.add_column(name, no_wrap=name.endswith("id"), overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    return table


def brief(value: Any) -> str:
    """The text of a JSON value in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={brief(item)}" for name, item in value.items() if _is_present(item))
    if isinstance(value, list | tuple):
        return "; ".join(brief(item) for item in value)
    return str(value)


def _is_present(value: Any) -> bool:
    return value not in (None, [], {})


def cell(value: Any) -> Text:
    """The plain text of a cell: rich must not interpret square brackets that a provider wrote."""
    if value is None:
        return Text("-")
    if isinstance(value, list | tuple):
        return Text(", ".join(map(str, value)))
    text = str(value)
    return Text(text, style=COLORS.get(text, ""))
