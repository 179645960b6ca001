"""`arrivals migrate` and `arrivals prune`: on the database that the settings name."""

from contextlib import closing, contextmanager, nullcontext
import json
from pathlib import Path
import sqlite3

import pytest

from arrivals.store.engine import migrate
from arrivals.store.engine.migrate import available
from tests.support.postgres import fresh_database

pytestmark = pytest.mark.timeout(30)


def test_migrations_are_applied_once_and_named(arrivals, tmp_path):
    place = {"DATABASE": tmp_path / "new.db"}
    first = json.loads(arrivals("migrate", "--create", "--json", **place).stdout)
    assert {"database": str(place["DATABASE"]), "applied": list(available()), "waiting": []} == first
    assert [] == json.loads(arrivals("migrate", "--json", **place).stdout)["applied"]
    assert f"{place['DATABASE']} is up to date\n" == arrivals("migrate", **place).stdout


def test_migrations_are_a_table_for_people(arrivals, tmp_path):
    result = arrivals("migrate", "--create", DATABASE=tmp_path / "new.db")
    assert ["applied", *available()] == result.stdout.split()


def test_on_a_server_what_the_older_release_could_not_bear_waits(arrivals, postgres_url, monkeypatch):
    current = available()
    later = {**current, "9000_post_less": "DROP TABLE ledgers;"}
    monkeypatch.setattr(migrate, "available", lambda: later)
    with fresh_database(postgres_url) as url:
        first = json.loads(arrivals("migrate", "--create", "--json", DATABASE=url).stdout)
        waiting = arrivals("migrate", DATABASE=url).stdout
        last = json.loads(arrivals("migrate", "--post", "--json", DATABASE=url).stdout)

    assert ([*current], ["9000_post_less"]) == (first["applied"], first["waiting"])
    assert "waiting for --post: 9000_post_less\n" == waiting
    assert (["9000_post_less"], []) == (last["applied"], last["waiting"])


def test_pruning_tells_what_was_deleted_by_table(arrivals, tmp_path):
    place = {"DATABASE": tmp_path / "new.db"}
    arrivals("migrate", "--create", **place)
    result = arrivals("prune", "--json", **place)
    assert 0 == result.exit_code, result.stderr
    assert {0} == set(json.loads(result.stdout).values())
    assert ["table", "deleted"] == arrivals("prune", **place).stdout.split()[:2]


@pytest.mark.parametrize("command", ["migrate", "prune"])
def test_database_that_cannot_be_used_is_one_line(arrivals, tmp_path, command):
    result = arrivals(command, DATABASE=tmp_path)
    assert (1, "") == (result.exit_code, result.stdout)
    said = f"arrivals: cannot open the database {tmp_path}: it is a folder; set ARRIVALS_DATABASE to another path\n"
    assert said == result.stderr


EXISTING = [
    ("keys", "make", "a"), ("keys", "list"), ("keys", "revoke", "key_1"), ("keys", "rotate", "key_1"), ("prune",),
    ("migrate",), ("migrate", "--post"), ("new-epoch", "--yes"), ("backup", "copy.db"),
]  # fmt: skip


@pytest.mark.parametrize("command", EXISTING, ids=" ".join)
@pytest.mark.parametrize("empty", [False, True], ids=["nothing", "empty"])
def test_where_there_is_no_database_none_is_made(arrivals, tmp_path, command, empty):
    """Whoever is in the wrong folder gets no key that the service would refuse."""
    path = tmp_path / "arrivals.db"
    if empty:
        path.touch()
    result = arrivals(*command)

    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith(f"arrivals: there is no database of Arrivals in {path}; set ARRIVALS_DATABASE to")
    assert result.stderr.endswith("`arrivals serve` does, and `arrivals migrate --create`\n")
    assert ([("arrivals.db", b"")] if empty else []) == contents(tmp_path)


def test_an_empty_database_on_a_server_is_filled_only_when_it_is_to_be(arrivals, postgres_url):
    with fresh_database(postgres_url) as url:
        refused = [arrivals(*command, DATABASE=url) for command in EXISTING if command[0] != "backup"]
        made = arrivals("migrate", "--create", DATABASE=url)

    assert {1} == {result.exit_code for result in refused}
    assert all("there is no database of Arrivals in" in result.stderr for result in refused)
    assert ["applied", *available()] == made.stdout.split()


def contents(folder):
    """Every file with its bytes; folders have none."""
    return sorted((path.name, path.read_bytes() if path.is_file() else b"") for path in folder.iterdir())


@contextmanager
def in_use(path, mode):
    """A database of another program, which has it open."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE theirs (name TEXT)")
        connection.execute("CREATE TABLE migrations (name TEXT, batch INT)")
        connection.commit()
        yield


WRITERS = [("serve",), ("doctor",), ("migrate", "--create"), *EXISTING]


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("open_now", [True, False], ids=["open", "closed"])
def test_a_database_of_another_program_is_not_written_into(arrivals, tmp_path, command, mode, open_now):
    """Not even its journal mode changes, and nothing is left beside it. It, too, has a table of migrations."""
    path = tmp_path / "theirs.db"
    with in_use(path, mode) if open_now else nullcontext():
        if not open_now:
            with in_use(path, mode):
                pass
        # Its -shm is memory that whoever reads a log shares.
        before = [item for item in contents(tmp_path) if not item[0].endswith("-shm")]
        result = arrivals(*command, DATABASE=path, PORT=0)
        after = [item for item in contents(tmp_path) if not item[0].endswith("-shm")]

    assert 1 == result.exit_code
    assert f"cannot open the database {path}: it is of another program (it has the table theirs and 1 more)" in (
        result.stdout + result.stderr
    )
    assert before == after


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("notes.txt", "it is a file, but no SQLite database"),
        ("folder", "it is a folder"),
        ("/dev/null", "it is no file"),
    ],
)
def test_a_path_that_is_no_database_is_one_line_and_gets_no_keys(arrivals, tmp_path, command, name, reason):
    (tmp_path / "notes.txt").write_text("buy milk")
    (tmp_path / "folder").mkdir()
    before, path = contents(tmp_path), tmp_path / name
    result = arrivals(*command, DATABASE=path, PORT=0)

    assert 1 == result.exit_code
    said = f"cannot open the database {path}: {reason}; set ARRIVALS_DATABASE to another path"
    assert said in result.stdout + result.stderr
    if command != ("doctor",):
        assert f"arrivals: {said}\n" == result.stderr
    assert before == contents(tmp_path)
    assert not Path("/dev/null.keys").exists()


@pytest.mark.parametrize("command", ["migrate", "prune"])
def test_unknown_setting_is_wrong_usage(arrivals, command):
    assert 2 == arrivals(command, DATABSE="x").exit_code
