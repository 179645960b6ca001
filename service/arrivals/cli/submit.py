"""`arrivals submit`: order a generation."""

import sys
from typing import Any

import click

from arrivals.cli.connection import connection_options, service_at, specified
from arrivals.cli.errors import handle_errors
from arrivals.cli.generations import exit_of_wait, print_generation
from arrivals.core.wire import from_json


@click.command("submit")
@click.argument("provider")
@click.argument("model")
@click.option("--prompt", help="The prompt; it becomes `prompt` in the input.")
@click.option("--input", "more", default="{}", help="The model's input as a JSON object.")
@click.option("--account", help="The provider's account; by default `default`.")
@click.option("--metadata", help="A JSON object of your own: stored, shown, and matched by filters.")
@click.option("--idempotency-key", help="Orders with the same key are one order, however often it is sent.")
@click.option("--callback-url", help="A URL to send this generation's events to.")
@click.option("--wait", "wait_s", type=click.IntRange(0, 300), default=0, help="Seconds to wait for the end.")
@click.option("--json", "json_output", is_flag=True, help="One JSON object.")
@connection_options
@handle_errors
def submit_command(
    provider: str,
    model: str,
    prompt: str | None,
    more: str,
    metadata: str | None,
    wait_s: int,
    json_output: bool,
    url: str | None,
    key: str | None,
    **more_options: str | None,
) -> None:
    """Order one generation of MODEL from PROVIDER.

    With --wait, exit code 1 unless it completed in time.
    """
    order_input = json_object("--input", more)
    if prompt is not None:
        order_input["prompt"] = prompt
    with service_at(url, key) as service:
        options: dict[str, Any] = specified(**more_options)
        if metadata is not None:
            options["metadata"] = json_object("--metadata", metadata)
        generation = service.submit(provider, model, order_input, wait_s=wait_s, **options)
    print_generation(generation, json_output=json_output)
    if wait_s:
        sys.exit(exit_of_wait(generation, json_output=json_output))


def json_object(option: str, text: str) -> dict[str, Any]:
    """The JSON object in an option. Raises UsageError."""
    try:
        value: dict[str, Any] = from_json(text, dict[str, Any])
    except ValueError as error:
        raise click.UsageError(f"{option} must be a JSON object: {error}") from error
    return value
