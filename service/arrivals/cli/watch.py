"""`arrivals watch`: generations as they change; with `--json` their events."""

from collections.abc import Mapping, Sequence
import sys

import click

from arrivals.cli.board import Board, screen
from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import DONE, FAILED, handle_errors
from arrivals.cli.output import print_json
from arrivals.cli.words import refuse_unknown_provider
from arrivals.client import Client, Generation, path
from arrivals.client.api import ENDED


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
    """Watch what is under way, with its age; with ids only those, until each has ended.

    With ids, exit code 1 unless all of them completed.
    """
    if generation_ids and (provider or model):
        raise click.UsageError("--provider and --model cannot be combined with ids")
    filters = {"provider": provider, "model": model}
    try:
        with service_at(url, key) as service:
            refuse_unknown_provider(service, provider)
            if json_output:
                last = _print_events(service, generation_ids, provider, model)
            else:
                last = _show_changes(service, generation_ids, filters, rows)
        completed = all(generation["status"] == "completed" for generation in last.values())
        sys.exit(DONE if completed else FAILED)
    except KeyboardInterrupt:
        sys.exit(0)


def _print_events(
    service: Client, generation_ids: Sequence[str], provider: str | None, model: str | None
) -> dict[str, Generation]:
    """Prints each event; with ids those of these generations alone, until each has ended. Returns them as they are."""
    # The stream is open before the generations are read: nothing happens unseen in between.
    with service.events(provider=provider, model=model) as stream:
        click.echo(f"watching {service.url}", err=True)
        last = {generation_id: service.generation(generation_id) for generation_id in generation_ids}
        while not last or _goes_on(last):
            cursor, event = next(stream)
            about = event["data"].get("generation")
            if not last or (about is not None and about["id"] in last):
                print_json({"cursor": cursor, **event})
                sys.stdout.flush()
            if about is not None and about["id"] in last:
                last[about["id"]] = about
    return last


def _show_changes(
    service: Client, generation_ids: Sequence[str], filters: dict[str, str | None], rows: int
) -> dict[str, Generation]:
    """Shows generations as they change; with ids these alone, until each has ended. Returns them as they are."""
    last = {generation_id: service.generation(generation_id) for generation_id in generation_ids}
    first = [*last.values()] or service.get(path("generations"), {**filters, "limit": rows})["data"][::-1]
    with (
        service.changes(**filters, generations=generation_ids) as changes,
        screen(Board(first, max(rows, len(generation_ids))), service.url) as show,
    ):
        while not last or _goes_on(last):
            change = next(changes)
            changed: list[Generation] = change["data"] if change["type"] == "snapshot" else [change["data"]]
            show(changed)
            last |= {generation["id"]: generation for generation in changed if generation["id"] in last}
    return last


def _goes_on(generations: Mapping[str, Generation]) -> bool:
    return any(generation["status"] not in ENDED for generation in generations.values())
