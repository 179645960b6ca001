"""`arrivals watch`: generations as they go."""

import json

import pytest
from rich.console import Console

from arrivals.cli import board as module
from arrivals.cli.board import Board
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


def test_where_nothing_is_drawn_there_is_a_line_per_change_with_its_age(run, started):
    generation_id = started()
    first, *_, last = (line.split() for line in run("watch", generation_id).stdout.splitlines())
    assert [generation_id, "eachlabs", "flux-1-1-pro"] == first[:3] == last[:3]
    assert first[3] in ("pending", "submitting", "submitted", "processing")
    assert ("completed", "s", "webhook") == (last[3], last[-2], last[-1])
    assert 0.0 < float(last[-3])


def test_what_is_under_way_is_shown_before_anything_ends(running, whole, started):
    under_way = started(30)
    watching = running("watch", "--rows", 5, **whole)
    watching.said("watching")
    while under_way not in (line := watching.line()):
        pass
    assert line.split()[3] in ("pending", "submitting", "submitted", "processing")
    assert 0 == watching.interrupt()[0]


def test_on_a_screen_there_is_a_table(run, started, ended, monkeypatch):
    before = ended()["id"]
    monkeypatch.setattr(module, "Console", lambda: Console(force_terminal=True, width=200, color_system=None))
    generation_id = started()
    shown = run("watch", generation_id).stdout
    assert "learned from" in shown
    assert ["completed", "webhook"] == [line for line in shown.splitlines() if generation_id in line][-1].split()[3:8:4]
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


def test_table_keeps_what_is_under_way_and_the_newest(run, started, ended):
    """Rows that are too many leave from the oldest."""
    under_way = run("show", started(30), "--json")["generation"]
    generations = [ended() for _ in range(3)]
    board = Board([under_way, *generations[:1]], 3)
    assert generations[1:] == board.show([*generations[1:], under_way])
    assert [under_way["id"], *(generation["id"] for generation in generations[1:])] == [*board.shown]
    assert "progress" in [column.header for column in board.table().columns]


@pytest.mark.parametrize("arguments", [(), ("gen_1",)], ids=str)
def test_service_that_is_not_there_is_told(arrivals, arguments):
    result = arrivals("watch", *arguments, "--url", "http://127.0.0.1:9", "--key", "any")
    assert 1 == result.exit_code
    assert "nothing answers at http://127.0.0.1:9" in result.stderr


def test_unknown_generation_is_one_line(run):
    refusal = "arrivals: no generation has the id gen_1; a generation's id is gen_ and 26 letters and digits\n"
    assert refusal == run("watch", "gen_1", code=1).stderr


def test_wrong_usage_is_said(run):
    run("watch", "--rows", 0, code=2)
    run("watch", "gen_1", "--provider", "eachlabs", code=2)


@pytest.mark.parametrize("json_output", [(), ("--json",)], ids=str)
def test_what_did_not_complete_is_exit_code_1(arrivals, whole, started, ended, json_output):
    """Also where it had failed before anybody watched."""
    done, failed = ended()["id"], ended("outcome=PROVIDER_FAILED")["id"]
    failing = started(prompt="a fox", run_s="0.3 outcome=PROVIDER_FAILED")
    codes = [arrivals("watch", *ids, *json_output, **whole).exit_code for ids in ((done,), (done, failed), (failing,))]
    assert [0, 1, 1] == codes
