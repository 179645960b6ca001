"""`arrivals replays`: stored webhooks read again, refused ones verified again, events sent again."""

from collections.abc import Mapping
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from arrivals.cli.connection import connection_options, service_at, specified
from arrivals.cli.errors import DONE, FAILED, handle_errors
from arrivals.cli.output import brief, print_json, show_columns, show_facts
from arrivals.cli.words import Word, refuse_unknown_provider
from arrivals.client import Client, path

PAGE = 200
LOOK_EVERY_S = 0.2


@click.group("replays")
def replays_command() -> None:
    """Read webhooks or send events again; no generation is closed twice."""


@replays_command.command("start")
@click.argument("kind", type=Word(["webhooks", "quarantine", "events"]))
@click.option("--provider")
@click.option("--model")
@click.option("--generation")
@click.option("--finding", help="Only webhooks with this finding.")
@click.option("--type", help="Only events of this type.")
@click.option("--subscriber", help="Only events to this subscriber.")
@click.option("--since", help="A time, for example 2026-11-20T12:00:00Z.")
@click.option("--until", help="A time.")
@click.option("--missed", is_flag=True, help="Only events that did not reach their subscriber.")
@click.option("--dry-run", is_flag=True, help="Only report what would change.")
@click.option("--rate", "rate_per_s", type=float, help="The most per second.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the end; the replay continues in the service.")
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
    order = {
        "kind": kind,
        "filters": specified(missed=missed or None, **filters),
        "dry_run": dry_run,
        **specified(rate_per_s=rate_per_s),
    }
    with service_at(url, key) as service:
        refuse_unknown_provider(service, filters["provider"])
        replay = service.post(path("replays"), order)
        if not no_wait:
            replay = until_it_ends(service, replay)
    print_replay(replay, json_output=json_output)
    sys.exit(exit_of(replay))


def exit_of(replay: Mapping[str, Any]) -> int:
    """The exit code of a command that started a replay."""
    return FAILED if replay["status"] in ("failed", "canceled") else DONE


def until_it_ends(service: Client, replay: dict[str, Any]) -> dict[str, Any]:
    """The replay when it has ended; a bar shows its progress. Ctrl-C leaves it running."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"replaying {replay['kind']}", total=replay["total"])
        try:
            while replay["status"] == "running":
                progress.update(task, completed=replay["done"], total=replay["total"])
                time.sleep(LOOK_EVERY_S)
                replay = service.get(path("replays", replay["id"]))
        except KeyboardInterrupt:
            click.echo(f"the replay continues; see: arrivals replays show {replay['id']}", err=True)
    return replay


@replays_command.command("list")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True)
@click.option("--json", "json_output", is_flag=True, help="The page as one JSON object.")
@connection_options
@handle_errors
def list_page(limit: int, json_output: bool, url: str | None, key: str | None) -> None:
    """List replays, newest first."""
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
    """Show the progress and the findings of a replay."""
    with service_at(url, key) as service:
        print_replay(service.get(path("replays", replay_id)), json_output=json_output)


@replays_command.command("cancel")
@click.argument("replay_id")
@click.option("--json", "json_output", is_flag=True, help="The replay as one JSON object.")
@connection_options
@handle_errors
def cancel(replay_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Cancel a replay; what it has done stays done."""
    with service_at(url, key) as service:
        print_replay(service.post(path("replays", replay_id, "cancel")), json_output=json_output)


def print_replay(replay: Mapping[str, Any], *, json_output: bool) -> None:
    """Prints a replay, fact by fact."""
    if json_output:
        print_json(replay)
    else:
        show_facts(replay)
