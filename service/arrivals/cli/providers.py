"""`arrivals providers`: their capabilities and their behavior."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import brief, print_json, show_table
from arrivals.client import path

MODELS = 2  # of a route, in a table


@click.command("providers")
@click.option("--routes", is_flag=True, help="Show what each route can do instead.")
@click.option("--json", "json_output", is_flag=True, help="Everything as one JSON object.")
@connection_options
@handle_errors
def providers_command(routes: bool, json_output: bool, url: str | None, key: str | None) -> None:
    """List providers and their behavior in the last seven days."""
    with service_at(url, key) as service:
        page = service.get(path("providers"))
    if json_output:
        print_json(page)
    elif routes:
        show_table([_route(provider, route) for provider in page["data"] for route in provider["routes"]])
    else:
        show_table([_behavior(provider) for provider in page["data"]])


def _behavior(provider: Mapping[str, Any]) -> dict[str, Any]:
    seen = provider["behavior"]
    polled = seen["learned_from"].get("poll", 0)
    return {
        "provider": provider["name"],
        "accounts": provider["accounts"] or None,
        "closed": seen["closed"],
        "webhooks came": _share(seen["webhooks_came"], seen["webhooks_expected"]),
        "late p50": _seconds(seen["webhook_lateness_p50_s"]),
        "late p95": _seconds(seen["webhook_lateness_p95_s"]),
        "by poll": _share(polled, seen["closed"]),
        "repeated": seen["repeated"],
        "conflicting": seen["conflicting"],
        "took p50": _seconds(seen["duration_p50_s"]),
        "took p95": _seconds(seen["duration_p95_s"]),
        "failures": brief(seen["failures"]) or None,
    }


def _route(provider: Mapping[str, Any], route: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "provider": provider["name"],
        "route": route["name"],
        "models": _some(route["models"]),
        "kind": route["kind"],
        "submit": route["submit"],
        "webhooks": route["trust"],
        "polls": _yes(route["polls"]),
        "cancels": _yes(route["cancels"]),
        "bulk": route["bulk"],
        "usual": "{} to {} s".format(*(f"{second:g}" for second in route["usual_duration_s"])),
        "longest": _seconds(route["max_duration_s"]),
    }


def _some(models: Sequence[str]) -> str:
    shown = ", ".join(models[:MODELS])
    return f"{shown} and {len(models) - MODELS} more" if len(models) > MODELS else shown


def _share(part: int, whole: int) -> str | None:
    return f"{part / whole:.0%} of {whole}" if whole else None


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g} s"


def _yes(fact: bool) -> str | None:
    return "yes" if fact else None
