"""`arrivals subscribers`: who receives events, their deliveries, and what to do when one fails."""

from collections.abc import Callable
import sys
from typing import Any

import click

from arrivals.cli.connection import connection_options, service_at, specified
from arrivals.cli.errors import DONE, FAILED, handle_errors
from arrivals.cli.output import print_json, show_columns, show_facts, show_table
from arrivals.cli.replays import exit_of, print_replay, until_it_ends
from arrivals.cli.submit import json_object
from arrivals.cli.words import Word, refuse_unknown_provider
from arrivals.client import Client, path

PAGE = 200
HEALTH = ("state", "last_success_at", "backlog", "oldest_waiting_at")
DELIVERY = ("created_at", "id", "event_type", "event_id", "status", "attempt_count", "next_attempt_at")


@click.group("subscribers")
def subscribers_command() -> None:
    """Register and manage subscribers to events."""


def _wish_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a subscriber wants."""
    for option in reversed((
        click.option("--type", "event_types", multiple=True, help="For example generation.completed; may be repeated."),
        click.option("--provider", help="Only events about this provider's generations."),
        click.option("--model", help="Only events about this model's generations."),
        click.option("--metadata", help="Only events about generations whose metadata holds this JSON object."),
        click.option("--description"),
        click.option("--max-in-flight", type=click.IntRange(1, 1000), help="The most deliveries at once."),
        click.option("--rate", "rate_per_s", type=float, help="The most deliveries per second."),
        click.option("--signatures", multiple=True, type=Word(["v1", "v1a"]), help="v1a adds Ed25519 to v1."),
    )):  # fmt: skip
        command = option(command)
    return command


def _subscriber_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument and options of a command about one subscriber."""
    return click.argument("subscriber_id")(_service_command(command))


def _service_command(command: Callable[..., Any]) -> Callable[..., Any]:
    command = connection_options(handle_errors(command))
    return click.option("--json", "json_output", is_flag=True, help="The service's answer as JSON.")(command)


def _wishes(provider: str | None, model: str | None, metadata: str | None, **facts: Any) -> dict[str, Any]:
    only = specified(
        provider=provider, model=model, metadata=None if metadata is None else json_object("--metadata", metadata)
    )
    return specified(filter=only or None, **facts)


@subscribers_command.command("list")
@click.option("--limit", type=click.IntRange(1, PAGE), default=50, show_default=True)
@_service_command
def list_page(limit: int, json_output: bool, url: str | None, key: str | None) -> None:
    """List subscribers, newest first."""
    with service_at(url, key) as service:
        page = service.get(path("subscribers"), {"limit": limit})
    if json_output:
        print_json(page)
        return
    shown = [row | {name: row["health"][name] for name in HEALTH} | {"error": _error(row)} for row in page["data"]]
    show_columns(shown, ("id", "url", "event_types", *HEALTH, "error", "description"))


def _error(subscriber: dict[str, Any]) -> str | None:
    """The trouble it has now; the error of a failure that is over is none."""
    failing = subscriber["health"]["state"] == "failing"
    return subscriber["disabled_reason"] or (subscriber["health"]["last_error"] if failing else None)


@subscribers_command.command("add")
@click.argument("callback")
@_wish_options
@_service_command
def add(callback: str, json_output: bool, url: str | None, key: str | None, **facts: Any) -> None:
    """Register the URL CALLBACK; its signing secret is shown only this once."""
    with service_at(url, key) as service:
        refuse_unknown_provider(service, facts["provider"])
        made = service.post(path("subscribers"), {"url": callback, **_wishes(**facts)})
    _print(made, json_output=json_output)


@subscribers_command.command("show")
@_subscriber_command
def show(subscriber_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Show one subscriber."""
    with service_at(url, key) as service:
        _print(service.get(path("subscribers", subscriber_id)), json_output=json_output)


@subscribers_command.command("update")
@click.option("--to", "callback", help="The new URL.")
@click.option("--all-types", is_flag=True, help="Send every type of event again.")
@click.option("--no-filter", is_flag=True, help="Send events about every generation again.")
@_wish_options
@_subscriber_command
def update(
    subscriber_id: str,
    callback: str | None,
    all_types: bool,
    no_filter: bool,
    json_output: bool,
    url: str | None,
    key: str | None,
    **facts: Any,
) -> None:
    """Change the options that are set; the rest stays. A filter is replaced as a whole."""
    changed = _wishes(url=callback, **facts)
    if (all_types and "event_types" in changed) or (no_filter and "filter" in changed):
        raise click.UsageError("--all-types and --no-filter contradict --type and the filter options")
    changed |= {"event_types": None} if all_types else {}
    changed |= {"filter": None} if no_filter else {}
    if not changed:
        raise click.UsageError("nothing to change; see --help")
    with service_at(url, key) as service:
        refuse_unknown_provider(service, facts["provider"])
        _patch(service, subscriber_id, changed, json_output=json_output)


@subscribers_command.command("pause")
@_subscriber_command
def pause(subscriber_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Pause a subscriber; its deliveries wait."""
    with service_at(url, key) as service:
        _patch(service, subscriber_id, {"paused": True}, json_output=json_output)


@subscribers_command.command("resume")
@_subscriber_command
def resume(subscriber_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Deliver to a paused or disabled subscriber again."""
    with service_at(url, key) as service:
        _patch(service, subscriber_id, {"paused": False, "disabled": False}, json_output=json_output)


@subscribers_command.command("rotate")
@_subscriber_command
def rotate(subscriber_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Give it a new secret, shown only this once; for a day the old one signs too."""
    with service_at(url, key) as service:
        _print(service.post(path("subscribers", subscriber_id, "rotate-secret")), json_output=json_output)


@subscribers_command.command("ping")
@_subscriber_command
def ping(subscriber_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Send it a `ping` now, and show what it answered; exit code 1 if that was no success."""
    with service_at(url, key) as service:
        reply = service.post(path("subscribers", subscriber_id, "ping"))
    if json_output:
        print_json(reply)
    else:
        _print_attempt(reply["delivery"])
    sys.exit(_exit_of(reply["delivery"]))


@click.command("retry")
@click.argument("delivery_id")
@_service_command
def retry_command(delivery_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Attempt a delivery now, also one that was given up.

    Shows what the subscriber answered; exit code 1 if that was no success. `subscribers deliveries` lists them;
    everything that waits for a subscriber is sent by `subscribers resend-waiting`.
    """
    with service_at(url, key) as service:
        delivery = service.post(path("deliveries", delivery_id, "retry"))
    if json_output:
        print_json(delivery)
    else:
        _print_attempt(delivery)
    sys.exit(_exit_of(delivery))


def _print_attempt(delivery: dict[str, Any]) -> None:
    """Prints a delivery with its latest attempt."""
    show_columns([delivery | delivery["attempts"][-1]], ("id", "url", "status", "http_status", "error", "answer"))


def _exit_of(delivery: dict[str, Any]) -> int:
    return DONE if delivery["status"] == "delivered" else FAILED


@subscribers_command.command("resend-waiting")
@_subscriber_command
def resend_waiting(subscriber_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """It is back: send everything that waits for it, now."""
    with service_at(url, key) as service:
        resent = service.post(path("subscribers", subscriber_id, "resend-waiting"))
    if json_output:
        print_json(resent)
    else:
        click.echo(f"deliveries that waited and are due now: {resent['deliveries']}")


@subscribers_command.command("recover")
@click.option("--since", required=True, help="A time, for example 2026-11-20T12:00:00Z.")
@click.option("--dry-run", is_flag=True, help="Send nothing; only count what it missed.")
@_subscriber_command
def recover(subscriber_id: str, since: str, dry_run: bool, json_output: bool, url: str | None, key: str | None) -> None:
    """Send it everything again that it missed, and what waits for it; `replays show` reports the progress."""
    with service_at(url, key) as service:
        replay = service.post(path("subscribers", subscriber_id, "recover"), {"since": since, "dry_run": dry_run})
        if dry_run:
            replay = until_it_ends(service, replay)
    print_replay(replay, json_output=json_output)
    sys.exit(exit_of(replay))


@subscribers_command.command("deliveries")
@click.option("--status", type=Word(["waiting", "delivered", "given_up"]))
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True)
@_subscriber_command
def deliveries(
    subscriber_id: str, status: str | None, limit: int, json_output: bool, url: str | None, key: str | None
) -> None:
    """List its deliveries, newest first."""
    with service_at(url, key) as service:
        page = service.get(path("subscribers", subscriber_id, "deliveries"), {"status": status, "limit": limit})
    if json_output:
        print_json(page)
    else:
        show_columns(page["data"], DELIVERY)


@subscribers_command.command("delete")
@_subscriber_command
def delete(subscriber_id: str, json_output: bool, url: str | None, key: str | None) -> None:
    """Delete it; what was not delivered is given up."""
    with service_at(url, key) as service:
        service.delete(path("subscribers", subscriber_id))
    if json_output:
        print_json({"id": subscriber_id, "deleted": True})
    else:
        show_table([{"id": subscriber_id, "state": "deleted"}])


def _patch(service: Client, subscriber_id: str, changed: dict[str, Any], *, json_output: bool) -> None:
    _print(service.patch(path("subscribers", subscriber_id), changed), json_output=json_output)


def _print(subscriber: dict[str, Any], *, json_output: bool) -> None:
    if json_output:
        print_json(subscriber)
        return
    show_facts(subscriber)
    if "secret" in subscriber:
        click.echo("keep the secret: it is not shown again", err=True)
