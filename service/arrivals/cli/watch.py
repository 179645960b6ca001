"""`arrivals watch`: live generations, from the event stream."""

from collections.abc import Iterator, Mapping
import sys
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.events import summary
from arrivals.cli.output import cell, print_json, table_of
from arrivals.client import Client, Event, Generation, Heard, path
from arrivals.core.wire import SECOND, read_rfc3339

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
    """Watch the newest generations; with ids only those, until each has ended."""
    if generation_ids and (provider or model):
        raise click.UsageError("--provider and --model cannot be combined with ids")
    console = Console()
    filters = {"provider": provider, "model": model}
    try:
        # The stream is open before the list is read: nothing happens unseen in between.
        with service_at(url, key) as service, service.events(provider=provider, model=model) as stream:
            shown = _begin(service, generation_ids, filters, rows)
            wanted = set(generation_ids)
            heard = _until_ended(stream, shown, wanted) if wanted else iter(stream)
            drawn = console.is_terminal and not json_output
            if not drawn:
                click.echo(f"watching {service.url}", err=True)
            if json_output:
                _as_lines(heard, wanted)
            elif drawn:
                _as_table(console, heard, shown, rows, wanted)
            else:
                _as_rows(console, heard, wanted)
    except KeyboardInterrupt:
        sys.exit(0)


def _begin(
    service: Client, generation_ids: tuple[str, ...], filters: Mapping[str, str | None], rows: int
) -> dict[str, Generation]:
    """The first generations to show, by id, oldest first."""
    if generation_ids:
        return {generation: service.generation(generation) for generation in generation_ids}
    newest = service.get(path("generations"), {**filters, "limit": rows})["data"]
    return {generation["id"]: generation for generation in reversed(newest)}


def _until_ended(stream: Iterator[Heard], shown: Mapping[str, Generation], wanted: set[str]) -> Iterator[Heard]:
    """Events until the last of the wanted generations has ended."""
    open_ids = {generation_id for generation_id in wanted if shown[generation_id]["status"] not in ENDED}
    while open_ids:
        heard = next(stream)
        generation = _about(heard.event)
        if generation is not None and generation["status"] in ENDED:
            open_ids.discard(generation["id"])
        yield heard


def _about(event: Event) -> Generation | None:
    return event["data"].get("generation")


def _concerns(event: Event, wanted: set[str]) -> bool:
    about = _about(event)
    return not wanted or (about is not None and about["id"] in wanted)


def _as_lines(heard: Iterator[Heard], wanted: set[str]) -> None:
    for cursor, event in heard:
        if _concerns(event, wanted):
            print_json({"cursor": cursor, **event})
            sys.stdout.flush()


def _as_rows(console: Console, heard: Iterator[Heard], wanted: set[str]) -> None:
    """Prints a line per event, where nothing can be drawn twice."""
    for _, event in heard:
        if _concerns(event, wanted):
            console.print(*(cell(value) for value in summary(event).values() if value), soft_wrap=True)


def _as_table(
    console: Console, heard: Iterator[Heard], shown: dict[str, Generation], rows: int, wanted: set[str]
) -> None:
    with Live(_table(shown), console=console, auto_refresh=False) as live:
        for _, event in heard:
            generation = _about(event)
            if generation is None or not _concerns(event, wanted):
                continue
            shown[generation["id"]] = generation
            for oldest in [*shown][:-rows] if not wanted else ():
                del shown[oldest]
            live.update(_table(shown), refresh=True)


def _table(shown: Mapping[str, Generation]) -> Table:
    return table_of([_row(generation) for generation in shown.values()])


def _row(generation: Generation) -> dict[str, Any]:
    took = (
        read_rfc3339(generation["closed_at"]) - read_rfc3339(generation["created_at"])
        if generation["closed_at"]
        else None
    )
    return {
        "id": generation["id"],
        "provider": generation["provider"],
        "model": generation["model"],
        "status": generation["status"],
        "learned from": generation["learned_from"],
        "took": None if took is None else f"{took / SECOND:.1f} s",
        "failure": generation["failure"] and generation["failure"]["code"],
    }
