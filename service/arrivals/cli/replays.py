"""`arrivals replays`: stored webhooks read again, refused ones verified again, events sent again."""

from collections.abc import Mapping
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from arrivals.cli.connection import given, reaches_service, service_at
from arrivals.cli.main import tells_errors
from arrivals.cli.output import as_json, brief, show_columns, show_facts
from arrivals.client import Client, path

PAGE = 200
LOOK_EVERY_S = 0.2


@click.group("replays")
def replays_command() -> None:
    """Do again what was done; never a second closing word."""


@replays_command.command("start")
@click.argument("what", type=click.Choice(["webhooks", "quarantine", "events"]))
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
@click.option("--json", "as_program", is_flag=True, help="The replay as one JSON object.")
@reaches_service
@tells_errors
def start(
    what: str,
    missed: bool,
    dry_run: bool,
    rate_per_s: float | None,
    no_wait: bool,
    as_program: bool,
    url: str | None,
    key: str | None,
    **filters: str | None,
) -> None:
    """Start a replay of WHAT, and wait for its end."""
    asked = {
        "what": what,
        "filters": given(missed=missed or None, **filters),
        "dry_run": dry_run,
        **given(rate_per_s=rate_per_s),
    }
    with service_at(url, key) as service:
        found = service.post(path("replays"), asked)
        if not no_wait:
            found = _until_it_ends(service, found)
    print_replay(found, as_program=as_program)
    if found["status"] in ("failed", "canceled"):
        sys.exit(1)


def _until_it_ends(service: Client, found: dict[str, Any]) -> dict[str, Any]:
    """The replay when it has ended; a bar shows how far it is. Ctrl-C leaves it running."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"replaying {found['what']}", total=found["total"])
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
@click.option("--json", "as_program", is_flag=True, help="The page as one JSON object.")
@reaches_service
@tells_errors
def list_page(limit: int, as_program: bool, url: str | None, key: str | None) -> None:
    """Replays, newest first."""
    with service_at(url, key) as service:
        page = service.get(path("replays"), {"limit": limit})
    if as_program:
        as_json(page)
        return
    rows = [row | {"findings": brief(row["findings"]) or None, "of": row["total"]} for row in page["data"]]
    show_columns(rows, ("created_at", "id", "what", "status", "done", "of", "findings"))


@replays_command.command("show")
@click.argument("replay_id")
@click.option("--json", "as_program", is_flag=True, help="The replay as one JSON object.")
@reaches_service
@tells_errors
def show(replay_id: str, as_program: bool, url: str | None, key: str | None) -> None:
    """How far one is, and what it found."""
    with service_at(url, key) as service:
        print_replay(service.get(path("replays", replay_id)), as_program=as_program)


@replays_command.command("cancel")
@click.argument("replay_id")
@click.option("--json", "as_program", is_flag=True, help="The replay as one JSON object.")
@reaches_service
@tells_errors
def cancel(replay_id: str, as_program: bool, url: str | None, key: str | None) -> None:
    """End one where it is; what it has done stays done."""
    with service_at(url, key) as service:
        print_replay(service.post(path("replays", replay_id, "cancel")), as_program=as_program)


def print_replay(replay: Mapping[str, Any], *, as_program: bool) -> None:
    """A replay, fact by fact."""
    if as_program:
        as_json(replay)
    else:
        show_facts(replay)
