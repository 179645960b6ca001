"""`arrivals replays`: stored webhooks read again, refused ones verified again, events sent again."""

from collections.abc import Mapping
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from arrivals.cli.connection import connection_options, given, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import brief, print_json, show_columns, show_facts
from arrivals.client import Client, path

PAGE = 200
LOOK_EVERY_S = 0.2


@click.group("replays")
def replays_command() -> None:
    """Do again what was done; never a second closing word."""


@replays_command.command("start")
@click.argument("kind", type=click.Choice(["webhooks", "quarantine", "events"]))
@click.option("--provider")
@click.option("--model")
@click.option("--generation")
@click.option("--finding", help="Only webhooks that turned out to be this.")
@click.option("--type", help="Only events of this type.")
@click.option("--subscriber", help="Events to this one only.")
@click.option("--since", help="A moment, such as 2026-11-20T12:00:00Z.")
@click.option("--until", help="A moment.")
@click.option("--missed", is_flag=True, help="Only events that did not reach their subscriber.")
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
@click.option("--rate", "rate_per_s", type=float, help="How many a second at most.")
@click.option("--no-wait", is_flag=True, help="Do not wait for its end; it goes on in the service.")
@click.option("--json", "json_output", is_flag=True, help="The replay as one JSON object.")
@connection_options
@handle_errors
def start(
    kind: str,
    missed: bool,
    dry_run: bool,
    rate_per_s: float | None,
    no_wait: bool,
    json_output: bool,
    url: str | None,
    key: str | None,
    **filters: str | None,
) -> None:
    """Start a replay of this KIND, and wait for its end."""
    asked = {
        "kind": kind,
        "filters": given(missed=missed or None, **filters),
        "dry_run": dry_run,
        **given(rate_per_s=rate_per_s),
    }
    with service_at(url, key) as service:
        found = service.post(path("replays"), asked)
        if not no_wait:
            found = _until_it_ends(service, found)
    print_replay(found, json_output=json_output)
    if found["status"] in ("failed", "canceled"):
        sys.exit(1)


def _until_it_ends(service: Client, found: dict[str, Any]) -> dict[str, Any]:
    """The replay when it has ended; a bar shows how far it is. Ctrl-C leaves it running."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"replaying {found['kind']}", total=found["total"])
        try:
            while found["status"] == "running":
                progress.update(task, completed=found["done"], total=found["total"])
                time.sleep(LOOK_EVERY_S)
                found = service.get(path("replays", found["id"]))
        except KeyboardInterrupt:
            click.echo(f"it goes on; look with: arrivals replays show {found['id']}", err=True)
    return found


@replays_command.command("list")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True)
@click.option("--json", "json_output", is_flag=True, help="The page as one JSON object.")
@connection_options
@handle_errors
def list_page(limit: int, json_output: bool, url: str | None, key: str | None) -> None:
    """Replays, newest first."""
    with service_at(url, key) as service:
        page = service.get(path("replays"), {"limit": limit})
    if json_output:
        print_json(page)
        return
    rows = [row | {"findings": brief(row["findings"]) or None, "of": row["total"]} for row in page["data"]]
    show_columns(rows, ("created_at", "id", "kind", "status", "done", "of", "findings"))


@replays_command.command("show")
@click.argument("replay_id")
@click.option("--json", "json_output", is_flag=True, help="The replay as one JSON object.")
@connection_options
@handle_errors
def show(replay_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """How far one is, and what it found."""
    with service_at(url, key) as service:
        print_replay(service.get(path("replays", replay_id)), json_output=json_output)


@replays_command.command("cancel")
@click.argument("replay_id")
@click.option("--json", "json_output", is_flag=True, help="The replay as one JSON object.")
@connection_options
@handle_errors
def cancel(replay_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """End one where it is; what it has done stays done."""
    with service_at(url, key) as service:
        print_replay(service.post(path("replays", replay_id, "cancel")), json_output=json_output)


def print_replay(replay: Mapping[str, Any], *, json_output: bool) -> None:
    """A replay, fact by fact."""
    if json_output:
        print_json(replay)
    else:
        show_facts(replay)
