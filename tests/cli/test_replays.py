"""`arrivals replays`: start, wait for, look at and cancel what is done again."""

import time

import pytest

from arrivals.cli import replays as module

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)


def test_replay_is_waited_for_and_says_what_it_found(run, ended):
    made = ended()
    while not run("webhooks", "list", "--generation", made["id"], "--finding", "advanced", "--json")["data"]:
        pass
    replay = run("replays", "start", "webhooks", "--generation", made["id"], "--json")
    assert ("finished", 1, 1, {"repeated": 1}) == tuple(
        replay[name] for name in ("status", "total", "done", "findings")
    )
    shown = run("replays", "show", replay["id"])
    assert "repeated=1" in shown.stdout
    assert replay == run("replays", "show", replay["id"], "--json")
    row = next(line for line in run("replays", "list").stdout.splitlines() if replay["id"] in line)
    assert ["webhooks", "finished", "1", "1", "repeated=1"] == row.split()[2:]
    assert replay == run("replays", "list", "--limit", 1, "--json")["data"][0]


def test_dry_run_is_told_as_one(run, ended):
    replay = run("replays", "start", "events", "--generation", ended()["id"], "--dry-run", "--json")
    assert (True, "finished") == (replay["dry_run"], replay["status"])


def test_events_that_were_missed_go_to_one_subscriber(run, ended, hook):
    made = ended()
    subscriber = run("subscribers", "add", hook.url, "--json")["id"]
    only = ("--subscriber", subscriber, "--missed", "--since", made["created_at"])
    replay = run("replays", "start", "events", *only, "--rate", 100, "--json")
    hook.wait(replay["findings"]["redelivered"])
    assert (100, True, subscriber) == (
        replay["rate_per_s"],
        replay["filters"]["missed"],
        replay["filters"]["subscriber"],
    )
    assert "true" in hook.taken[0][0].get("webhook-redelivered", "true")
    run("subscribers", "delete", subscriber)


def test_replay_that_nobody_waits_for_goes_on_and_can_be_canceled(run, ended):
    ended(), ended()
    replay = run("replays", "start", "events", "--rate", 0.01, "--no-wait", "--dry-run", "--json")
    assert "running" == replay["status"]
    assert "canceled" in run("replays", "cancel", replay["id"]).stdout
    refused = run("replays", "cancel", replay["id"], "--json", code=1)
    assert "canceled already" in refused.stderr


def test_replay_that_was_canceled_while_it_was_waited_for_is_a_failure(run, ended, monkeypatch):
    ended(), ended()
    canceled = []

    def cancel(_seconds):
        if not canceled:
            (newest,) = run("replays", "list", "--limit", 1, "--json")["data"]
            canceled.append(run("replays", "cancel", newest["id"], "--json"))

    monkeypatch.setattr(time, "sleep", cancel)
    assert "canceled" in run("replays", "start", "events", "--rate", 0.01, "--dry-run", code=1).stdout
    assert ["canceled"] == [replay["status"] for replay in canceled]


def test_who_stops_waiting_is_told_how_to_look(run, ended, monkeypatch):
    ended(), ended()

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    result = run("replays", "start", "events", "--rate", 0.01, "--dry-run")
    assert "the replay continues; see: arrivals replays show rpl_" in result.stderr
    assert "running" in result.stdout
    (newest,) = run("replays", "list", "--limit", 1, "--json")["data"]
    run("replays", "cancel", newest["id"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start", "webhooks", "--missed"), "filters.missed: means nothing for webhooks"),
        (("start", "events", "--since", "soon"), "must be a moment between 1970 and 9999"),
        (("start", "events", "--since", "0001-01-01T00:00:00+23:59"), "must be a moment between 1970 and 9999"),
        (("start", "events", "--subscriber", "sub_1"), "no subscriber has the id sub_1"),
        (("show", "rpl_1"), "no replay has the id rpl_1"),
        (("cancel", "rpl_1"), "no replay has the id rpl_1"),
    ],
    ids=str,
)
def test_refusal_is_one_line(run, arguments, words):
    result = run("replays", *arguments, code=1)
    assert words in result.stderr
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize(
    "arguments", [("start",), ("start", "orders"), ("start", "events", "--rate", "x")], ids=" ".join
)
def test_wrong_usage_is_said(run, arguments):
    run("replays", *arguments, code=2)
