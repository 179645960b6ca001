"""The display on standard error, so that `--json` stays one object: a live table, then the summary."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from arrivals.lab.demo.audit import Summary

STATUSES = ("pending", "submitting", "submitted", "processing", "completed", "failed", "canceled", "expired")
COLORS = {"completed": "green", "failed": "red", "canceled": "yellow", "expired": "magenta", "processing": "cyan"}
COUNTS = (
    "generations",
    "closed",
    "expired",
    "duplicates_ignored",
    "stale_ignored",
    "forged_refused",
    "unreadable",
    "conflicts",
    "events_emitted",
    "events_delivered",
    "deliveries_verified",
    "deliveries_unverified",
    "lost",
    "closed_twice",
    "double_submissions",
    "keys_leaked",
    "seconds",
)


class Screen:
    """The display of the demo; shows nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        """Starts the live table."""
        if not self._quiet:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the live table."""
        if not self._quiet:
            self._live.stop()

    def show(self, generations: Sequence[Mapping[str, Any]]) -> None:
        """Shows how many generations of each provider have each status."""
        if self._quiet:
            return
        table = Table(title="Arrivals at work", title_justify="left", box=None)
        table.add_column("provider")
        for status in STATUSES:
            table.add_column(status, justify="right", style=COLORS.get(status))
        counts = Counter((generation["provider"], generation["status"]) for generation in generations)
        for provider in sorted({provider for provider, _ in counts}):
            table.add_row(provider, *(str(counts[provider, status] or "·") for status in STATUSES))
        self._live.update(table, refresh=True)

    def summary(self, summary: Summary) -> None:
        """Shows the summary."""
        if self._quiet:
            return
        table = Table(box=None, title="How each provider's generations ended", title_justify="left")
        for name in ("provider", "completed", "failed, by code", "expired", "learned from", "webhooks", "events"):
            table.add_column(name)
        for provider, figures in summary.figures["by_provider"].items():
            failed = ", ".join(f"{code} {count}" for code, count in sorted(figures["failed"].items()))
            learned = ", ".join(f"{origin} {count}" for origin, count in sorted(figures["learned_from"].items()))
            refused = ("duplicates_ignored", "forged_refused", "conflicts")
            webhooks = ", ".join(f"{name.replace('_', ' ')} {figures[name]}" for name in refused if figures[name])
            events = f"{figures['events_emitted']} emitted, {figures['deliveries_verified']} verified"
            completed, expired = str(figures["completed"]), str(figures["expired"])
            table.add_row(provider, completed, failed or "-", expired, learned, webhooks or "-", events)
        self._console.print(table)
        counts = Table(box=None, show_header=False)
        for name in COUNTS:
            counts.add_row(name.replace("_", " "), str(summary.figures[name]))
        self._console.print(counts)
        for line in summary.disagreements:
            self._console.print(f"[red]disagreement:[/] {line}", highlight=False)
        if summary.agreed:
            self._console.print("[green]The service, the subscriber and the providers' own record agree.[/]")

    def what_next(self, service: str, key: str, rehearsal: str, folder: str) -> None:
        """Prints commands to try while everything runs."""
        authorization = f'-H "Authorization: Bearer {key}"'
        prompt = "a fox [rehearse ref=mine webhook=twice]"
        order = f'{{"provider": "runblob", "model": "kling/o3-photo", "input": {{"prompt": "{prompt}"}}}}'
        lines = (
            f"everything is running; its files are in {folder}; end it with Ctrl-C. To try:",
            f"curl -s {authorization} '{service}/v1/generations?status=failed&limit=3'",
            f"curl -s {authorization} -H 'Prefer: wait=10' {service}/v1/generations -d '{order}'",
            f"curl -s {authorization} '{service}/v1/events?limit=5'",
            f"curl -s {authorization} '{service}/v1/webhooks?verified=false&limit=3'",
            f"curl -s {authorization} {service}/v1/providers",
            f"curl -s {rehearsal}/rehearsal/record",
        )
        for line in lines:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
