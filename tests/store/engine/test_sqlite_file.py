"""The kinds of path, before anything is written to one."""

from contextlib import closing
import shutil
import sqlite3

import pytest

from arrivals.store.engine.base import Unsuitable
from arrivals.store.engine.sqlite_file import MAGIC, examine

OURS = "CREATE TABLE migrations (name TEXT, digest TEXT, applied_at INT)"


def test_a_database_whose_content_is_still_in_its_log_is_ours(tmp_path):
    """As a crash leaves it: the file itself holds no table yet. The name is one that a URI would read otherwise."""
    path = tmp_path / "my 100%?#.db"
    with closing(sqlite3.connect(tmp_path / "running.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(OURS)
        connection.execute("INSERT INTO migrations (name) VALUES ('0001_initial')")
        connection.commit()
        shutil.copy(tmp_path / "running.db", path)
        shutil.copy(tmp_path / "running.db-wal", f"{path}-wal")

    examine(path, create=False)


def test_a_file_without_tables_is_a_place_for_one(tmp_path):
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")

    examine(tmp_path / "new.db", create=True)
    examine(tmp_path / "missing.db", create=True)
    with pytest.raises(Unsuitable, match="there is no database of Arrivals in"):
        examine(tmp_path / "new.db", create=False)


def test_a_table_of_migrations_without_our_first_is_of_another_program(tmp_path):
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as connection:
        connection.execute(OURS)

    with pytest.raises(Unsuitable, match=r"it is of another program \(it has the table migrations\)"):
        examine(tmp_path / "theirs.db", create=True)


def test_a_broken_file_is_said_in_one_line(tmp_path):
    path = tmp_path / "broken.db"
    path.write_bytes(MAGIC + b"\xff" * 4096)

    with pytest.raises(Unsuitable, match=rf"^cannot open the database {path}: file is not a database$"):
        examine(path, create=True)
