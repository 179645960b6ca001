"""The examples of the document. Answers are made by the code that makes them, so that no example can become untrue."""

from collections.abc import Mapping
import json
from typing import Any

from msgspec.structs import replace

from arrivals.core.event import ANNOUNCED, Event, EventType, event_about, public
from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Cost, Generation, Origin, Output, Status, VerifiedBy
from arrivals.core.ids import ENTROPY_BYTES, make_id
from arrivals.core.standard_webhooks import SECRET_BYTES, make_secret, signed_headers
from arrivals.core.subscriber import Subscriber
from arrivals.core.wire import SECOND, Micros, read_rfc3339, rfc3339, to_json
from arrivals.store.deliveries import Attempt, Delivery
from arrivals.store.subscriber_health import Health
from arrivals.web.api import deliveries, subscribers

AT: Micros = read_rfc3339("2026-11-28T14:52:30.000Z")
ENTROPY = bytes(range(ENTROPY_BYTES))
SECRET = make_secret(bytes(range(SECRET_BYTES)))
ORDER: Mapping[str, Any] = {
    "provider": "runblob",
    "model": "kling/o3-photo",
    "input": {"prompt": "a red fox in the snow"},
    "metadata": {"order": "42"},
}
MISSPELT = {**ORDER, "metdata": ORDER["metadata"]}
HOOK = "https://app.example.com/hook"

# operation: the body of a request
BODIES: Mapping[str, Any] = {
    "createGeneration": ORDER,
    "createGenerations": {
        "provider": "eachlabs",
        "model": "workflows/fox-stories/v1",
        "inputs": [{"prompt": "a fox"}, {"prompt": "a crow"}],
    },
    "createSubscriber": {"url": HOOK, "event_types": ["generation.*"], "filter": {"provider": "runblob"}},
    "updateSubscriber": {"paused": True, "description": "held back for a release"},
    "recoverSubscriber": {"since": "2026-11-28T12:00:00Z", "dry_run": True},
    "redeliverEvent": {"subscriber": make_id("sub", AT, ENTROPY)},
    "createReplay": {"kind": "webhooks", "filters": {"provider": "runblob", "since": "2026-11-28T12:00:00Z"}},
    "replayWebhook": {"dry_run": True},
}

PENDING = Generation(
    id=make_id("gen", AT, ENTROPY),
    provider=ORDER["provider"],
    account="default",
    route="kling",
    model=ORDER["model"],
    status=Status.PENDING,
    created_at=AT,
    deadline_at=AT + 900 * SECOND,
    metadata=ORDER["metadata"],
    api_key="key_settings",
)
PROCESSING = replace(PENDING, status=Status.PROCESSING, external_id="8f14e45f", submitted_at=AT + SECOND)
_CLOSED = replace(PROCESSING, closed_at=AT + 5 * SECOND, learned_from=Origin.WEBHOOK, verified_by=VerifiedBy.POLL)
_OUTPUT = Output(kind="image", url="https://cdn.example.com/fox.png", content_type="image/png")
_FAILURE = make_failure(FailureCode.CONTENT_POLICY, "the prompt was refused", origin=Origin.WEBHOOK, billed=False)
_LATE = make_failure(FailureCode.DEADLINE_PASSED, "the outcome was not known in time", origin=Origin.CLOCK)
GENERATIONS: tuple[Generation, ...] = (
    PROCESSING,
    replace(_CLOSED, status=Status.COMPLETED, outputs=(_OUTPUT,), cost=Cost(amount="0.04")),
    replace(_CLOSED, status=Status.FAILED, failure=_FAILURE),
    replace(_CLOSED, status=Status.CANCELED),
    replace(PROCESSING, status=Status.EXPIRED, failure=_LATE),
)


def _announced(generation: Generation) -> Event:
    at = generation.closed_at or AT + 2 * SECOND
    return event_about(generation, ANNOUNCED[generation.status], make_id("evt", at, ENTROPY), at)


def _ping() -> Event:
    event_id = make_id("evt", AT, ENTROPY)
    body: dict[str, Any] = {"id": event_id, "type": EventType.PING, "timestamp": rfc3339(AT), "data": {}}
    return Event(id=event_id, type=EventType.PING, generation_id=event_id, at=AT, body=to_json(body))


ALL_EVENTS = (*map(_announced, GENERATIONS), _ping())
# type: an event of it, and the headers of its delivery
EVENTS: Mapping[str, Any] = {event.type.value: json.loads(event.body) for event in ALL_EVENTS}
SIGNED: Mapping[str, Mapping[str, str]] = {
    event.type.value: signed_headers([SECRET], event.id, event.at // SECOND, event.body.encode())
    for event in ALL_EVENTS
}

_SUBSCRIBER = Subscriber(
    id=make_id("sub", AT, ENTROPY),
    url=HOOK,
    secret=SECRET,
    created_at=AT,
    event_types=("generation.*",),
    filter={"provider": "runblob"},
)
_COMPLETED = ALL_EVENTS[1]
_DELIVERY = Delivery(
    id=make_id("dlv", _COMPLETED.at, ENTROPY),
    event_id=_COMPLETED.id,
    event_type=_COMPLETED.type,
    position=2,
    generation_id=_COMPLETED.generation_id,
    subscriber_id=_SUBSCRIBER.id,
    url=HOOK,
    created_at=_COMPLETED.at,
    attempt_count=1,
    delivered_at=_COMPLETED.at + SECOND,
)
_ATTEMPT = Attempt(
    delivery_id=_DELIVERY.id,
    number=1,
    at=_COMPLETED.at,
    duration_s=0.12,
    http_status=204,
    error=None,
    answer="",
)
_DONE = public(GENERATIONS[1])
# (operation, status): the body of an answer
ANSWERS: Mapping[tuple[str, int], Any] = {
    ("createGeneration", 202): public(PENDING),
    ("createGeneration", 200): _DONE,
    ("getGeneration", 200): {**_DONE, "input": ORDER["input"]},
    ("listGenerations", 200): {"data": [_DONE], "next": None},
    ("listEvents", 200): {"data": [EVENTS["generation.completed"]], "next": "3f2a9c41-2", "more": False},
    ("getEvent", 200): EVENTS["generation.completed"],
    ("createSubscriber", 201): subscribers.shown(_SUBSCRIBER, Health()) | {"secret": SECRET},
    ("getDelivery", 200): deliveries.shown_with(_DELIVERY, [_ATTEMPT]),
}
