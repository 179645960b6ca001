"""`arrivals subscribers`: register, look after, forget."""

import json

import pytest

from arrivals.client import verify

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def subscriber(run, hook):
    """A subscriber at the local program."""
    made = run("subscribers", "add", hook.url, "--json")
    yield made
    run("subscribers", "delete", made["id"])


def facts(result):
    """A table of facts."""
    return dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[1:])


def test_subscriber_is_made_with_what_it_wants(run):
    wants = ("--type", "generation.completed", "--type", "generation.failed", "--provider", "eachlabs", "--model", "m")
    more = ("--metadata", '{"order": 1}', "--description", "shop", "--max-in-flight", 3, "--rate", 2.5)
    made = run("subscribers", "add", "https://example.com/hook", *wants, *more, "--signatures", "v1a", "--json")
    assert ["generation.completed", "generation.failed"] == made["event_types"]
    assert {"provider": "eachlabs", "model": "m", "metadata": {"order": 1}} == made["filter"]
    assert ("shop", 3, 2.5) == tuple(made[name] for name in ("description", "max_in_flight", "rate_per_s"))
    assert ["whsec_", "whpk_"] == [made["secret"][:6], made["public_key"][:5]]
    assert {"id": made["id"], "deleted": True} == run("subscribers", "delete", made["id"], "--json")


def test_secret_is_shown_once(run, hook):
    result = run("subscribers", "add", hook.url)
    shown = facts(result)
    assert shown["secret"].startswith("whsec_")
    assert "keep the secret: it is not shown again\n" == result.stderr
    again = run("subscribers", "show", shown["id"].strip())
    assert "secret" not in facts(again)
    assert "" == again.stderr
    assert "deleted" in run("subscribers", "delete", shown["id"].strip()).stdout


def test_subscribers_are_listed_with_their_state(run, subscriber):
    def listed():
        rows = [line.split() for line in run("subscribers", "list").stdout.splitlines()]
        return next(row for row in rows if row[0] == subscriber["id"])

    assert subscriber["id"] == run("subscribers", "list", "--limit", 1, "--json")["data"][0]["id"]
    assert [subscriber["url"], "-", "untried"] == listed()[1:4]
    assert run("subscribers", "pause", subscriber["id"], "--json")["paused_at"]
    assert "paused" == listed()[3]
    assert "paused_at" not in facts(run("subscribers", "resume", subscriber["id"]))
    assert "untried" == listed()[3]


def test_what_is_given_is_changed_and_the_rest_stays(run, subscriber):
    subscriber_id = subscriber["id"]
    assert (
        "eachlabs"
        in facts(run("subscribers", "update", subscriber_id, "--provider", "eachlabs", "--type", "ping"))["filter"]
    )
    changed = run(
        "subscribers", "update", subscriber_id, "--description", "mine", "--to", subscriber["url"] + "/2", "--json"
    )
    assert (["ping"], {"provider": "eachlabs"}) == (changed["event_types"], changed["filter"])
    assert ("mine", subscriber["url"] + "/2") == (changed["description"], changed["url"])
    cleared = run("subscribers", "update", subscriber_id, "--all-types", "--no-filter", "--json")
    assert (None, None, "mine") == (cleared["event_types"], cleared["filter"], cleared["description"])


def test_ping_arrives_signed_with_either_secret_after_a_rotation(run, subscriber, hook):
    rotated = run("subscribers", "rotate", subscriber["id"], "--json")
    assert rotated["secret"] != subscriber["secret"]
    ping = run("subscribers", "ping", subscriber["id"], "--json")
    hook.wait(1)
    headers, body = hook.taken[0]
    assert ping["event"] == verify(rotated["secret"], body, headers) == verify(subscriber["secret"], body, headers)
    assert ping["delivery"]["id"] in run("subscribers", "deliveries", subscriber["id"], "--json")["data"][0]["id"]
    result = run("subscribers", "ping", subscriber["id"])
    hook.wait(1)
    head, line = result.stdout.splitlines()
    assert ["id", "url", "status", "http_status", "error", "answer"] == head.split()
    assert ["delivered", "204", "-"] == line.split()[2:5]
    hook.answers = [500]
    failed = run("subscribers", "ping", subscriber["id"], code=1)
    assert "status: HTTP 500" in failed.stdout


def test_delivery_that_was_given_up_is_attempted_at_once(run, subscriber, hook, ended):
    hook.answers = [500, 500, 500]
    ended()
    hook.wait(3)
    while (delivery := run("subscribers", "deliveries", subscriber["id"], "--json")["data"][0])["status"] == "waiting":
        pass
    assert "given_up" == delivery["status"]

    hook.answers = [503]
    refused = run("retry", delivery["id"], code=1)
    assert "status: HTTP 503" in refused.stdout
    retried = run("retry", delivery["id"], "--json")
    assert ("delivered", 204) == (retried["status"], retried["attempts"][-1]["http_status"])
    assert "redeliver the event" in run("retry", delivery["id"], code=1).stderr


def test_when_it_is_back_everything_that_waits_is_sent(run, subscriber, hook, ended):
    run("subscribers", "pause", subscriber["id"])
    made = ended()
    refused = run("subscribers", "resend-waiting", subscriber["id"], code=1)
    assert "is paused" in refused.stderr
    head, line = run("subscribers", "list", "--limit", 1).stdout.splitlines()
    assert "state" in head
    assert "paused" in line
    run("subscribers", "resume", subscriber["id"])
    assert "due now:" in run("subscribers", "resend-waiting", subscriber["id"]).stdout
    while run("subscribers", "show", subscriber["id"], "--json")["health"]["backlog"]:
        pass
    assert made["id"] in {json.loads(body)["data"]["generation"]["id"] for _, body in hook.taken}
    assert {"deliveries": 0} == run("subscribers", "resend-waiting", subscriber["id"], "--json")


def test_what_recover_would_send_is_counted_first(run, subscriber, hook, ended):
    made = ended()
    since = ("--since", made["created_at"])
    while run("subscribers", "show", subscriber["id"], "--json")["health"]["backlog"]:
        pass
    taken = len(hook.taken)
    preview = run("subscribers", "recover", subscriber["id"], *since, "--dry-run", "--json")
    assert ("finished", True) == (preview["status"], preview["dry_run"])
    assert {"reached"} == set(preview["findings"])
    assert taken == len(hook.taken)


def test_rotated_secret_is_shown_once_to_people_too(run, subscriber):
    result = run("subscribers", "rotate", subscriber["id"])
    assert facts(result)["secret"].startswith("whsec_")
    assert "keep the secret" in result.stderr


def test_disabled_subscriber_is_shown_so_serves_again_and_recovers(run, subscriber, hook, ended):
    hook.answers = [410]
    made = ended()
    hook.wait(1)
    while not (shown := run("subscribers", "show", subscriber["id"], "--json"))["disabled_at"]:
        pass
    assert "disabled" in run("subscribers", "list").stdout
    refused = run("subscribers", "recover", subscriber["id"], "--since", made["created_at"], code=1)
    assert "is disabled" in refused.stderr
    assert run("subscribers", "resume", subscriber["id"], "--json")["disabled_at"] is None
    replay = run("subscribers", "recover", subscriber["id"], "--since", made["created_at"], "--json")
    assert ("events", True) == (replay["kind"], replay["filters"]["missed"])
    hook.wait(1)
    assert made["id"] in {json.loads(body)["data"]["generation"]["id"] for _, body in hook.taken}
    assert shown["disabled_reason"]
    assert "rpl_" in run("subscribers", "recover", subscriber["id"], "--since", made["created_at"]).stdout


def test_deliveries_are_listed_by_status(run, subscriber, hook):
    run("subscribers", "ping", subscriber["id"])
    hook.wait(1)
    while not run("subscribers", "deliveries", subscriber["id"], "--status", "delivered", "--json")["data"]:
        pass
    head, line = run("subscribers", "deliveries", subscriber["id"]).stdout.splitlines()
    assert ["created_at", "id", "event_type", "event_id", "status", "attempt_count", "next_attempt_at"] == head.split()
    assert ["ping", "delivered", "1", "-"] == [line.split()[2], *line.split()[4:]]
    assert "nothing\n" == run("subscribers", "deliveries", subscriber["id"], "--status", "given_up").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "ftp://example.com"), "url: only https:// and http:// URLs can be called"),
        (("add", "https://example.com", "--type", "done"), "event_types[0]: must be one of"),
        (("show", "sub_1"), "no subscriber has the id sub_1"),
        (("delete", "sub_1"), "no subscriber has the id sub_1"),
        (("recover", "sub_1", "--since", "2026-01-01"), "no subscriber has the id sub_1"),
    ],
    ids=str,
)
def test_refusal_is_one_line(run, arguments, words):
    result = run("subscribers", *arguments, code=1)
    assert words in result.stderr
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",), ("update", "sub_1"), ("update", "sub_1", "--all-types", "--type", "ping"),
        ("update", "sub_1", "--no-filter", "--model", "m"), ("recover", "sub_1"),
        ("add", "https://example.com", "--metadata", "[]"), ("add", "https://example.com", "--signatures", "v2"),
        ("deliveries", "sub_1", "--status", "lost"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_said(run, arguments):
    run("subscribers", *arguments, code=2)
