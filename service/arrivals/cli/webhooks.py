"""`arrivals webhooks`: look at what providers sent, and read it again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import print_json, show_columns, show_facts
from arrivals.cli.words import refuse_unknown_provider
from arrivals.client import path

PAGE = 200
SHOWN = ("received_at", "id", "provider", "generation_id", "verified_by", "finding", "trouble", "bytes")


@click.group("webhooks")
def webhooks_command() -> None:
    """Show, replay and export stored webhooks."""


@webhooks_command.command("list")
@click.option("--provider")
@click.option("--generation")
@click.option("--finding", help="For example advanced, repeated or conflicting.")
@click.option("--verified/--unverified", default=None, help="Only verified, or only unverified, webhooks.")
@click.option("--since", help="A time, for example 2026-11-20T12:00:00Z.")
@click.option("--until", help="A time.")
@click.option("--after", help="A cursor: the `next` of an earlier page.")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True)
@click.option("--json", "json_output", is_flag=True, help="The page as one JSON object.")
@connection_options
@handle_errors
def list_page(
    verified: bool | None, limit: int, json_output: bool, url: str | None, key: str | None, **filters: str | None
) -> None:
    """List stored webhooks, newest first."""
    with service_at(url, key) as service:
        page = service.get(path("webhooks"), {**filters, "verified": verified, "limit": limit})
        refuse_unknown_provider(service, filters["provider"], page["data"])
    if json_output:
        print_json(page)
        return
    show_columns([row | {"trouble": row["refused_reason"] or row["unreadable_reason"]} for row in page["data"]], SHOWN)
    if page["next"]:
        click.echo(f"next page: --after {page['next']}", err=True)


@webhooks_command.command("show")
@click.argument("webhook_id")
@click.option("--json", "json_output", is_flag=True, help="The webhook as one JSON object.")
@connection_options
@handle_errors
def show(webhook_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Show one webhook with its headers and its body."""
    with service_at(url, key) as service:
        stored = service.get(path("webhooks", webhook_id))
    if json_output:
        print_json(stored)
        return
    show_facts({name: value for name, value in stored.items() if name not in ("headers", "body", "body_base64")})
    click.echo()
    for name, value in stored["headers"].items():
        click.echo(f"{name}: {value}")
    click.echo()
    click.echo(stored["body"])


@webhooks_command.command("replay")
@click.argument("webhook_id")
@click.option("--dry-run", is_flag=True, help="Only report what would change.")
@click.option("--json", "json_output", is_flag=True, help="One JSON object.")
@connection_options
@handle_errors
def replay(webhook_id: str, dry_run: bool, json_output: bool, url: str | None, key: str | None) -> None:
    """Read one webhook again, now; `replays start webhooks` does it for many."""
    with service_at(url, key) as service:
        outcome = service.post(path("webhooks", webhook_id, "replay"), {"dry_run": dry_run})
    if json_output:
        print_json(outcome)
    else:
        show_facts(outcome)


@webhooks_command.command("export")
@click.argument("webhook_id")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="A folder; by default this one.",
)
@click.option("--json", "json_output", is_flag=True, help="The two paths as one JSON object.")
@connection_options
@handle_errors
def export(webhook_id: str, folder: Path, json_output: bool, url: str | None, key: str | None) -> None:
    """Write a webhook as a fixture, its secrets removed, with what this version reads in it."""
    from arrivals.cli.save_fixture import exported

    with service_at(url, key) as service:
        stored = service.get(path("webhooks", webhook_id))
        generation = service.generation(stored["generation_id"])
    piece = exported(stored, generation["model"], datetime.now(UTC))
    paths = {"http": folder / f"{piece.name}.http", "expect": folder / f"{piece.name}.expect.json"}
    folder.mkdir(parents=True, exist_ok=True)
    for place, content in ((paths["http"], piece.http), (paths["expect"], piece.expect)):
        try:
            with place.open("xb") as file:
                file.write(content)
        except FileExistsError as error:  # what somebody has edited is not overwritten
            raise OSError(f"{place} already exists; remove it, or choose another folder with --to") from error
    if json_output:
        print_json({name: str(place) for name, place in paths.items()})
        return
    for place in paths.values():
        click.echo(str(place))
    click.echo("review the files: ids, addresses and prompts are as they came", err=True)
