"""Announcements, and the one public shape of a generation."""

from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from arrivals.core.failure import Failure
from arrivals.core.generation import Generation, Output, Status
from arrivals.core.wire import Micros, rfc3339, to_json


class EventType(StrEnum):
    """The closed list of announcements, dotted as Standard Webhooks recommends."""

    PROCESSING = "generation.processing"
    COMPLETED = "generation.completed"
    FAILED = "generation.failed"
    CANCELED = "generation.canceled"
    EXPIRED = "generation.expired"
    PING = "ping"


ANNOUNCED: dict[Status, EventType] = {
    Status.PROCESSING: EventType.PROCESSING,
    Status.COMPLETED: EventType.COMPLETED,
    Status.FAILED: EventType.FAILED,
    Status.CANCELED: EventType.CANCELED,
    Status.EXPIRED: EventType.EXPIRED,
}


class Event(Struct, frozen=True, kw_only=True):
    """One announcement about a generation as it then was; `body` is its wire form, fixed when it was written."""

    id: str
    type: EventType
    generation_id: str
    at: Micros
    body: str


def event_about(generation: Generation, event_type: EventType, event_id: str, at: Micros) -> Event:
    """The event with its body: `{"id", "type", "timestamp", "data": {"generation": …}}` (Standard Webhooks)."""
    body = {"id": event_id, "type": event_type, "timestamp": rfc3339(at), "data": {"generation": public(generation)}}
    return Event(id=event_id, type=event_type, generation_id=generation.id, at=at, body=to_json(body))


def public(generation: Generation) -> dict[str, Any]:
    """A generation as the API, events and streams show it."""
    return {
        "id": generation.id,
        "provider": generation.provider,
        "account": generation.account,
        "model": generation.model,
        "status": generation.status,
        "external_id": None if generation.external_id_hinted else generation.external_id,
        "bulk_id": generation.bulk_id,
        "provider_status": generation.provider_status,
        "progress": generation.progress,
        "queue_position": generation.queue_position,
        "outputs": [_public_output(index, output) for index, output in enumerate(generation.outputs)],
        "outputs_requested": generation.outputs_requested,
        "failure": public_failure(generation.failure),
        "cost": structs.asdict(generation.cost) if generation.cost else None,
        "provider_details": generation.provider_details,
        "metadata": generation.metadata,
        "api_key": generation.api_key,
        "learned_from": generation.learned_from,
        "verified_by": generation.verified_by,
        "late": generation.late,
        "created_at": rfc3339(generation.created_at),
        "submitted_at": rfc3339(generation.submitted_at),
        "closed_at": rfc3339(generation.closed_at),
        "deadline_at": rfc3339(generation.deadline_at),
    }


def public_failure(failure: Failure | None) -> dict[str, Any] | None:
    """A failure with all its facts, the absent ones null."""
    return structs.asdict(failure) if failure else None


def _public_output(index: int, output: Output) -> dict[str, Any]:
    return {"index": index, **structs.asdict(output), "expires_at": rfc3339(output.expires_at)}
