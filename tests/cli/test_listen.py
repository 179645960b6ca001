"""`arrivals listen`: live events for a local program."""

import json
import re
import time

import pytest
from standardwebhooks.webhooks import Webhook

from arrivals.cli import listen as module
from arrivals.core.standard_webhooks import make_secret
from arrivals.lab.processes import Process, free_port
from tests.cli.conftest import API_KEY, environment

pytestmark = pytest.mark.timeout(30)

SECRET = make_secret(bytes(32))


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", (0.01, 0.01))


def ids(hook):
    return [json.loads(body)["id"] for _, body in hook.taken]


def test_what_there_is_is_forwarded_signed(run, ended, hook):
    made = ended()
    page = run("events", "list", "--generation", made["id"], "--json")
    only = ("--generation", made["id"], "--no-follow")
    result = run("listen", "--forward-to", hook.url, "--secret", SECRET, *only)
    events = page["data"]
    assert [event["id"] for event in events] == ids(hook)
    assert events == [Webhook(SECRET).verify(body, headers) for headers, body in hook.taken]
    assert f"forwarding to {hook.url}, signed with {SECRET}\n" in result.stderr
    assert f"continue with --after {page['next']}\n" in result.stderr
    line = result.stdout.splitlines()[-1]
    assert ["generation.completed", made["id"], "→", "204"] == line.split()[2:]


def test_what_there_is_behind_a_cursor_is_forwarded_with_a_new_secret(run, ended, hook):
    ended()
    last = run("events", "list", "--after", 0, "--limit", 200, "--json")["next"]
    epoch, _, position = last.partition("-")
    before = f"{epoch}-{int(position) - 1}"
    result = run("listen", "--forward-to", hook.url, "--after", before, "--no-follow", "--json")
    assert (last, 204, None, 1) == tuple(result[name] for name in ("cursor", "http_status", "error", "tries"))
    assert 1 == len(hook.taken)


def test_only_the_named_type_is_forwarded(run, ended, hook):
    made = ended()
    run("listen", "--forward-to", hook.url, "--generation", made["id"], "--no-follow", "--type", "generation.failed")
    assert [] == hook.taken


def test_local_failure_is_tried_again_and_said(run, ended, hook):
    made = ended()
    hook.answers = [500, 503]
    only = ("--generation", made["id"], "--type", "generation.completed", "--no-follow")
    result = run("listen", "--forward-to", hook.url, *only)
    assert f"{hook.url} failed (HTTP 500); trying again in 0.01 s\n" in result.stderr
    assert "204 (try 3)" in result.stdout
    assert 1 == len(set(ids(hook)))
    hook.answers = [500] * 3
    failed = run("listen", "--forward-to", hook.url, *only, code=1)
    assert "HTTP 500 given up after 3 tries" in failed.stdout


def test_event_that_was_cut_off_in_its_tries_comes_again(run, ended, hook, monkeypatch):
    made = ended()
    only = ("--generation", made["id"], "--no-follow")

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    hook.answers = [500]
    assert re.search(r"continue with --after [0-9a-f]{8}-0\n", run("listen", "--forward-to", hook.url, *only).stderr)


def test_program_that_is_not_there_is_said(run, ended):
    made = ended()
    only = ("--generation", made["id"], "--type", "generation.completed", "--no-follow", "--json")
    result = run("listen", "--forward-to", f"http://127.0.0.1:{free_port()}", *only, code=1)
    line = json.loads(result.stdout)
    assert (None, 3) == (line["http_status"], line["tries"])
    assert "refused" in line["error"]


def test_live_events_are_forwarded_until_ctrl_c(running, whole, ended, hook):
    listening = running("listen", "--forward-to", hook.url, "--json", **whole)
    secret = listening.said("forwarding to").split()[-1]
    made = ended()
    while json.loads(listening.line())["generation"] != made["id"]:
        pass
    code, rest = listening.interrupt()
    assert (0, True) == (code, "continue with --after" in rest)
    assert Webhook(secret).verify(hook.taken[-1][1], hook.taken[-1][0])["type"].startswith("generation.")


def test_after_a_restart_of_the_service_it_catches_up_and_says_so(running, arrivals, rehearsal, tmp_path, hook):
    """Nothing is missed, nothing comes twice."""
    settings = {
        "DATABASE": tmp_path / "arrivals.db", "PORT": free_port(), "API_KEY": API_KEY, "POLL_FIRST_S": 0.1,
        "VTRIX_API_KEY": "rehearsal-vtrix", "VTRIX_BASE_URL": f"http://127.0.0.1:{rehearsal}/vtrix",
    }  # fmt: skip
    process = Process("serve", ["arrivals", "serve"], environment(**settings), tmp_path)
    ready = f"http://127.0.0.1:{settings['PORT']}/health/ready"
    process.start(ready)
    try:
        listening = running("listen", "--forward-to", hook.url, "--json", **settings)
        listening.said("forwarding to")
        made = arrivals("subscribers", "add", "https://example.com/hook", "--json", **settings)
        subscriber = json.loads(made.stdout)["id"]
        for restart in (False, True):
            if restart:
                process.kill()
                assert "trying again" in listening.said("disconnected")
                process.start(ready)
            for _ in range(3):
                assert "dlv_" in arrivals("subscribers", "ping", subscriber, **settings).stdout  # it is announced
            hook.wait(3)
        assert "reconnected; catching up on" in listening.said("reconnected")
        page = json.loads(arrivals("events", "list", "--json", **settings).stdout)
        assert [event["id"] for event in page["data"]] == ids(hook)
        assert 6 == len(page["data"])
        listening.interrupt()
    finally:
        process.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("--forward-to", "ftp://localhost"), ("--forward-to", "localhost:3000"),
        ("--forward-to", "http://localhost:3000", "--secret", "mine"), ("--forward-to", "http://["),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_usage_is_said(run, arguments):
    run("listen", *arguments, code=2)


def test_refusal_is_one_line(run):
    result = run("listen", "--forward-to", "http://localhost:9", "--type", "done", code=1)
    assert "type: must be one of" in result.stderr
