"""`arrivals migrate` and `arrivals prune`: on the database that the settings name."""

import json

import pytest

from service.store.migrate import available

pytestmark = pytest.mark.timeout(30)


def test_migrations_are_applied_once_and_named(arrivals, tmp_path):
    place = {"DATABASE": tmp_path / "new.db"}
    first = json.loads(arrivals("migrate", "--json", **place).stdout)
    assert {"database": str(place["DATABASE"]), "applied": list(available())} == first
    assert [] == json.loads(arrivals("migrate", "--json", **place).stdout)["applied"]
    assert f"{place['DATABASE']} is up to date\n" == arrivals("migrate", **place).stdout


def test_migrations_are_a_table_for_people(arrivals, tmp_path):
    result = arrivals("migrate", DATABASE=tmp_path / "new.db")
    assert ["applied", *available()] == result.stdout.split()


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
