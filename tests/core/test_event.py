"""What is announced, and the one public shape."""

from msgspec.structs import replace
import pytest

from arrivals.core.event import ANNOUNCED, EventType, event_about, public, public_failure
from arrivals.core.generation import Cost, Origin, Output, Status, VerifiedBy
from arrivals.core.wire import from_json
from tests.support.factories import AT, REASON, generation, held

COMPLETED = generation(
    Status.COMPLETED,
    external_id="550e8400",
    provider_status="completed",
    progress=1.0,
    outputs=(
        Output(kind="image", url="https://cdn.test/a.png"),
        Output(kind="video", url="https://cdn.test/b.mp4", content_type="video/mp4", expires_at=AT, requires_auth=True),
    ),
    outputs_requested=2,
    cost=Cost(amount="0.0500"),
    provider_details={"seed": 7},
    metadata={"order": "42"},
    api_key="key_1",
    learned_from=Origin.WEBHOOK,
    verified_by=VerifiedBy.POLL,
    submitted_at=AT,
    closed_at=AT + 1_500_000,
)
SHOWN = {
    "id": "gen_1",
    "provider": "runblob",
    "account": "default",
    "model": "gemini",
    "status": "completed",
    "external_id": "550e8400",
    "bulk_id": None,
    "provider_status": "completed",
    "progress": 1.0,
    "queue_position": None,
    "outputs": [
        {
            "index": 0,
            "kind": "image",
            "url": "https://cdn.test/a.png",
            "content_type": None,
            "expires_at": None,
            "requires_auth": False,
        },
        {
            "index": 1,
            "kind": "video",
            "url": "https://cdn.test/b.mp4",
            "content_type": "video/mp4",
            "expires_at": "2026-09-21T14:15:00.000Z",
            "requires_auth": True,
        },
    ],
    "outputs_requested": 2,
    "failure": None,
    "cost": {"amount": "0.0500", "currency": "USD"},
    "provider_details": {"seed": 7},
    "metadata": {"order": "42"},
    "api_key": "key_1",
    "learned_from": "webhook",
    "verified_by": "poll",
    "late": False,
    "created_at": "2026-09-21T14:14:00.000Z",
    "submitted_at": "2026-09-21T14:15:00.000Z",
    "closed_at": "2026-09-21T14:15:01.500Z",
    "deadline_at": "2026-09-21T14:30:00.000Z",
}


def test_generation_is_shown_in_one_shape():
    assert SHOWN == public(COMPLETED)


def test_nothing_of_how_it_is_worked_on_is_shown():
    """Neither what is held back nor where we are called."""
    lent = {"external_id": "ext-of-a-hint", "external_id_hinted": True}
    hidden = generation(callback_url="https://us.test/callbacks/secret-token", held=held(), polls=7, **lent)

    assert SHOWN.keys() == public(hidden).keys()
    assert public(hidden)["external_id"] is None
    assert "secret-token" not in str(public(hidden))


def test_what_was_ordered_together_shows_by_what():
    assert SHOWN | {"bulk_id": "blk_1"} == public(replace(COMPLETED, bulk_id="blk_1"))


def test_failure_is_shown_with_all_its_facts():
    failure = replace(REASON, alternatives=("b",), details={"step": 3})
    shown = public_failure(failure)

    assert {
        "code": "content_policy",
        "fault": "content",
        "retryable": False,
        "billed": None,
        "message": "CONTENT_POLICY_VIOLATION",
        "provider_code": None,
        "http_status": None,
        "param": None,
        "trace_id": None,
        "retry_after_s": None,
        "suggestion": None,
        "alternatives": ("b",),
        "details": {"step": 3},
        "origin": "poll",
    } == shown
    assert public_failure(None) is None
    assert shown == public(generation(Status.FAILED, failure=failure))["failure"]


def test_event_is_written_once_in_the_standard_shape():
    event = event_about(COMPLETED, EventType.COMPLETED, "evt_1", AT)

    assert ("evt_1", EventType.COMPLETED, "gen_1", AT) == (event.id, event.type, event.generation_id, event.at)
    assert {
        "id": "evt_1",
        "type": "generation.completed",
        "timestamp": "2026-09-21T14:15:00.000Z",
        "data": {"generation": SHOWN},
    } == from_json(event.body)


@pytest.mark.parametrize("status", Status)
def test_status_is_announced_under_its_own_name(status):
    """Waiting, submitting and submitted are state, no news."""
    quiet = {Status.PENDING, Status.SUBMITTING, Status.SUBMITTED}

    assert (None if status in quiet else f"generation.{status}") == ANNOUNCED.get(status)
