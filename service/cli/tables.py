"""What the command line prints: tables for people, JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

COLORS = {"completed": "green", "failed": "red", "canceled": "yellow", "expired": "magenta", "processing": "cyan"}


def as_json(value: Any) -> None:
    """One JSON value on a line of its own."""
    click.echo(msgspec.json.encode(value).decode())


def show_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the same keys."""
    if not rows:
        click.echo("nothing")
        return
    table = Table(box=None, header_style="bold")
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)


def _cell(value: Any) -> Text:
    """Plain text: what a provider wrote in square brackets is not for rich to interpret."""
    if value is None:
        return Text("-")
    if isinstance(value, list | tuple):
        return Text(", ".join(map(str, value)))
    text = str(value)
    return Text(text, style=COLORS.get(text, ""))
