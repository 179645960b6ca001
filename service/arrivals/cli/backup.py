"""`arrivals backup`, `restore` and `new-epoch`: copies of the SQLite database, and what a restored one needs."""

from datetime import UTC, datetime
from pathlib import Path
import secrets

import anyio
import click

from arrivals.assembly import clock
from arrivals.cli.errors import handle_errors, settings_from_environment
from arrivals.cli.output import print_json
from arrivals.config.key_file import key_file_path, keys_beside, read_keys, write_keys
from arrivals.config.settings import Settings
from arrivals.core.wire import Micros, rfc3339
from arrivals.flow.admin.backup import record_backup
from arrivals.flow.admin.epoch import begin_epoch
from arrivals.store.engine.backup import Copy, check_unused, copy_database, inspect, put_in_place
from arrivals.store.engine.base import Unsuitable
from arrivals.store.engine.connect import open_database
from arrivals.store.engine.migrate import compare, migrate
from arrivals.store.engine.sqlite_file import examine

EPOCH_BYTES = 4
ON_SERVER = "the database is on a server; {} it with its own tools (docs/operating.md says how)"


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Write over an earlier backup.")
@click.option("--json", "json_output", is_flag=True, help="What the backup holds, as one JSON object.")
@handle_errors
def backup_command(file: Path, force: bool, json_output: bool) -> None:
    """Copy the SQLite database to FILE and its keys to FILE.keys, also beside a running service.

    The copy is of one moment, and every page of it is checked before FILE is there.
    """
    settings = settings_from_environment()
    source = _database_file(settings, "back it up")
    examine(source, create=False)
    if file.exists() and not force:
        raise Unsuitable(f"{file} is there already; choose another name, or write over it with --force")
    copied = copy_database(source, file)
    key_file = read_keys(key_file_path(settings))
    if key_file is not None:
        write_keys(keys_beside(file), key_file)
    anyio.run(_record, settings, file.absolute(), copied.size_bytes)
    _print(copied, json_output, keys=str(keys_beside(file)) if key_file else None)
    if not key_file and not json_output:
        click.echo("no file of keys: ARRIVALS_SECRET_KEYS, _API_KEY and _CALLBACK_SECRET are yours to keep", err=True)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "json_output", is_flag=True, help="What was restored, as one JSON object.")
@handle_errors
def restore_command(file: Path, json_output: bool) -> None:
    """Put a backup in the place of the SQLite database.

    FILE.keys is put back with FILE; the database that was there is kept beside it.

    The service must not run. A new epoch begins: cursors of before are refused, and consumers begin again. Orders that
    were pending in the backup are not submitted again; they wait for their webhooks.
    """
    settings = settings_from_environment()
    target = _database_file(settings, "restore it")
    if not file.exists():
        raise Unsuitable(f"there is no backup {file}")
    inspect(file)
    check_unused(target)
    draft = target.with_name(f"{target.name}.restored")
    copied = copy_database(file, draft)
    epoch, doubted = anyio.run(_prepare, str(draft))
    suffix = datetime.now(UTC).strftime(".before-%Y%m%dT%H%M%SZ")
    aside = put_in_place(draft, target, suffix)
    key_file = read_keys(keys_beside(file))
    place = keys_beside(target)
    if key_file is not None:
        if place.exists():
            place.rename(place.with_name(f"{target.name}{suffix}.keys"))
        write_keys(place, key_file)
    _print(
        copied, json_output, database=str(target), keys=str(place) if key_file else None,
        epoch=epoch, unknown_submissions=doubted, previous=str(aside) if aside else None,
    )  # fmt: skip


@click.command("new-epoch")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "json_output", is_flag=True, help="The epoch as one JSON object.")
@handle_errors
def new_epoch_command(yes: bool, json_output: bool) -> None:
    """Finish the restore of a PostgreSQL database.

    Run it before the service runs on that database. A new epoch begins: cursors of before are refused from then on.
    Orders that were pending in the backup are not submitted again; they wait for their webhooks.
    """
    settings = settings_from_environment()
    if settings.database_path is not None:
        examine(settings.database_path, create=False)
    if not yes:
        click.confirm(
            "Was this database restored from a backup, and is no service running on it?", abort=True, err=True
        )
    epoch, doubted = anyio.run(_prepare, settings.database)
    if json_output:
        print_json({"epoch": epoch, "unknown_submissions": doubted})
    else:
        click.echo(f"epoch {epoch} began; {_doubted(doubted)}")


def _database_file(settings: Settings, verb: str) -> Path:
    if settings.database_path is None:
        raise Unsuitable(ON_SERVER.format(verb.removesuffix(" it")))
    return settings.database_path


async def _record(settings: Settings, file: Path, size_bytes: int) -> None:
    database = await open_database(settings.database, clock, settings.database_connections)
    try:
        if not (await compare(database)).pre:  # an older service may run on it, which is to keep its schema
            await record_backup(database, clock(), str(file), size_bytes)
    finally:
        await database.close()


async def _prepare(name: str) -> tuple[str, int]:
    """Brings a restored database up to date and begins its epoch; the epoch, and the orders in doubt."""
    database = await open_database(name, clock, 2)
    try:
        await migrate(database, clock(), create=False)
        epoch = secrets.token_hex(EPOCH_BYTES)
        return epoch, await begin_epoch(database, epoch, clock())
    finally:
        await database.close()


def _print(copied: Copy, json_output: bool, **more: str | int | None) -> None:
    newest: Micros | None = copied.newest_event_at
    facts = {
        "file": str(copied.path),
        "bytes": copied.size_bytes,
        "generations": copied.generations,
        "events": copied.events,
        "newest_event_at": rfc3339(newest),
        **more,
    }
    if json_output:
        print_json(facts)
        return
    click.echo(
        f"{copied.generations} generations and {copied.events} events"
        f"{f' up to {rfc3339(newest)}' if newest else ''}, {copied.size_bytes} bytes, checked"
    )
    for name, value in more.items():
        if name == "unknown_submissions":
            click.echo(_doubted(int(value or 0)))
        elif value is not None:
            click.echo(f"{name}: {value}")


def _doubted(count: int) -> str:
    return f"{count} pending orders wait for their webhooks, because they may have been submitted since the backup"
