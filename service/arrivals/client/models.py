"""The service's answers, as types. The values are plain dicts, just as they came."""

from typing import Any, NotRequired, TypedDict


class Output(TypedDict):
    """One result. `requires_auth`: fetch it through `/v1/generations/{id}/outputs/{index}`."""

    index: int
    kind: str
    url: str
    content_type: str | None
    expires_at: str | None
    requires_auth: bool


class Failure(TypedDict):
    """The reason of a failure: the service's code and the provider's own words. An absent fact is None."""

    code: str
    fault: str
    retryable: bool
    billed: bool | None
    message: str | None
    provider_code: str | None
    http_status: int | None
    param: str | None
    trace_id: str | None
    retry_after_s: float | None
    suggestion: str | None
    alternatives: list[str] | None
    details: dict[str, Any] | None
    origin: str | None


class Cost(TypedDict):
    """The price that the provider reports."""

    amount: str
    currency: str


class Generation(TypedDict):
    """One piece of work. Moments are RFC 3339, UTC. `input` is there where a single one is read."""

    id: str
    provider: str
    account: str
    model: str
    status: str
    external_id: str | None
    bulk_id: str | None
    provider_status: str | None
    progress: float | None
    queue_position: int | None
    outputs: list[Output]
    outputs_requested: int | None
    failure: Failure | None
    cost: Cost | None
    provider_details: dict[str, Any] | None
    metadata: dict[str, Any]
    api_key: str | None
    input: NotRequired[dict[str, Any]]
    learned_from: str | None
    verified_by: str | None
    late: bool
    created_at: str
    submitted_at: str | None
    closed_at: str | None
    deadline_at: str


class EventData(TypedDict, total=False):
    """The subject of an event; a `ping` has none."""

    generation: Generation


class Event(TypedDict):
    """An event, as delivered, streamed and listed (Standard Webhooks)."""

    id: str
    type: str
    timestamp: str
    data: EventData


class Page(TypedDict):
    """A page of a list; `next` is the cursor of the one after it."""

    data: list[dict[str, Any]]
    next: str | None


class Change(TypedDict):
    """A message of the stream of changes: `snapshot`, a list of generations, or `generation`, one that changed."""

    type: str
    data: Any
