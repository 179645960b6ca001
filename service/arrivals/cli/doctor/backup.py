"""The check of `arrivals doctor` that backups of an SQLite database are being made. Nothing is changed."""

from collections.abc import Iterator
from datetime import timedelta

import anyio

from arrivals.assembly import clock
from arrivals.cli.doctor.local import Check
from arrivals.config.settings import Settings
from arrivals.core.wire import SECOND, Micros, rfc3339
from arrivals.store import backups
from arrivals.store.engine.base import StoreError
from arrivals.store.engine.connect import open_database
from arrivals.store.engine.migrate import compare

OLD = timedelta(days=7)


def backup(settings: Settings) -> Iterator[Check]:
    """The check that the latest `arrivals backup` is not old; a database that is not there yet needs none."""
    path = settings.database_path
    if path is None or not path.exists():
        return
    try:
        latest = anyio.run(_latest, settings)
    except (StoreError, OSError):
        return  # which the check of the database says
    if latest is None:
        result = "none was made by `arrivals backup`; make one each day, or copy the disk by other means"
        yield Check(name="backup", ok=True, result=result)
        return
    at, file = latest
    age = timedelta(seconds=(clock() - at) / SECOND)
    result = f"the latest is of {rfc3339(at)}, in {file}"
    if age > OLD:
        advice = "run `arrivals backup FILE` again, and find out why it no longer runs"
        yield Check(name="backup", ok=False, result=f"{result}: {age.days} days old", advice=advice)
    else:
        yield Check(name="backup", ok=True, result=result)


async def _latest(settings: Settings) -> tuple[Micros, str] | None:
    database = await open_database(settings.database, clock, settings.database_connections)
    try:
        if (await compare(database)).pre:
            return None
        async with database.reading() as tx:
            return await backups.latest(tx)
    finally:
        await database.close()
