"""`arrivals show` and `arrivals list`: what is known of generations."""

from typing import Any

import click

from service.cli.main import tells_errors
from service.cli.tables import as_json, show_table
from service.cli.talk import reaches_service, talk

PAGE = 200


@click.command("show")
@click.argument("generation_id")
@click.option("--json", "as_program", is_flag=True, help="The timeline as one JSON object.")
@reaches_service
@tells_errors
def show_command(generation_id: str, as_program: bool, url: str | None, key: str | None) -> None:
    """One generation and everything that happened to it, in order."""
    told = talk(url, key, "GET", f"/v1/generations/{generation_id}/timeline")
    if as_program:
        as_json(told)
        return
    print_generation(told["generation"], as_program=False)
    click.echo()
    show_table([{"at": entry["at"], "what": entry["what"], "facts": _brief(entry["facts"])} for entry in told["data"]])


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
    wanted = {name: value for name, value in filters.items() if value is not None}
    told = talk(url, key, "GET", "/v1/generations", params={**wanted, "limit": limit})
    if as_program:
        as_json(told)
        return
    shown = ("id", "provider", "model", "status", "learned_from", "created_at")
    show_table(
        [{**{name: row[name] for name in shown}, "failure": (row["failure"] or {}).get("code")} for row in told["data"]]
    )


def print_generation(generation: dict[str, Any], *, as_program: bool) -> None:
    """One generation, fact by fact."""
    if as_program:
        as_json(generation)
        return
    show_table(
        [{"fact": name, "value": _brief(value)} for name, value in generation.items() if value not in (None, [], {})]
    )


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={_brief(item)}" for name, item in value.items() if item not in (None, [], {}))
    if isinstance(value, list):
        return "; ".join(_brief(item) for item in value)
    return str(value)
