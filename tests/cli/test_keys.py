"""`arrivals keys`: beside the running service, on the same database."""

import json

import pytest

from service.cli.main import COMMANDS


def made(arrivals, *arguments):
    """A key made now."""
    result = arrivals("keys", "make", *arguments, "--json")
    assert 0 == result.exit_code, result.stderr
    return json.loads(result.stdout)


def test_key_is_made_with_what_it_may_do(arrivals):
    key = made(arrivals, "dashboard", "--scope", "read", "--scope", "submit")
    assert ("dashboard", ["read", "submit"]) == (key["name"], key["scopes"])
    assert key["id"].startswith("key_")
    assert key["key"].startswith("arr_")


def test_key_may_read_if_nothing_more_is_said(arrivals):
    assert ["read"] == made(arrivals, "a")["scopes"]


def test_key_for_people_is_its_text_alone(arrivals):
    result = arrivals("keys", "make", "a")
    assert 0 == result.exit_code
    (line,) = result.stdout.splitlines()
    assert line.startswith("arr_")
    assert 40 < len(line)


def test_keys_are_listed_oldest_first_without_their_text(arrivals):
    first, second = made(arrivals, "one"), made(arrivals, "two", "--scope", "admin")
    result = arrivals("keys", "list", "--json")
    listed = json.loads(result.stdout)
    assert [("one", ["read"], None), ("two", ["admin"], None)] == [
        (key["name"], key["scopes"], key["revoked_at"]) for key in listed
    ]
    assert {"id", "name", "scopes", "created_at", "revoked_at"} == set(listed[0])
    for key in (first, second):
        assert key["key"] not in result.stdout


def test_keys_for_people_are_a_table(arrivals):
    assert "nothing\n" == arrivals("keys", "list").stdout
    key = made(arrivals, "[one]", "--scope", "read", "--scope", "submit")
    result = arrivals("keys", "list")
    assert 0 == result.exit_code
    head, line = result.stdout.splitlines()
    assert ["id", "name", "scopes", "created_at", "revoked_at"] == head.split()
    assert [key["id"], "[one]", "read,", "submit"] == line.split()[:4]
    assert "-" == line.split()[-1]


def test_revoked_key_is_shown_so_and_cannot_be_revoked_again(arrivals):
    key = made(arrivals, "one")
    assert (0, "") == ((result := arrivals("keys", "revoke", key["id"])).exit_code, result.stdout)
    (listed,) = json.loads(arrivals("keys", "list", "--json").stdout)
    assert listed["revoked_at"] >= listed["created_at"]
    result = arrivals("keys", "revoke", key["id"])
    assert (1, f"arrivals: there is no key {key['id']} that is not revoked already\n") == (
        result.exit_code,
        result.stderr,
    )


@pytest.mark.parametrize(
    "arguments", [("make",), ("make", "a", "--scope", "everything"), ("revoke",), ("forget", "a")], ids=" ".join
)
def test_wrong_usage_is_said(arrivals, arguments):
    assert 2 == arrivals("keys", *arguments).exit_code


def test_keys_is_a_command():
    assert "keys" in COMMANDS
