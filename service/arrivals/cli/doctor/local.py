"""The checks of `arrivals doctor` on this machine: settings and database. Nothing is changed."""

from collections.abc import Iterator, Mapping
import os

import anyio
from msgspec import Struct

from arrivals.assembly import clock
from arrivals.config.declarations import BadSetting
from arrivals.config.key_file import has_keys, key_file_path, read_keys
from arrivals.config.settings import Settings, read_settings
from arrivals.flow.admin.readiness import can_write
from arrivals.store.engine.base import StoreError
from arrivals.store.engine.connect import open_database
from arrivals.store.engine.migrate import SchemaStatus, compare


class Check(Struct, frozen=True, kw_only=True, rename={"result": "found"}):
    """One check: its result, and what to do if something is wrong."""

    name: str
    ok: bool
    result: str
    advice: str | None = None


def settings_readable(environment: Mapping[str, str]) -> tuple[Settings | None, Check]:
    """The settings, if they can be read."""
    try:
        settings = read_settings(environment)
        if not has_keys(settings):
            read_keys(key_file_path(settings))
    except BadSetting as error:
        return None, Check(
            name="settings", ok=False, result=str(error), advice="fix or unset it; docs/operating.md lists them all"
        )
    accounts = ", ".join(sorted(f"{provider}/{account}" for provider, account in settings.accounts))
    if not accounts:
        advice = "set ARRIVALS_<PROVIDER>_API_KEY"
        return settings, Check(name="settings", ok=False, result="no provider is configured", advice=advice)
    return settings, Check(name="settings", ok=True, result=f"configured: {accounts}")


def database(settings: Settings) -> Iterator[Check]:
    """The check that the database can be written and is of this version."""
    path = settings.database_path
    if path is not None and not path.exists():
        if path.parent.is_dir() and os.access(path.parent, os.W_OK):
            yield Check(name="database", ok=True, result=f"{path} is not there yet; the first start makes it")
        else:
            advice = "make the folder writable for this user, or set ARRIVALS_DATABASE to another"
            yield Check(name="database", ok=False, result=f"nothing can be written to {path.parent}", advice=advice)
        return
    try:
        name, standing = anyio.run(_compared, settings)
    except (StoreError, OSError) as error:
        advice = "check the file's owner, permissions and disk; or the server's address, and this user's rights"
        yield Check(name="database", ok=False, result=describe(error), advice=advice)
        return
    if standing.pre:
        advice = "run `arrivals migrate`, or start `arrivals serve`"
        yield Check(name="database", ok=False, result=f"{name} lacks {', '.join(standing.pre)}", advice=advice)
    elif standing.post:
        waiting = f"{', '.join(standing.post)} waits for `arrivals migrate --post`, when no older release runs"
        yield Check(name="database", ok=True, result=f"{name} can be written; {waiting}")
    else:
        yield Check(name="database", ok=True, result=f"{name} can be written and is up to date")


async def _compared(settings: Settings) -> tuple[str, SchemaStatus]:
    """The database's name, and how its schema compares with this version. Raises StoreError."""
    database = await open_database(settings.database, clock, settings.database_connections)
    try:
        await can_write(database)
        return database.name, await compare(database)
    finally:
        await database.close()


def describe(error: Exception) -> str:
    """The text of an error, or at least its name."""
    return str(error) or type(error).__name__
