"""`arrivals keys`: API keys with scopes, made beside the running service on the same database."""

import anyio
import click

from service.assembly import assembled
from service.cli.main import settings_from_environment, tells_errors
from service.cli.tables import as_json, show_table
from service.core.wire import rfc3339
from service.logs import configure
from service.store import keys
from service.store.base import Missing
from service.web.auth import Scope, make_key


@click.group("keys")
def keys_command() -> None:
    """Make, list and revoke API keys."""
    configure("console", "warning")


@keys_command.command("make")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([scope.value for scope in Scope]), default=["read"])
@click.option("--json", "as_program", is_flag=True, help="One JSON object.")
@tells_errors
def make(name: str, scopes: tuple[str, ...], as_program: bool) -> None:
    """Make a key; its text is shown once."""

    async def run() -> None:
        async with assembled(settings_from_environment()) as tools:
            key, text = await make_key(tools, name, [Scope(scope) for scope in scopes])
        if as_program:
            as_json({"id": key.id, "name": key.name, "scopes": key.scopes, "key": text})
        else:
            click.echo(text)

    anyio.run(run)


@keys_command.command("list")
@click.option("--json", "as_program", is_flag=True, help="A JSON list.")
@tells_errors
def list_all(as_program: bool) -> None:
    """Every key, oldest first."""

    async def run() -> None:
        async with assembled(settings_from_environment()) as tools, tools.store.reading() as tx:
            found = await keys.listed(tx)
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "scopes": key.scopes,
                "created_at": rfc3339(key.created_at),
                "revoked_at": rfc3339(key.revoked_at),
            }
            for key in found
        ]
        if as_program:
            as_json(rows)
        else:
            show_table(rows)

    anyio.run(run)


@keys_command.command("revoke")
@click.argument("key_id")
@tells_errors
def revoke(key_id: str) -> None:
    """From now on nobody may use the key."""

    async def run() -> None:
        async with assembled(settings_from_environment()) as tools, tools.store.transaction() as tx:
            try:
                await keys.revoke(tx, key_id, tools.now())
            except Missing as error:
                raise OSError(f"there is no key {key_id} that is not revoked already") from error

    anyio.run(run)
