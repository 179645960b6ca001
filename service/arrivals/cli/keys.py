"""`arrivals keys`: API keys with scopes, made beside the running service on the same database."""

import anyio
import click

from arrivals.assembly import assembled
from arrivals.cli.errors import handle_errors, settings_from_environment
from arrivals.cli.output import print_json, show_table
from arrivals.core.api_key import ApiKey, Scope
from arrivals.core.wire import rfc3339
from arrivals.flow.admin.keys import make_key, revoke_key, rotate_key
from arrivals.logs import configure
from arrivals.store import keys
from arrivals.store.engine.base import Missing

DAY_S = 86_400


@click.group("keys")
def keys_command() -> None:
    """Make, list, rotate and revoke API keys."""
    configure("console", "info")


@keys_command.command("make")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([scope.value for scope in Scope]), default=["read"])
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="Days until it expires; by default it never does."
)
@click.option("--json", "json_output", is_flag=True, help="One JSON object.")
@handle_errors
def make(name: str, scopes: tuple[str, ...], days: float | None, json_output: bool) -> None:
    """Make a key; its text is shown once."""

    async def run() -> None:
        async with assembled(settings_from_environment()) as context:
            lasts_s = None if days is None else days * DAY_S
            _show(*await make_key(context, name, [Scope(scope) for scope in scopes], lasts_s), json_output=json_output)

    anyio.run(run)


def _show(key: ApiKey, text: str, *, json_output: bool) -> None:
    if json_output:
        ends = rfc3339(key.expires_at)
        facts = {"id": key.id, "name": key.name, "prefix": key.prefix, "scopes": key.scopes, "expires_at": ends}
        print_json(facts | {"key": text})
    else:
        click.echo(text)


@keys_command.command("rotate")
@click.argument("key_id")
@click.option(
    "--hours", type=click.FloatRange(min=0), default=24, show_default=True, help="How long the old key stays valid."
)
@click.option("--json", "json_output", is_flag=True, help="One JSON object.")
@handle_errors
def rotate(key_id: str, hours: float, json_output: bool) -> None:
    """Replace a key with a new one; its text is shown once, and the old key soon expires."""

    async def run() -> None:
        async with assembled(settings_from_environment()) as context:
            try:
                made = await rotate_key(context, key_id, hours * 3600)
            except Missing as error:
                raise OSError(f"no active key {key_id} that is valid long enough") from error
            _show(*made, json_output=json_output)

    anyio.run(run)


@keys_command.command("list")
@click.option("--json", "json_output", is_flag=True, help="A JSON list.")
@handle_errors
def list_all(json_output: bool) -> None:
    """List all keys, oldest first, with how each begins and when it was last used."""

    async def run() -> None:
        async with assembled(settings_from_environment()) as context, context.store.reading() as tx:
            stored = await keys.listed(tx)
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "prefix": key.prefix,
                "scopes": key.scopes,
                "created_at": rfc3339(key.created_at),
                "last_used_at": rfc3339(key.last_used_at),
                "expires_at": rfc3339(key.expires_at),
                "revoked_at": rfc3339(key.revoked_at),
            }
            for key in stored
        ]
        if json_output:
            print_json(rows)
        else:
            show_table(rows)

    anyio.run(run)


@keys_command.command("revoke")
@click.argument("key_id")
@handle_errors
def revoke(key_id: str) -> None:
    """Revoke a key: from now on nobody may use it."""

    async def run() -> None:
        async with assembled(settings_from_environment()) as context:
            try:
                await revoke_key(context, key_id)
            except Missing as error:
                raise OSError(f"key {key_id} does not exist or is already revoked") from error

    anyio.run(run)
