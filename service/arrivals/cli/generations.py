"""`arrivals show` and `arrivals list`: what is known of generations."""

from collections.abc import Mapping
from typing import Any

import click

from arrivals.cli.connection import reaches_service, service_at
from arrivals.cli.main import tells_errors
from arrivals.cli.output import as_json, brief, show_facts, show_table
from arrivals.client import path

PAGE = 200


@click.command("show")
@click.argument("generation_id")
@click.option("--json", "as_program", is_flag=True, help="The timeline as one JSON object.")
@reaches_service
@tells_errors
def show_command(generation_id: str, as_program: bool, url: str | None, key: str | None) -> None:
    """One generation and everything that happened to it, in order."""
    with service_at(url, key) as service:
        told = service.get(path("generations", generation_id, "timeline"))
        following = told["next"]
        while following is not None:
            page = service.get(path("generations", generation_id, "timeline"), {"after": following})
            told["data"] += page["data"]
            following = told["next"] = page["next"]
    if as_program:
        as_json(told)
        return
    print_generation(told["generation"], as_program=False)
    click.echo()
    show_table([{"at": entry["at"], "what": entry["what"], "facts": brief(entry["facts"])} for entry in told["data"]])


@click.command("list")
@click.option("--status")
@click.option("--provider")
@click.option("--model")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True)
@click.option("--json", "as_program", is_flag=True, help="The page as one JSON object.")
@reaches_service
@tells_errors
def list_command(limit: int, as_program: bool, url: str | None, key: str | None, **filters: str | None) -> None:
    """Generations, newest first."""
    with service_at(url, key) as service:
        told = service.get(path("generations"), {**filters, "limit": limit})
    if as_program:
        as_json(told)
        return
    shown = ("id", "provider", "model", "status", "learned_from", "created_at")
    show_table(
        [{**{name: row[name] for name in shown}, "failure": (row["failure"] or {}).get("code")} for row in told["data"]]
    )


def print_generation(generation: Mapping[str, Any], *, as_program: bool) -> None:
    """One generation, fact by fact."""
    if as_program:
        as_json(generation)
    else:
        show_facts(generation)
