"""The schemas of the HTTP interface: for OpenAPI, and to validate requests."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from arrivals.core.bounds import MAX_METADATA_BYTES, MAX_METADATA_KEYS
from arrivals.core.cursor import PATTERN
from arrivals.core.event import EventType
from arrivals.core.failure import FailureCode, Fault
from arrivals.core.generation import Origin, Status, VerifiedBy
from arrivals.core.observation import Finding
from arrivals.providers.catalog import PROVIDERS
from arrivals.web.allowed import PRINTABLE
from arrivals.web.api.objections import A_MOMENT, A_POSITION, AN_ENTRY, before, enum

Moment = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, from 1970 to 9999",
        examples=["2026-11-20T12:00:00.000Z"],
        extra_json_schema={"format": "date-time", "pattern": "^(19[7-9]|[2-9][0-9]{2})[0-9]-"},
        extra=A_MOMENT,
    ),
]
Limit = Annotated[int, Meta(ge=1, le=200, description="how many at most")]
WaitS = Annotated[float, Meta(ge=0, le=300, description="seconds to wait at most")]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Url = Annotated[str, Meta(min_length=1, max_length=2048, extra_json_schema={"format": "uri"})]
Metadata = Annotated[
    dict[str, Any],
    Meta(
        description=f"yours: kept, shown, and matched by filters; at most {MAX_METADATA_BYTES} bytes of JSON",
        max_length=MAX_METADATA_KEYS,
    ),
]
Entry = Annotated[
    str,
    Meta(
        description="the `next` of an earlier page",
        extra_json_schema={"pattern": r"^([0-9]{1,18}\.){3}[A-Za-z0-9_]{1,64}$"},
        extra=AN_ENTRY,
    ),
]
Position = Annotated[
    str,
    Meta(
        description="`0` (the beginning), the `next` of an earlier page, or the `id` of a message in a stream",
        extra_json_schema={"pattern": PATTERN},
        extra=A_POSITION,
    ),
]
ProviderName = Annotated[Name, enum(PROVIDERS)]
StatusWord = Annotated[str, enum(Status)]
FindingWord = Annotated[str, enum(Finding)]
SUBSCRIBABLE = (*EventType, "generation.*")
EventWord = Annotated[str, enum(SUBSCRIBABLE)]


class OrderBody(Struct, forbid_unknown_fields=True):
    """An order: the provider, the model and its input. A `callback_url` gets this generation's events."""

    provider: ProviderName
    model: Name
    input: Annotated[dict[str, Any], Meta(description="the model's own fields, as the provider documents them")]
    account: Name = "default"
    callback_url: Url | None = None
    metadata: Metadata = {}
    deadline_s: Annotated[float, Meta(gt=0, description="how long to wait at most, in seconds")] | None = None


class BulkBody(Struct, forbid_unknown_fields=True):
    """Several generations of one model, ordered in one call where the provider takes that."""

    provider: ProviderName
    model: Name
    inputs: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=100, description="one for each generation")]
    account: Name = "default"
    callback_url: Url | None = None
    metadata: Metadata = {}
    deadline_s: Annotated[float, Meta(gt=0, description="how long to wait at most, in seconds")] | None = None


class WaitQuery(Struct, forbid_unknown_fields=True):
    """`wait` holds the answer until the generation closes."""

    wait: WaitS = 0


class WebhooksQuery(Struct, forbid_unknown_fields=True):
    """Newest first; `after` is the cursor of the page before."""

    provider: Name | None = None
    generation: Name | None = None
    finding: FindingWord | None = None
    verified: bool | None = None
    since: Moment | None = None
    until: Moment | None = None
    after: Annotated[str, before("whk")] | None = None
    limit: Limit = 50


class EventsQuery(Struct, forbid_unknown_fields=True):
    """Oldest first, from after the cursor `after`; `wait` holds an empty page until there is an event.

    `last` is for people: of those after `after` so many of the newest, at once, among the newest 100,000.
    """

    after: Position | None = None
    type: EventWord | None = None
    generation: Name | None = None
    provider: Name | None = None
    model: Name | None = None
    limit: Limit = 50
    last: Limit | None = None
    wait: WaitS = 0


class StreamQuery(Struct, forbid_unknown_fields=True):
    """From after the cursor `after`, or after `Last-Event-ID`; without either from now on."""

    after: Position | None = None
    type: EventWord | None = None
    generation: Name | None = None
    provider: Name | None = None
    model: Name | None = None


class OutputSchema(Struct):
    """A file or a text that a generation made. `url` is where its bytes are, `expires_at` until when.

    `requires_auth`: the URL needs the provider's key; fetch the bytes with `getOutput`, which works for every output.
    """

    index: int
    kind: Literal["image", "video", "audio", "text", "file"]
    url: str
    content_type: str | None
    expires_at: Moment | None
    requires_auth: bool


class FailureSchema(Struct):
    """The reason of a failure: a code of this interface, and what the provider said. What it did not say is null.

    `fault` names who can do something about it; `retryable`: the same order, sent again now, has a fair chance.
    `param` is the field of the input that is to blame; `details` holds everything else that the provider said.
    """

    code: FailureCode
    fault: Fault
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
    origin: Literal["preflight", "submit", "webhook", "poll", "stream", "clock"] | None


class CostSchema(Struct):
    """The price that the provider states. `amount` is a decimal number, as the provider wrote it."""

    amount: str
    currency: str


class GenerationSchema(Struct):
    """A piece of work ordered from a provider.

    `external_id`, `provider_status` and `provider_details` are the provider's own words. `progress` runs from 0 to 1.
    `outputs_requested`: the number that the order states, if any. `api_key`: the id of the key that ordered it.
    `learned_from` is how its end was learned first, `verified_by` what proved it; `late`: after it had expired.
    """

    id: str
    provider: str
    account: str
    model: str
    status: Status
    external_id: str | None
    bulk_id: str | None
    provider_status: str | None
    progress: float | None
    queue_position: int | None
    outputs: list[OutputSchema]
    outputs_requested: int | None
    failure: FailureSchema | None
    cost: CostSchema | None
    provider_details: dict[str, Any] | None
    metadata: dict[str, Any]
    api_key: str | None
    learned_from: Origin | None
    verified_by: VerifiedBy | None
    late: bool
    created_at: Moment
    submitted_at: Moment | None
    closed_at: Moment | None
    deadline_at: Moment


class GenerationPage(Struct):
    """A page of generations; `next` is the cursor of the next page, null on the last."""

    data: list[GenerationSchema]
    next: str | None


class WebhookSchema(Struct):
    """A stored webhook of a provider, as it was received. `finding` is what reading it resulted in.

    `quarantined_at`: nothing verified it, for the reason in `refused_reason`. `bytes` is the size of its body.
    `repeats`: how many more came that are counted here and not kept, because they were the same or too many.
    """

    id: str
    provider: str
    account: str
    generation_id: str
    received_at: Moment
    verified_by: VerifiedBy | None
    quarantined_at: Moment | None
    refused_reason: str | None
    read_at: Moment | None
    finding: Finding | None
    unreadable_reason: str | None
    bytes: int
    repeats: int


class WebhookWithBodySchema(WebhookSchema):
    """A stored webhook with its headers and body. `body` is text, or base64 where `body_base64` is true."""

    headers: dict[str, str]
    body: str
    body_base64: bool


class WebhookPage(Struct):
    """A page of stored webhooks; `next` is the cursor of the next page, null on the last."""

    data: list[WebhookSchema]
    next: str | None


class TimelineEntry(Struct):
    """An entry of a timeline: what happened, and its details, whose fields depend on the type."""

    at: Moment
    type: Literal["webhook", "observation", "event", "delivery", "attempt", "poll", "submission", "cancellation"]
    details: dict[str, Any]


class TimelineQuery(Struct, forbid_unknown_fields=True):
    """In order; `after` is the cursor of the page before."""

    after: Entry | None = None
    limit: Limit = 200


class ExpectedSchema(Struct):
    """When such work is usually done, by what finished lately: eight of ten lie between the two. And the next poll."""

    usually_done_from: Moment
    usually_done_until: Moment
    next_poll_at: Moment | None


class TimelineSchema(Struct):
    """A page of a generation's timeline; `next` is the cursor of the next page, null on the last.

    `expected` is null of what has ended, or was not submitted yet.
    """

    generation: GenerationSchema
    expected: ExpectedSchema | None
    data: list[TimelineEntry]
    next: str | None
