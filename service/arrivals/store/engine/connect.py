"""Opens the database that the settings name; the driver is chosen here and nowhere else."""

from collections.abc import Callable
from pathlib import Path

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Database, Unsuitable
from arrivals.store.engine.sqlite import SqliteDatabase

SCHEMES = ("postgresql://", "postgres://")


def on_server(database: str) -> bool:
    """True for a server, which several machines may share; False for a file."""
    return database.startswith(SCHEMES)


async def open_database(database: str, clock: Callable[[], Micros], connections: int) -> Database:
    """Opens a server by its URL, or an SQLite file by its path, created if missing. Raises Unsuitable."""
    if not on_server(database):
        return await SqliteDatabase.open(Path(database), clock)
    try:
        from arrivals.store.engine.postgres import PostgresDatabase
    except ModuleNotFoundError as error:
        raise Unsuitable("PostgreSQL needs packages of its own: pip install 'arrivals[postgres]'") from error
    return await PostgresDatabase.open(database, connections=connections)
