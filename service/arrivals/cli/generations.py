"""`arrivals show` and `arrivals list`: the state and the history of generations."""

from collections.abc import Mapping
from typing import Any

import click

from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import brief, print_json, show_facts, show_table
from arrivals.client import path

PAGE = 200


@click.command("show")
@click.argument("generation_id")
@click.option("--json", "json_output", is_flag=True, help="The timeline as one JSON object.")
@connection_options
@handle_errors
def show_command(generation_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Show one generation and everything that happened to it, in order."""
    with service_at(url, key) as service:
        timeline = service.get(path("generations", generation_id, "timeline"))
        following = timeline["next"]
        while following is not None:
            page = service.get(path("generations", generation_id, "timeline"), {"after": following})
            timeline["data"] += page["data"]
            following = timeline["next"] = page["next"]
    if json_output:
        print_json(timeline)
        return
    print_generation(timeline["generation"], json_output=False)
    click.echo()
    show_table(
        [{"at": entry["at"], "type": entry["type"], "details": brief(entry["details"])} for entry in timeline["data"]]
    )


@click.command("list")
@click.option("--status")
@click.option("--provider")
@click.option("--model")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True)
@click.option("--json", "json_output", is_flag=True, help="The page as one JSON object.")
@connection_options
@handle_errors
def list_command(limit: int, json_output: bool, url: str | None, key: str | None, **filters: str | None) -> None:
    """List generations, newest first."""
    with service_at(url, key) as service:
        page = service.get(path("generations"), {**filters, "limit": limit})
    if json_output:
        print_json(page)
        return
    columns = ("id", "provider", "model", "status", "learned_from", "created_at")
    show_table(
        [
            {**{name: row[name] for name in columns}, "failure": (row["failure"] or {}).get("code")}
            for row in page["data"]
        ]
    )


def print_generation(generation: Mapping[str, Any], *, json_output: bool) -> None:
    """Prints one generation, fact by fact."""
    if json_output:
        print_json(generation)
    else:
        show_facts(generation)
