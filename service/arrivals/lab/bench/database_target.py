"""The database of a run: a new SQLite file or an empty PostgreSQL database, and empty again afterwards."""

from collections.abc import Mapping
from pathlib import Path
import sqlite3
from urllib.parse import urlsplit

from arrivals.lab.bench.database import Books, PostgresBooks, SqliteBooks

POSTGRESQL = ("postgresql", "postgres")
SUFFIXES = ("", "-wal", "-shm", ".keys")


class NotEmpty(Exception):
    """The database already holds something, which is not the benchmark's to change."""


class Place:
    """The place that a value of `ARRIVALS_DATABASE` names."""

    def __init__(self, database: str) -> None:
        """Raises NotEmpty."""
        self.setting = database
        self.is_postgresql = urlsplit(database).scheme in POSTGRESQL
        if self.is_postgresql:
            books = self.open()
            tables = books.tables()
            books.close()
            if tables:
                raise NotEmpty(f"the database is not empty: it has {', '.join(sorted(tables)[:3])} …")
        elif Path(database).exists():
            raise NotEmpty(f"{database} exists already")

    def open(self) -> Books:
        """Opens a connection."""
        return PostgresBooks(self.setting) if self.is_postgresql else SqliteBooks(Path(self.setting))

    def clear(self) -> None:
        """Deletes everything; nobody else may be connected."""
        if self.is_postgresql:
            books = PostgresBooks(self.setting)
            books.clear()
            books.close()
            return
        for suffix in SUFFIXES:
            Path(self.setting + suffix).unlink(missing_ok=True)

    def version(self) -> str:
        """The database's name and version."""
        if not self.is_postgresql:
            return f"SQLite {sqlite3.sqlite_version}"
        books = self.open()
        row: Mapping[str, str] = books.rows("SHOW server_version")[0]
        books.close()
        return f"PostgreSQL {row['server_version']}"
