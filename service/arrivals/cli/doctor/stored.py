"""The database as `arrivals doctor` reads it, once for all of its checks. Nothing is changed."""

import anyio

from arrivals.assembly import clock
from arrivals.config.settings import Settings
from arrivals.store.diagnosis import Diagnosis, diagnose
from arrivals.store.engine.base import StoreError
from arrivals.store.engine.connect import open_database
from arrivals.store.engine.migrate import compare


def read_diagnosis(settings: Settings) -> Diagnosis | None:
    """The diagnosis; None where the check of the database says what is wrong, or there is no database yet."""
    path = settings.database_path
    if path is not None and not path.exists():
        return None
    try:
        return anyio.run(_diagnosed, settings)
    except (StoreError, OSError):
        return None


async def _diagnosed(settings: Settings) -> Diagnosis | None:
    database = await open_database(settings.database, clock, settings.database_connections)
    try:
        if (await compare(database)).pre:
            return None
        async with database.reading() as tx:
            return await diagnose(tx, [provider for provider, _ in settings.accounts])
    finally:
        await database.close()
