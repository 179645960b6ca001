"""Reads the service's database from outside, SQLite or PostgreSQL, and fills it while the service is down.

The only module here that writes SQL. It knows names of tables and takes their columns as it finds them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
import sqlite3
from typing import Any

Row = dict[str, Any]


class Books(ABC):
    """A connection to the database. Values are written as `?` in every query, whatever the driver."""

    @abstractmethod
    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """Returns every row of the result."""

    @abstractmethod
    def many(self, query: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs the statement once for each row; the transaction stays open until `commit`."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Inserts rows in bulk."""

    @abstractmethod
    def commit(self) -> None:
        """Ends the transaction, durably."""

    @abstractmethod
    def settled_down(self) -> None:
        """Leaves the files, after a bulk insert, as a service that has run for a while would."""

    @abstractmethod
    def tables(self) -> list[str]:
        """The names of the service's tables."""

    @abstractmethod
    def bytes(self) -> int:
        """The size of the database on disk."""

    @abstractmethod
    def close(self) -> None:
        """Closes the connection."""

    def count(self, table: str, condition: str = "1 = 1") -> int:
        """The number of rows that satisfy the condition."""
        counted: int = self.rows(f"SELECT COUNT(*) AS counted FROM {table} WHERE {condition}")[0]["counted"]  # noqa: S608 - written here
        return counted

    def repeated(self, table: str, column: str, condition: str) -> int:
        """The number of rows beyond the first for each value of the column."""
        rows = self.rows(f"SELECT COUNT(*) - COUNT(DISTINCT {column}) AS counted FROM {table} WHERE {condition}")  # noqa: S608 - written here
        counted: int = rows[0]["counted"]
        return counted

    def set_event_position(self, position: int) -> None:
        """Sets the position of the last event. An older commit, as a baseline, has another name for the column."""
        [row] = self.pick("counters", "*", "name = 'events'")
        (column,) = row.keys() - {"name"}
        self.many(f"UPDATE counters SET {column} = ? WHERE name = 'events'", [(position,)])  # noqa: S608 - a column of it

    def pick(self, table: str, columns: str, condition: str = "1 = 1") -> list[Row]:
        """Returns some columns of the rows that satisfy the condition."""
        return self.rows(f"SELECT {columns} FROM {table} WHERE {condition}")  # noqa: S608 - written here

    def all(self, table: str) -> list[Row]:
        """Returns every row of a table."""
        return self.rows(f"SELECT * FROM {table}")  # noqa: S608 - a table that the database named

    def insert_text(self, table: str, columns: Sequence[str]) -> str:
        """Returns the statement that writes one row."""
        places = ", ".join("?" for _ in columns)
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - the database named them

    def update_text(self, table: str, columns: Sequence[str]) -> str:
        """Returns the statement that writes these columns of the row whose id is the last value."""
        return f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)} WHERE id = ?"  # noqa: S608 - as above


class SqliteBooks(Books):
    """An SQLite file, opened with the durability that the service uses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level="IMMEDIATE", check_same_thread=False, timeout=30.0)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """See Books."""
        return [dict(row) for row in self._connection.execute(query, values)]

    def many(self, query: str, rows: Iterable[Sequence[Any]]) -> None:
        """See Books."""
        self._connection.executemany(query, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """See Books."""
        self.many(self.insert_text(table, columns), rows)

    def commit(self) -> None:
        """See Books."""
        self._connection.commit()

    def settled_down(self) -> None:
        """See Books: empties the write-ahead log."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def tables(self) -> list[str]:
        """See Books."""
        rows = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
        return [row["name"] for row in rows]

    def bytes(self) -> int:
        """See Books: the file and its write-ahead log."""
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """See Books."""
        self._connection.close()


class PostgresBooks(Books):
    """The database behind a URL. Raises ConnectionError, and ModuleNotFoundError without psycopg."""

    def __init__(self, url: str) -> None:
        import psycopg
        from psycopg.rows import dict_row

        try:
            self._connection: psycopg.Connection[Row] = psycopg.connect(url, row_factory=dict_row)
        except psycopg.Error as error:
            raise ConnectionError(f"cannot connect to the database: {error}") from error

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """See Books. Ends its transaction, so that each look sees the present."""
        with self._connection.transaction():
            return self._connection.execute(_for_psycopg(query), values).fetchall()

    def many(self, query: str, rows: Iterable[Sequence[Any]]) -> None:
        """See Books."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_for_psycopg(query), rows)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """See Books."""
        text = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(text) as copy:
            for row in rows:
                copy.write_row(row)

    def commit(self) -> None:
        """See Books."""
        self._connection.commit()

    def settled_down(self) -> None:
        """See Books: tells the planner how large the tables are."""
        self._connection.execute("ANALYZE")
        self.commit()

    def tables(self) -> list[str]:
        """See Books."""
        rows = self.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
        return [row["name"] for row in rows]

    def bytes(self) -> int:
        """See Books."""
        counted: int = self.rows("SELECT pg_database_size(current_database()) AS counted")[0]["counted"]
        return counted

    def clear(self) -> None:
        """Drops everything, so that the database is empty again."""
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
            self._connection.execute(statement)
        self.commit()

    def close(self) -> None:
        """See Books."""
        self._connection.close()


def _for_psycopg(query: str) -> str:
    return query.replace("%", "%%").replace("?", "%s")
