"""The display of the torture: its progress on standard error, and at the end one row for each case."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from arrivals.lab.bench.progress import Screen
from arrivals.lab.torture.audit import COUNTS

__all__ = ["Screen", "show"]


def show(report: Mapping[str, Any]) -> None:
    """Shows every case, then the disagreements, and what was skipped."""
    console = Console()
    table = Table(box=None, title=f"Torture on {report['machine']['database']}", title_justify="left")
    table.add_column("case")
    for name in ("kills", "generations", "webhooks lost", "generations lost", "closed twice", "jobs twice", "lost"):
        table.add_column(name, justify="right")
    table.add_column("seconds", justify="right")
    for name, figures in report["cases"].items():
        counts = [str(figures[count]) for count in COUNTS]
        table.add_row(
            name, str(figures["kills"]), str(figures.get("generations", "-")), *counts, str(figures["seconds"])
        )
    console.print(table)
    for name, figures in report["cases"].items():
        deaths = figures.get("kills_by_point")
        if deaths:
            console.print(
                f"{name}: {sum(deaths.values())} deaths at {len(deaths)} points, at least {min(deaths.values())}"
            )
        for words in figures["disagreements"]:
            console.print(f"[red]{name}:[/] {words}", highlight=False)
    for name, reason in report["skipped"].items():
        console.print(f"[yellow]{name} was skipped:[/] {reason}", highlight=False)
    for words in report["disagreements"]:
        console.print(f"[red]{words}[/]", highlight=False)
    ways = ", ".join(f"{count} {way}" for way, count in report["webhooks_by_way"].items())
    console.print(f"Webhooks kept, by the way they came in by: {ways}", highlight=False)
    if not report["failed"]:
        console.print("[green]Nothing was lost and nothing doubled.[/]")
