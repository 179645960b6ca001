"""`arrivals migrate` and `arrivals prune`: work on the configured database, also beside a running service."""

import anyio
import click

from arrivals.assembly import assembled, clock
from arrivals.cli.errors import handle_errors, settings_from_environment
from arrivals.cli.output import print_json, show_table
from arrivals.logs import configure
from arrivals.store.engine.connect import on_server, open_database
from arrivals.store.engine.migrate import SchemaStatus, compare, migrate


@click.command("migrate")
@click.option("--post", is_flag=True, help="Also apply what older releases cannot run with; none may run any more.")
@click.option("--create", is_flag=True, help="Make the database where there is none.")
@click.option("--json", "json_output", is_flag=True, help="One JSON object.")
@handle_errors
def migrate_command(post: bool, create: bool, json_output: bool) -> None:
    """Bring the database up to date, and say what was applied. `serve` does this too.

    On PostgreSQL, where older releases may still run beside this one, migrations that would break them wait for --post.
    """
    settings = settings_from_environment()

    async def run() -> tuple[str, list[str], SchemaStatus]:
        database = await open_database(settings.database, clock, settings.database_connections, create=create)
        try:
            applied = await migrate(database, clock(), post=post or not on_server(settings.database), create=create)
            return database.name, applied, await compare(database)
        finally:
            await database.close()

    name, applied, standing = anyio.run(run)
    if json_output:
        print_json({"database": name, "applied": applied, "waiting": standing.post})
        return
    if applied:
        show_table([{"applied": name} for name in applied])
    if standing.post:
        click.echo(f"waiting for --post: {', '.join(standing.post)}")
    elif not applied:
        click.echo(f"{name} is up to date")


@click.command("prune")
@click.option("--json", "json_output", is_flag=True, help="One JSON object: rows deleted, by table.")
@handle_errors
def prune_command(json_output: bool) -> None:
    """Delete what is older than the settings keep."""
    from arrivals.flow.admin.prune import prune

    configure("console", "warning")
    settings = settings_from_environment()

    async def run() -> dict[str, int]:
        async with assembled(settings) as context:
            return dict(await prune(context, context.now()))

    deleted = anyio.run(run)
    if json_output:
        print_json(deleted)
    else:
        show_table([{"table": table, "deleted": count} for table, count in deleted.items()])
