"""`arrivals events`: what was announced, and sending it again."""

import pytest

pytestmark = pytest.mark.timeout(30)


def test_events_of_a_generation_are_listed(run, ended):
    made = ended()
    page = run("events", "list", "--generation", made["id"], "--type", "generation.completed", "--json")
    (event,) = page["data"]
    assert (made["id"], "completed") == tuple(event["data"]["generation"][name] for name in ("id", "status"))

    head, line = run("events", "list", "--generation", made["id"], "--type", "generation.completed").stdout.splitlines()
    assert ["at", "id", "type", "generation", "provider", "model", "failure"] == head.split()
    assert [event["timestamp"], event["id"], event["type"], made["id"], "eachlabs", "flux-1-1-pro", "-"] == line.split()


def test_events_are_gone_through_by_cursor(run, ended):
    """A page that is full says where to go on."""
    ended(), ended()
    first = run("events", "list", "--limit", 1)
    cursor = first.stderr.removeprefix("next page: --after ").rstrip()
    epoch, _, position = cursor.partition("-")
    assert "1" == position
    page = run("events", "list", "--limit", 1, "--after", cursor, "--json")
    assert (1, f"{epoch}-2") == (len(page["data"]), page["next"])
    last = run("events", "list", "--after", run("events", "list", "--limit", 200, "--json")["next"])
    assert ("nothing\n", "") == (last.stdout, last.stderr)
    beyond = run("events", "list", "--after", f"{epoch}-{10**9}", code=1)
    assert "lies beyond the newest event" in beyond.stderr


def test_newest_events_are_listed(run, ended):
    """Oldest first, as all events are."""
    first, second = ended(), ended()
    listed = run("events", "list", "--last", 2, "--type", "generation.completed", "--json")["data"]
    assert [first["id"], second["id"]] == [event["data"]["generation"]["id"] for event in listed]
    assert [second["id"]] == [line.split()[3] for line in run("events", "list", "--last", 1).stdout.splitlines()[1:]]
    newest = run("events", "list", "--last", 1, "--json")["next"]
    assert "nothing\n" == run("events", "list", "--last", 1, "--after", newest).stdout


def test_failure_is_named(run, ended):
    made = ended("outcome=PROVIDER_FAILED")
    assert made["failure"]["code"] in run("events", "list", "--generation", made["id"]).stdout


def test_event_that_nobody_wants_goes_nowhere(run, ended):
    made = ended()
    event = run("events", "list", "--generation", made["id"], "--json")["data"][-1]
    assert "no subscriber wants this event\n" == run("events", "redeliver", event["id"]).stdout


def test_event_is_sent_again_to_who_is_named(run, ended, hook):
    made = ended()
    event = run("events", "list", "--generation", made["id"], "--json")["data"][-1]
    subscriber = run("subscribers", "add", hook.url, "--json")["id"]
    (delivery,) = run("events", "redeliver", event["id"], "--subscriber", subscriber, "--json")["data"]
    hook.wait(1)
    assert (event["id"], True) == (delivery["event_id"], delivery["redelivered"])
    assert delivery["url"] in run("events", "redeliver", event["id"], "--subscriber", subscriber).stdout
    hook.wait(1)
    run("subscribers", "delete", subscriber)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "--type", "done"), "type: must be one of"),
        (("list", "--after", "x"), "after: must be 0, the `next`"),
        (("redeliver", "evt_1"), "no event has the id evt_1"),
    ],
    ids=str,
)
def test_refusal_is_one_line(run, arguments, words):
    result = run("events", *arguments, code=1)
    assert words in result.stderr
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize("arguments", [("list", "--limit", "0"), ("redeliver",), ("forget",)], ids=" ".join)
def test_wrong_usage_is_said(arrivals, arguments):
    assert 2 == arrivals("events", *arguments).exit_code
