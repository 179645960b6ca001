"""`arrivals keys`: beside the running service, on the same database."""

import json
from types import SimpleNamespace

import pytest

from arrivals.cli.main import COMMANDS
from arrivals.flow.admin import keys


@pytest.fixture(autouse=True)
def _database(arrivals):
    """That of a service."""
    assert 0 == arrivals("migrate", "--create").exit_code


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
    assert {
        "id", "name", "prefix", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at",
    } == set(listed[0])  # fmt: skip
    for key, shown in zip((first, second), listed, strict=True):
        assert key["key"] not in result.stdout
        assert key["key"].startswith(shown["prefix"])
        assert (len("arr_") + 6, None) == (len(shown["prefix"]), shown["last_used_at"])


def test_key_that_was_used_is_listed_with_when(arrivals, service):
    place = {"DATABASE": service["DATABASE"]}
    key = json.loads(arrivals("keys", "make", "a", "--json", **place).stdout)
    assert 0 == arrivals("list", "--key", key["key"], **service).exit_code

    def last_used_at():
        listed = json.loads(arrivals("keys", "list", "--json", **place).stdout)
        return next(shown["last_used_at"] for shown in listed if shown["id"] == key["id"])

    while (used_at := last_used_at()) is None:  # the answer does not wait for it to be written
        pass
    assert used_at.startswith("20")


def test_keys_for_people_are_a_table(arrivals):
    assert "nothing\n" == arrivals("keys", "list").stdout
    key = made(arrivals, "[one]", "--scope", "read", "--scope", "submit")
    result = arrivals("keys", "list")
    assert 0 == result.exit_code
    head, line = result.stdout.splitlines()
    columns = ["id", "name", "prefix", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at"]
    assert columns == head.split()
    assert [key["id"], "[one]", key["key"][:10], "read,", "submit"] == line.split()[:5]
    assert "-" == line.split()[-1]


def test_revoked_key_is_shown_so_and_cannot_be_revoked_again(arrivals):
    key = made(arrivals, "one")
    assert (0, "") == ((result := arrivals("keys", "revoke", key["id"])).exit_code, result.stdout)
    (listed,) = json.loads(arrivals("keys", "list", "--json").stdout)
    assert listed["revoked_at"] >= listed["created_at"]
    result = arrivals("keys", "revoke", key["id"])
    assert (1, f"arrivals: key {key['id']} does not exist or is already revoked\n") == (
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


def test_key_for_a_while_ends(arrivals):
    key = made(arrivals, "ci", "--days", 0.5)
    (listed,) = json.loads(arrivals("keys", "list", "--json").stdout)

    assert key["expires_at"] == listed["expires_at"] > listed["created_at"]
    assert made(arrivals, "forever")["expires_at"] is None


def test_rotated_key_lasts_on_for_a_while_beside_the_new_one(arrivals):
    old = made(arrivals, "app", "--scope", "submit")
    new = json.loads(arrivals("keys", "rotate", old["id"], "--hours", 2, "--json").stdout)
    first, second = json.loads(arrivals("keys", "list", "--json").stdout)

    assert ("app", ["submit"], None) == (new["name"], new["scopes"], new["expires_at"])
    assert (old["id"], new["id"]) == (first["id"], second["id"])
    assert first["expires_at"] > first["created_at"]
    assert old["key"] != new["key"]


def test_what_is_done_to_keys_is_told_without_their_text(arrivals, monkeypatch):
    lines = []
    monkeypatch.setattr(keys, "log", SimpleNamespace(info=lambda event, **facts: lines.append({"act": event, **facts})))

    texts = [arrivals("keys", "make", "app").stdout.strip()]
    (listed,) = json.loads(arrivals("keys", "list", "--json").stdout)
    texts.append(arrivals("keys", "rotate", listed["id"]).stdout.strip())
    arrivals("keys", "revoke", listed["id"])

    assert [(act, listed["id"]) for act in ("key_made", "key_rotated", "key_revoked")] == [
        (line["act"], line["key_id"]) for line in lines
    ]
    assert not [text for text in texts if text in json.dumps(lines)]


def test_key_that_is_not_there_cannot_be_rotated(arrivals):
    result = arrivals("keys", "rotate", "key_none")

    assert (1, "arrivals: no active key key_none that is valid long enough\n") == (
        result.exit_code,
        result.stderr[result.stderr.index("arrivals: ") :],
    )
