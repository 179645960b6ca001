"""Opens the database that the settings name: which driver it is, is decided here and nowhere else."""

from collections.abc import Callable
from pathlib import Path

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Database, Unsuitable
from arrivals.store.engine.sqlite import SqliteDatabase

SCHEMES = ("postgresql://", "postgres://")


def on_server(database: str) -> bool:
    """Whether it is a server's, which several machines may share, and not a file."""
    return database.startswith(SCHEMES)


async def open_database(database: str, clock: Callable[[], Micros], connections: int) -> Database:
    """A path is an SQLite file, made if it is not there. Raises Unsuitable."""
    if not on_server(database):
        return await SqliteDatabase.open(Path(database), clock)
    try:
        from arrivals.store.engine.postgres import PostgresDatabase
    except ModuleNotFoundError as error:
        raise Unsuitable("PostgreSQL needs packages of its own: pip install 'arrivals[postgres]'") from error
    return await PostgresDatabase.open(database, connections=connections)
