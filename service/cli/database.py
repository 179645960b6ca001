"""`arrivals migrate` and `arrivals prune`: the database that the settings name, also beside a running service."""

import anyio
import click

from service.assembly import assembled, clock
from service.cli.main import settings_from_environment, tells_errors
from service.cli.tables import as_json, show_table
from service.logs import configure
from service.store.migrate import migrate
from service.store.sqlite import SqliteDatabase


@click.command("migrate")
@click.option("--json", "as_program", is_flag=True, help="One JSON object.")
@tells_errors
def migrate_command(as_program: bool) -> None:
    """Bring the database up to date, and say what was applied. `serve` does this too."""
    settings = settings_from_environment()

    async def run() -> list[str]:
        database = await SqliteDatabase.open(settings.database_path, clock)
        try:
            return await migrate(database, clock())
        finally:
            await database.close()

    applied = anyio.run(run)
    if as_program:
        as_json({"database": settings.database, "applied": applied})
    elif applied:
        show_table([{"applied": name} for name in applied])
    else:
        click.echo(f"{settings.database} is up to date")


@click.command("prune")
@click.option("--json", "as_program", is_flag=True, help="One JSON object: rows deleted, by table.")
@tells_errors
def prune_command(as_program: bool) -> None:
    """Forget what is older than the settings keep."""
    from service.flow.prune import prune

    configure("console", "warning")
    settings = settings_from_environment()

    async def run() -> dict[str, int]:
        async with assembled(settings) as tools:
            return dict(await prune(tools, tools.now()))

    deleted = anyio.run(run)
    if as_program:
        as_json(deleted)
    else:
        show_table([{"table": table, "deleted": count} for table, count in deleted.items()])
