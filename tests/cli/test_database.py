"""`arrivals migrate` and `arrivals prune`: on the database that the settings name."""

import json

import pytest

from arrivals.store.engine import migrate
from arrivals.store.engine.migrate import available
from tests.support.postgres import fresh_database

pytestmark = pytest.mark.timeout(30)


def test_migrations_are_applied_once_and_named(arrivals, tmp_path):
    place = {"DATABASE": tmp_path / "new.db"}
    first = json.loads(arrivals("migrate", "--json", **place).stdout)
    assert {"database": str(place["DATABASE"]), "applied": list(available()), "waiting": []} == first
    assert [] == json.loads(arrivals("migrate", "--json", **place).stdout)["applied"]
    assert f"{place['DATABASE']} is up to date\n" == arrivals("migrate", **place).stdout


def test_migrations_are_a_table_for_people(arrivals, tmp_path):
    result = arrivals("migrate", DATABASE=tmp_path / "new.db")
    assert ["applied", *available()] == result.stdout.split()


def test_on_a_server_what_the_older_release_could_not_bear_waits(arrivals, postgres_url, monkeypatch):
    current = available()
    later = {**current, "9000_post_less": "DROP TABLE ledgers;"}
    monkeypatch.setattr(migrate, "available", lambda: later)
    with fresh_database(postgres_url) as url:
        first = json.loads(arrivals("migrate", "--json", DATABASE=url).stdout)
        waiting = arrivals("migrate", DATABASE=url).stdout
        last = json.loads(arrivals("migrate", "--post", "--json", DATABASE=url).stdout)

    assert ([*current], ["9000_post_less"]) == (first["applied"], first["waiting"])
    assert "waiting for --post: 9000_post_less\n" == waiting
    assert (["9000_post_less"], []) == (last["applied"], last["waiting"])


def test_pruning_tells_what_was_deleted_by_table(arrivals, tmp_path):
    place = {"DATABASE": tmp_path / "new.db"}
    result = arrivals("prune", "--json", **place)
    assert 0 == result.exit_code, result.stderr
    assert {0} == set(json.loads(result.stdout).values())
    assert ["table", "deleted"] == arrivals("prune", **place).stdout.split()[:2]


@pytest.mark.parametrize("command", ["migrate", "prune"])
def test_database_that_cannot_be_used_is_one_line(arrivals, tmp_path, command):
    result = arrivals(command, DATABASE=tmp_path)
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"arrivals: cannot open the database {tmp_path}: unable to open database file\n" == result.stderr


@pytest.mark.parametrize("command", ["migrate", "prune"])
def test_unknown_setting_is_wrong_usage(arrivals, command):
    assert 2 == arrivals(command, DATABSE="x").exit_code
