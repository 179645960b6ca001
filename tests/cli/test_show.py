"""`arrivals show`: what happened to a generation, from a real service."""

import json

import pytest

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def subscriber(run, hook):
    """A subscriber at the local program."""
    made = run("subscribers", "add", hook.url, "--json")
    yield made
    run("subscribers", "delete", made["id"])


def sentences(result):
    """The story without its times."""
    story = result.stdout.split("\n\n")[1].splitlines()[1:]
    return [line.partition("  ")[2] for line in story]


def test_person_reads_what_happened(run, subscriber, hook, ended):
    made = ended()
    hook.wait(1)
    while run("subscribers", "show", subscriber["id"], "--json")["health"]["backlog"]:
        pass
    result = run("show", made["id"])
    assert f"{made['id']} is completed" == result.stdout.splitlines()[0]
    ordered, accepted, completed, announced = sentences(result)
    assert "Ordered from eachlabs (model flux-1-1-pro)." == ordered
    assert f"Accepted by eachlabs as {made['external_id']}, by the answer to the order." == accepted
    assert completed.startswith("Completed after ")
    assert " s, by webhook whk_" in completed
    assert "Announced as generation.completed; delivered to 1 of 1 subscriber." == announced
    assert f"output 0: image {made['outputs'][0]['url']}" in result.stdout
    assert '"prompt": "a fox [rehearse run=0.05 ]"' in result.stdout


def test_failure_is_said_with_its_reason_and_what_it_is_worth(run, ended):
    made = ended("outcome=PROVIDER_FAILED")
    result = run("show", made["id"])
    failed = next(words for words in sentences(result) if words.startswith("Failed after "))
    assert ": provider_error (the provider failed), by poll." in failed
    assert "worth ordering again: yes" in result.stdout


def test_everything_is_there_for_programs(run, ended):
    made = ended()
    shown = run("show", made["id"], "--json")
    assert (made["id"], {"prompt": "a fox [rehearse run=0.05 ]"}) == (
        shown["generation"]["id"],
        shown["generation"]["input"],
    )
    assert shown["data"]
    assert shown["next"] is None


def test_every_entry_of_the_timeline_is_a_row(run, ended):
    made = ended()
    timeline = run("show", made["id"], "--json")["data"]
    _, *rows = run("show", made["id"], "--timeline").stdout.splitlines()
    moments = {entry["at"] for entry in timeline}
    lines = [line.split() for line in rows]
    assert [(entry["at"], entry["type"]) for entry in timeline] == [
        (words[0], words[1]) for words in lines if words and words[0] in moments
    ]


def test_what_has_not_ended_is_shown_with_its_deadline(run, open_ended):
    made = open_ended()
    assert f"(deadline {made['deadline_at']})" in run("show", made["id"]).stdout.splitlines()[0]


def test_what_is_not_there_is_said(run):
    result = run("show", "gen_none", code=1)
    assert "" == result.stdout
    assert result.stderr.startswith("arrivals: ")
    assert 1 == len(result.stderr.splitlines())
    refused = run("show", "gen_none", "--json", code=1)
    assert (404, "not_found") == tuple(json.loads(refused.stderr)[name] for name in ("status", "code"))
