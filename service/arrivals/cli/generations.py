"""`arrivals list`, `cancel` and `poll`: generations as they are, and what may be done about them."""

from collections.abc import Mapping, Sequence
import sys
from typing import Any

import click

from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import DONE, FAILED, handle_errors, report
from arrivals.cli.output import print_json, show_columns, show_facts, show_table
from arrivals.cli.words import Word, refuse_unknown_provider
from arrivals.client import Client, Generation, ServiceError, path
from arrivals.client.api import ENDED
from arrivals.core.generation import Status

PAGE = 200
COLUMNS = ("id", "provider", "model", "status", "learned_from", "created_at")


def _metadata(_context: click.Context, _parameter: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    """The parameters of the service for pairs of key and value."""
    split = [pair.partition("=") for pair in pairs]
    if not all(key and equals for key, equals, _ in split):
        raise click.BadParameter("must be KEY=VALUE, such as user=42")
    return {f"metadata[{key}]": value for key, _, value in split}


@click.command("list")
@click.option(
    "--status",
    "statuses",
    type=Word([status.value for status in Status]),
    multiple=True,
    help="May be given several times.",
)
@click.option("--provider")
@click.option("--model")
@click.option("--external-id", help="The provider's id.")
@click.option("--metadata", metavar="KEY=VALUE", multiple=True, callback=_metadata, help="Up to three times.")
@click.option("--api-key", help="The id of the API key that ordered it, key_…")
@click.option("--since", help="A time, for example 2026-11-20T12:00:00Z.")
@click.option("--until", help="A time.")
@click.option("--after", help="A cursor: the `next` of an earlier page.")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True)
@click.option("--json", "json_output", is_flag=True, help="The page as one JSON object.")
@connection_options
@handle_errors
def list_command(
    statuses: Sequence[str],
    metadata: Mapping[str, str],
    limit: int,
    json_output: bool,
    url: str | None,
    key: str | None,
    **filters: str | None,
) -> None:
    """List generations, newest first."""
    status = ",".join(statuses) or None
    with service_at(url, key) as service:
        page = service.get(path("generations"), {**filters, **metadata, "status": status, "limit": limit})
        refuse_unknown_provider(service, filters["provider"], page["data"])
    if json_output:
        print_json(page)
        return
    show_table(
        [
            {**{name: row[name] for name in COLUMNS}, "failure": (row["failure"] or {}).get("code")}
            for row in page["data"]
        ]
    )
    if page["next"]:
        click.echo(f"next page: --after {page['next']}", err=True)


@click.command("cancel")
@click.argument("generation_ids", nargs=-1, required=True)
@click.option("--json", "json_output", is_flag=True, help="One line for each generation.")
@connection_options
@handle_errors
def cancel_command(generation_ids: Sequence[str], json_output: bool, url: str | None, key: str | None) -> None:
    """Cancel generations.

    Those that wait for their turn are withdrawn; of others the provider is asked, where it offers that. Exit code 1: at
    least one could not be canceled.
    """
    canceled = []
    with service_at(url, key) as service:
        for generation_id in generation_ids:
            generation = _canceled(service, generation_id, json_output=json_output)
            if generation is None:
                continue
            canceled.append(generation)
            if json_output:
                print_json(generation)
    if canceled and not json_output:
        show_columns(canceled, COLUMNS)
    sys.exit(DONE if len(canceled) == len(generation_ids) else FAILED)


def _canceled(service: Client, generation_id: str, *, json_output: bool) -> Mapping[str, Any] | None:
    """The generation, canceled; None if that was refused, which does not keep others from being canceled."""
    try:
        generation: Mapping[str, Any] = service.post(path("generations", generation_id, "cancel"))
    except ServiceError as error:
        report(error, about=generation_id, json_output=json_output)
        return None
    return generation


@click.command("poll")
@click.argument("generation_id")
@click.option("--json", "json_output", is_flag=True, help="The generation as one JSON object.")
@connection_options
@handle_errors
def poll_command(generation_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Ask the provider about one generation now."""
    with service_at(url, key) as service:
        generation = service.post(path("generations", generation_id, "poll"))
    print_generation(generation, json_output=json_output)


def print_generation(generation: Generation, *, json_output: bool) -> None:
    """Prints one generation, fact by fact."""
    if json_output:
        print_json(generation)
    else:
        show_facts(generation)


def exit_of_wait(generation: Generation, *, json_output: bool) -> int:
    """The exit code where the end of this generation was waited for: 0 only if it completed."""
    if generation["status"] == Status.COMPLETED:
        return DONE
    if generation["status"] not in ENDED and not json_output:
        click.echo(f"not ended yet; wait on with: arrivals watch {generation['id']}", err=True)
    return FAILED
