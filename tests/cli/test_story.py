"""The sentences about a generation, for every kind of entry in its timeline."""

import pytest

from arrivals.cli.story import Sentence, story
from arrivals.core.observation import Finding

AT, LATER = "2026-11-28T12:01:05.000Z", "2026-11-28T12:01:39.200Z"
FAILURE = {"code": "insufficient_funds", "message": "no credits"}
ORDERED = "Ordered from fal (model flux)."


def generation(**facts):
    """A generation under way."""
    usual = {"provider": "fal", "model": "flux", "account": "default", "status": "processing", "failure": None}
    return {**usual, "created_at": AT, "closed_at": None, "late": False, **facts}


def sentences(*entries, **facts):
    """The sentences about these entries, behind the order."""
    timeline = [{"at": AT, "type": kind, "details": details} for kind, details in entries]
    first, *others = [sentence.words for sentence in story(generation(**facts), timeline)]
    assert first.startswith("Ordered")
    return others


def call(kind="submission", **facts):
    usual = {"http_status": None, "outcome": "understood", "reason": None, "failure": None, "repeats": 0}
    return kind, usual | facts


def webhook(**facts):
    usual = {"id": "whk_1", "refused_reason": None, "unreadable_reason": None, "finding": "advanced", "repeats": 0}
    return "webhook", usual | facts


def observation(**facts):
    usual = {"origin": "poll", "status": "processing", "provider_status": "run", "finding": "advanced"}
    more = {"believed": True, "webhook_id": None, "external_id": None, "failure": None}
    return "observation", usual | more | facts


def delivery(name, **facts):
    usual = {"id": f"dlv_{name}", "event_id": "evt_1", "subscriber_id": f"sub_{name}", "url": f"https://{name}"}
    more = {"attempt_count": 1, "next_attempt_at": None, "delivered_at": None, "given_up_at": None}
    return "delivery", usual | more | facts


def attempt(name, error):
    return "attempt", {"delivery_id": f"dlv_{name}", "error": error}


def test_story_begins_with_the_order():
    assert [Sentence(AT, ORDERED)] == story(generation(), [])
    assert [Sentence(AT, "Ordered from fal (model flux, account team).")] == story(generation(account="team"), [])


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"outcome": "refused", "http_status": 402, "failure": FAILURE, "repeats": 2},
            "The order was refused by fal with HTTP 402, 3 times: insufficient_funds (no credits).",
        ),
        (
            {"outcome": "unreadable", "http_status": 200, "reason": "no id", "kind": "poll"},
            "A poll was answered by fal with HTTP 200, which could not be read (no id).",
        ),
        ({"outcome": "unanswered"}, "The order got no answer; it may have arrived."),
        (
            {"outcome": "not_sent", "reason": "no route", "kind": "cancellation"},
            "The request to cancel could not be sent (no route); nothing arrived.",
        ),
    ],
)
def test_call_that_did_not_simply_work_is_said(facts, words):
    assert [words] == sentences(call(**facts))
    assert [] == sentences(call())


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"refused_reason": "no signature"}, ["The webhook whk_1 came and was not believed: no signature."]),
        ({"unreadable_reason": "no JSON"}, ["The webhook whk_1 came and could not be read: no JSON."]),
        ({"finding": None}, ["The webhook whk_1 came and has not been read yet."]),
        ({"repeats": 2}, ["The webhook whk_1 came 3 times."]),
        ({}, []),
    ],
)
def test_webhook_that_was_not_simply_read_is_said(facts, words):
    assert words == sentences(webhook(**facts))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"status": "submitted", "origin": "submit", "external_id": "x-1"},
            "Accepted by fal as x-1, by the answer to the order.",
        ),
        ({"status": "submitted", "origin": "submit"}, "Accepted by fal, by the answer to the order."),
        ({"origin": "stream"}, "fal works on it, by the provider's stream."),
        ({"status": "expired", "origin": "clock"}, "Expired, by the clock."),
        ({"status": "failed", "failure": FAILURE}, "Failed: insufficient_funds (no credits), by poll."),
        (
            {"origin": "webhook", "webhook_id": "whk_1", "believed": False, "status": "completed", "finding": "held"},
            "Webhook whk_1 (which nothing authenticates) said completed, which is not enough to go by yet.",
        ),
        (
            {"status": None, "provider_status": "zzz", "finding": "stale"},
            "Poll said 'zzz', a word that nobody documents, which had been overtaken.",
        ),
    ],
)
def test_observation_is_said(facts, words):
    assert [words] == sentences(observation(**facts))


@pytest.mark.parametrize("finding", Finding)
def test_every_finding_has_its_words(finding):
    (words,) = sentences(observation(finding=finding))
    assert f" {finding}" not in words


def test_end_is_said_with_how_long_it_took():
    closed = {"status": "completed", "closed_at": LATER}
    by_webhook = observation(origin="webhook", webhook_id="whk_1", status="completed")
    assert ["Completed after 34.2 s, by webhook whk_1."] == sentences(by_webhook, **closed)
    late = observation(status="failed", failure=FAILURE)
    facts = {"status": "failed", "closed_at": LATER, "late": True, "failure": {"code": "unknown", "message": None}}
    assert ["Failed after 34.2 s, after it had expired: unknown, by poll."] == sentences(late, **facts)


def test_event_is_said_with_whom_it_reached():
    event = ("event", {"id": "evt_1", "type": "generation.completed"})
    assert ["Announced as generation.completed; no subscriber wanted it."] == sentences(event)
    waits = delivery("b", next_attempt_at=LATER, attempt_count=2)
    over = delivery("c", given_up_at=LATER)
    reached = delivery("a", delivered_at=LATER)
    attempts = [attempt("a", None), attempt("b", "HTTP 500"), attempt("b", "HTTP 503"), attempt("c", None)]
    assert [
        "Announced as generation.completed; delivered to 1 of 3 subscribers.",
        f"Delivery to https://b waits until {LATER} (2 attempts, the latest: HTTP 503).",
        "Delivery to https://c was given up after 1 attempt; send it with: arrivals retry dlv_c",
    ] == sentences(event, reached, waits, over, *attempts)


def test_what_is_said_again_and_again_is_counted():
    again = observation(finding="repeated")
    assert [
        "Poll said processing, which was known; 3 times.",
        "fal works on it, by poll.",
        "Poll said processing, which was known; 2 times.",
    ] == sentences(again, again, again, observation(), again, again)
