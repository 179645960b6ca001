"""`arrivals list`, `cancel` and `poll` against a real service."""

import json

import pytest

pytestmark = pytest.mark.timeout(30)


def ids(page):
    return [row["id"] for row in page["data"]]


def test_list_is_filtered_by_all_that_the_service_filters_by(run, open_ended, ended):
    mine = open_ended("--metadata", '{"user": "u1", "cart": "c7"}')
    open_ended("--metadata", '{"user": "u1", "cart": "c8"}')
    assert [mine["id"]] == ids(run("list", "--metadata", "user=u1", "--metadata", "cart=c7", "--json"))

    done = ended()
    both = run("list", "--status", "completed", "--status", "failed", "--json")
    assert {"completed"} <= {row["status"] for row in both["data"]} <= {"completed", "failed"}
    assert [done["id"]] == ids(run("list", "--external-id", done["external_id"], "--json"))
    window = ("--since", done["created_at"], "--until", done["closed_at"])
    assert done["id"] in ids(run("list", *window, "--api-key", done["api_key"], "--json"))
    assert [] == ids(run("list", "--until", "1971-01-01T00:00:00Z", "--json"))


def test_list_goes_on_by_cursor(run, open_ended):
    older, newer = open_ended(), open_ended()
    first = run("list", "--limit", 1)
    assert newer["id"] in first.stdout
    cursor = first.stderr.removeprefix("next page: --after ").rstrip()
    assert [older["id"]] == ids(run("list", "--limit", 1, "--after", cursor, "--json"))


def test_provider_that_does_not_exist_is_said_with_the_one_that_was_meant(run):
    refused = run("list", "--provider", "eachlab", code=2)
    assert "'eachlab' is not one of 'aihubmix', 'eachlabs'," in refused.stderr
    assert "Did you mean 'eachlabs'?" in refused.stderr
    assert "nothing\n" == run("list", "--provider", "seacloud").stdout


@pytest.mark.parametrize(
    "command",
    [
        ("watch",),
        ("events", "list"),
        ("webhooks", "list"),
        ("listen", "--forward-to", "http://127.0.0.1:9/"),
        ("replays", "start", "webhooks"),
        ("subscribers", "add", "https://example.com/hook"),
        ("subscribers", "update", "sub_1"),
    ],
    ids=" ".join,
)
def test_no_filter_waits_for_a_provider_that_does_not_exist(run, command):
    refused = run(*command, "--provider", "eachlab", code=2)
    assert "Did you mean 'eachlabs'?" in refused.stderr


@pytest.mark.parametrize("pair", ["user", "=u1", ""])
def test_metadata_is_a_pair(run, pair):
    assert "must be KEY=VALUE" in run("list", "--metadata", pair, code=2).stderr


def test_wrong_moment_is_said_in_the_services_words(run):
    refused = run("list", "--since", "yesterday", code=1)
    assert "arrivals: since: must be a moment" in refused.stderr
    assert 1 == len(refused.stderr.splitlines())


def test_generations_are_canceled(run, open_ended):
    first, second = open_ended()["id"], open_ended()["id"]
    _, *rows = run("cancel", first, second).stdout.splitlines()
    assert [[first, "canceled"], [second, "canceled"]] == [[row.split()[0], row.split()[3]] for row in rows]


def test_refused_cancellation_keeps_no_other_from_being_canceled(run, open_ended, ended, arrivals, whole):
    over, open_yet = ended()["id"], open_ended()["id"]
    result = arrivals("cancel", over, open_yet, "--json", **whole)
    problem, canceled = json.loads(result.stderr), json.loads(result.stdout)
    assert (1, over, "not_cancelable") == (result.exit_code, problem["instance"], problem["code"])
    assert (open_yet, "canceled") == (canceled["id"], canceled["status"])
    assert f"arrivals: {over}: it is completed already\n" == run("cancel", over, code=1).stderr


def test_poll_asks_the_provider_now(run, open_ended):
    made = open_ended()["id"]
    assert "processing" == run("poll", made, "--json")["status"]
    assert "processing" in run("poll", made).stdout


def test_poll_of_what_is_not_there_is_said(run):
    assert 1 == len(run("poll", "gen_1", code=1).stderr.splitlines())
