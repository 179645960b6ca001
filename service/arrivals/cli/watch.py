"""`arrivals watch`: generations as they change; with `--json` their events."""

from collections.abc import Sequence
import sys

import click

from arrivals.cli.board import Board, screen
from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import print_json
from arrivals.client import Client, Generation, path

ENDED = frozenset({"completed", "failed", "canceled", "expired"})


@click.command("watch")
@click.argument("generation_ids", nargs=-1)
@click.option("--provider")
@click.option("--model")
@click.option("--rows", type=click.IntRange(1, 200), default=20, show_default=True, help="How many to show.")
@click.option("--json", "json_output", is_flag=True, help="One line per event.")
@connection_options
@handle_errors
def watch_command(
    generation_ids: tuple[str, ...],
    provider: str | None,
    model: str | None,
    rows: int,
    json_output: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Watch what is under way, with its age; with ids only those, until each has ended."""
    if generation_ids and (provider or model):
        raise click.UsageError("--provider and --model cannot be combined with ids")
    filters = {"provider": provider, "model": model}
    try:
        with service_at(url, key) as service:
            if json_output:
                _print_events(service, generation_ids, provider, model)
            else:
                _show_changes(service, generation_ids, filters, rows)
    except KeyboardInterrupt:
        sys.exit(0)


def _print_events(service: Client, generation_ids: Sequence[str], provider: str | None, model: str | None) -> None:
    """Prints each event; with ids those of these generations alone, until each has ended."""
    # The stream is open before the generations are read: nothing happens unseen in between.
    with service.events(provider=provider, model=model) as stream:
        click.echo(f"watching {service.url}", err=True)
        open_ids = {
            generation_id for generation_id in generation_ids if not _has_ended(service.generation(generation_id))
        }
        while open_ids or not generation_ids:
            cursor, event = next(stream)
            about = event["data"].get("generation")
            if not generation_ids or (about is not None and about["id"] in generation_ids):
                print_json({"cursor": cursor, **event})
                sys.stdout.flush()
            if about is not None and _has_ended(about):
                open_ids.discard(about["id"])


def _show_changes(service: Client, generation_ids: Sequence[str], filters: dict[str, str | None], rows: int) -> None:
    """Shows generations as they change; with ids these alone, until each has ended."""
    if generation_ids:
        first = [service.generation(generation_id) for generation_id in generation_ids]
    else:
        first = list(reversed(service.get(path("generations"), {**filters, "limit": rows})["data"]))
    open_ids = {generation["id"] for generation in first if not _has_ended(generation)}
    with (
        service.changes(**filters, generations=generation_ids) as changes,
        screen(Board(first, max(rows, len(generation_ids))), service.url) as show,
    ):
        while open_ids or not generation_ids:
            change = next(changes)
            changed: list[Generation] = change["data"] if change["type"] == "snapshot" else [change["data"]]
            show(changed)
            open_ids -= {generation["id"] for generation in changed if _has_ended(generation)}


def _has_ended(generation: Generation) -> bool:
    return generation["status"] in ENDED
