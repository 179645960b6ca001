"""`arrivals watch`: generations as they go."""

import json

import pytest
from rich.console import Console

from arrivals.cli import watch as module
from arrivals.client.stream import Heard
from arrivals.core.cursor import read_cursor

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def started(run):
    """Orders something that takes a moment."""

    def order(run_s=0.5, prompt="a fox"):
        words = f"{prompt} [rehearse run={run_s}]"
        return run("submit", "eachlabs", "flux-1-1-pro", "--prompt", words, "--json")["id"]

    return order


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_named_generations_are_watched_until_each_has_ended(arrivals, whole, started):
    ids = [started(), started()]
    started(30)
    result = arrivals("watch", *ids, "--json", **whole)
    assert 0 == result.exit_code, result.stderr
    events = lines(result)
    assert set(ids) == {event["data"]["generation"]["id"] for event in events}
    assert 2 == [event["type"] for event in events].count("generation.completed")
    positions = [read_cursor(event["cursor"]).position for event in events]
    assert sorted(positions) == positions


def test_where_nothing_is_drawn_there_is_a_line_per_event(run, started):
    generation_id = started()
    *_, last = run("watch", generation_id).stdout.splitlines()
    assert ["generation.completed", generation_id, "eachlabs", "flux-1-1-pro"] == last.split()[2:]


def test_on_a_screen_there_is_a_table(run, started, ended, monkeypatch):
    before = ended()["id"]
    monkeypatch.setattr(module, "Console", lambda: Console(force_terminal=True, width=200, color_system=None))
    generation_id = started()
    shown = run("watch", generation_id).stdout
    assert "learned from" in shown
    assert ["completed", "webhook"] == [line for line in shown.splitlines() if generation_id in line][-1].split()[3:5]
    assert before not in shown


def test_who_has_ended_is_shown_at_once(run, ended, monkeypatch):
    monkeypatch.setattr(module, "Console", lambda: Console(force_terminal=True, width=200, color_system=None))
    generation_id = ended()["id"]
    assert generation_id in run("watch", generation_id).stdout


def test_newest_generations_are_watched_until_ctrl_c(running, whole, ended):
    watching = running("watch", "--provider", "eachlabs", "--rows", 2, "--json", **whole)
    watching.said("watching")
    made = ended()
    while json.loads(watching.line())["data"]["generation"]["id"] != made["id"]:
        pass
    code, rest = watching.interrupt()
    assert (0, False) == (code, "Traceback" in rest)


def test_table_keeps_the_newest(run, ended):
    """Rows that are too many leave from the oldest."""
    shown = {}
    ids = [ended()["id"] for _ in range(3)]
    events = [run("events", "list", "--generation", generation_id, "--json")["data"][-1] for generation_id in ids]
    ping = {"id": "evt_1", "type": "ping", "timestamp": "2026-01-01T00:00:00Z", "data": {}}
    heard = (Heard(str(place), event) for place, event in enumerate([*events, ping]))
    module._as_table(Console(quiet=True), heard, shown, 2, set())
    assert ids[1:] == [*shown]


@pytest.mark.parametrize("arguments", [(), ("gen_1",)], ids=str)
def test_service_that_is_not_there_is_told(arrivals, arguments):
    result = arrivals("watch", *arguments, "--url", "http://127.0.0.1:9", "--key", "any")
    assert 1 == result.exit_code
    assert "nothing answers at http://127.0.0.1:9" in result.stderr


def test_unknown_generation_is_one_line(run):
    assert "arrivals: there is nothing with this id\n" == run("watch", "gen_1", code=1).stderr


def test_wrong_usage_is_said(run):
    run("watch", "--rows", 0, code=2)
    run("watch", "gen_1", "--provider", "eachlabs", code=2)
