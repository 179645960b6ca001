"""Opens the database that the settings name; the driver is chosen here and nowhere else."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Database, Unsuitable
from arrivals.store.engine.sqlite import SqliteDatabase
from arrivals.store.engine.sqlite_file import examine

SCHEMES = ("postgresql://", "postgres://")


def on_server(database: str) -> bool:
    """True for a server, which several machines may share; False for a file."""
    return database.startswith(SCHEMES)


async def open_database(
    database: str, clock: Callable[[], Micros], connections: int, *, create: bool = False
) -> Database:
    """Opens a server by its URL, or an SQLite file by its path, which `create` makes where it is missing.

    Raises Unsuitable, also for a file of something else, which is left as it is.
    """
    if not on_server(database):
        path = Path(database)
        await anyio.to_thread.run_sync(partial(examine, path, create=create))
        return await SqliteDatabase.open(path, clock)
    try:
        from arrivals.store.engine.postgres import PostgresDatabase
    except ModuleNotFoundError as error:
        raise Unsuitable(
            "PostgreSQL needs the extra `postgres`: in a clone of Arrivals, pip install '.[postgres]'"
        ) from error
    return await PostgresDatabase.open(database, connections=connections)
