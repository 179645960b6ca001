"""`arrivals show`: one generation, with everything that happened to it."""

from collections.abc import Iterator, Mapping
from typing import Any

import click
import msgspec

from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import brief, print_json, show_table
from arrivals.cli.story import story
from arrivals.client import Client, path
from arrivals.client.api import ENDED
from arrivals.core.wire import to_json

DATE, TIME = slice(0, 10), slice(11, 19)  # of a moment in RFC 3339


@click.command("show")
@click.argument("generation_id")
@click.option("--timeline", "as_table", is_flag=True, help="Every entry of the timeline as it is, in a table.")
@click.option("--json", "json_output", is_flag=True, help="The generation and its timeline as one JSON object.")
@connection_options
@handle_errors
def show_command(generation_id: str, as_table: bool, json_output: bool, url: str | None, key: str | None) -> None:
    """Say what happened to one generation.

    Times are UTC. Long strings of its input are cut; with --json too.
    """
    with service_at(url, key) as service:
        timeline = _timeline(service, generation_id)
    if json_output:
        print_json(timeline)
    elif as_table:
        rows = [{**entry, "details": brief(entry["details"])} for entry in timeline["data"]]
        show_table([{name: row[name] for name in ("at", "type", "details")} for row in rows])
    else:
        for line in _lines(timeline):
            click.echo(_printable(line))


def _timeline(service: Client, generation_id: str) -> dict[str, Any]:
    """All pages of the timeline in one, and the generation with its input as it was a little later."""
    timeline: dict[str, Any] = service.get(path("generations", generation_id, "timeline"))
    following = timeline["next"]
    while following is not None:
        page = service.get(path("generations", generation_id, "timeline"), {"after": following})
        timeline["data"] += page["data"]
        following = timeline["next"] = page["next"]
    timeline["generation"] = service.generation(generation_id)
    return timeline


def _lines(timeline: Mapping[str, Any]) -> Iterator[str]:
    generation = timeline["generation"]
    yield f"{generation['id']} is {generation['status']}{_how_far(generation)}"
    date = ""
    for sentence in story(generation, timeline["data"]):
        if sentence.at[DATE] != date:
            date = sentence.at[DATE]
            yield f"\n{date}"
        yield f"{sentence.at[TIME]}  {sentence.words}"
    yield ""
    outputs = generation["outputs"]
    for output in outputs:
        expires = f", until {output['expires_at']}" if output["expires_at"] else ""
        yield f"output {output['index']}: {output['kind']} {output['url']}{expires}"
    if outputs:
        yield f"download with: arrivals download {generation['id']}"
    for name, value in _facts(generation):
        yield f"{name}: {value}"
    yield f"input: {msgspec.json.format(to_json(generation['input']), indent=2)}"


def _how_far(generation: Mapping[str, Any]) -> str:
    """The progress, or the place in the queue, of one that has not ended, and its deadline."""
    if generation["status"] in ENDED:
        return ""
    progress, place = generation["progress"], generation["queue_position"]
    words = [] if progress is None else [f"{progress:.0%}"]
    words += [] if place is None else [f"queue {place}"]
    return f" ({', '.join([*words, 'deadline ' + generation['deadline_at']])})"


def _facts(generation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    failure, cost = generation["failure"], generation["cost"]
    if failure and failure["suggestion"]:
        yield "suggestion", failure["suggestion"]
    if failure and failure["alternatives"]:
        yield "alternatives", ", ".join(failure["alternatives"])
    if failure and generation["status"] in ENDED:
        yield "worth ordering again", "yes" if failure["retryable"] else "no"
    if cost:
        yield "cost", f"{cost['amount']} {cost['currency']}"
    if generation["metadata"]:
        yield "metadata", to_json(generation["metadata"])


def _printable(line: str) -> str:
    """The line without what would steer the terminal: parts of it are other people's words."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in line)
