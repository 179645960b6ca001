"""`arrivals events`: list events, and send one again."""

import click

from arrivals.cli.connection import connection_options, service_at, specified
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import print_json, show_columns, show_table
from arrivals.cli.words import refuse_unknown_provider
from arrivals.client import Event, path

PAGE = 200


@click.group("events")
def events_command() -> None:
    """List events, and send one again."""


@events_command.command("list")
@click.option("--last", type=click.IntRange(1, PAGE), help="The newest, so many; still oldest first.")
@click.option("--after", help="A cursor: the `next` of an earlier page.")
@click.option("--type", help="For example generation.completed, or generation.* for all.")
@click.option("--generation")
@click.option("--provider")
@click.option("--model")
@click.option("--limit", type=click.IntRange(1, PAGE), default=50, show_default=True)
@click.option("--json", "json_output", is_flag=True, help="The page as one JSON object.")
@connection_options
@handle_errors
def list_page(
    last: int | None,
    limit: int,
    json_output: bool,
    url: str | None,
    key: str | None,
    **filters: str | None,
) -> None:
    """List events by cursor, oldest first; with --last the newest."""
    size = {"limit": limit} if last is None else {"last": last}
    with service_at(url, key) as service:
        page = service.get(path("events"), {**filters, **size})
        refuse_unknown_provider(service, filters["provider"], page["data"])
    if json_output:
        print_json(page)
        return
    show_table([summary(event) for event in page["data"]])
    if page["more"]:
        click.echo(f"next page: --after {page['next']}", err=True)


def summary(event: Event) -> dict[str, str | None]:
    """The row of an event in a table."""
    generation = event["data"].get("generation")
    failure = generation["failure"] if generation else None
    return {
        "at": event["timestamp"],
        "id": event["id"],
        "type": event["type"],
        "generation": generation and generation["id"],
        "provider": generation and generation["provider"],
        "model": generation and generation["model"],
        "failure": failure and failure["code"],
    }


@events_command.command("redeliver")
@click.argument("event_id")
@click.option("--subscriber", help="Only to this subscriber; by default to every subscriber that wants it.")
@click.option("--json", "json_output", is_flag=True, help="The new deliveries as one JSON object.")
@connection_options
@handle_errors
def redeliver(event_id: str, subscriber: str | None, json_output: bool, url: str | None, key: str | None) -> None:
    """Send one event again."""
    with service_at(url, key) as service:
        deliveries = service.post(path("events", event_id, "redeliver"), specified(subscriber=subscriber))
    if json_output:
        print_json(deliveries)
    elif deliveries["data"]:
        show_columns(deliveries["data"], ("id", "subscriber_id", "url", "status"))
    else:
        click.echo("no subscriber wants this event")
