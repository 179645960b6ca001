"""The schemas of subscribers, deliveries and replays: for OpenAPI, and to validate requests."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from arrivals.core.subscriber import MAX_IN_FLIGHT
from arrivals.web.api.schemas import (
    PRINTABLE,
    SUBSCRIBABLE,
    EventSchema,
    EventWord,
    FindingWord,
    Limit,
    Metadata,
    Moment,
    Name,
    Url,
    before,
)

Signature = Literal["v1", "v1a"]
V1: Signature = "v1"
Description = Annotated[str, Meta(max_length=1000, pattern=PRINTABLE)]
InFlight = Annotated[int, Meta(ge=1, le=1000)]
Rate = Annotated[float, Meta(ge=0.001, le=10000)]
Types = Annotated[list[EventWord], Meta(min_length=1, max_length=len(SUBSCRIBABLE))]
Signatures = Annotated[list[Signature], Meta(description="`v1` is always there", max_length=2)]


class FilterBody(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Only events about generations that match all of this."""

    provider: Name | None = None
    model: Name | None = None
    metadata: Metadata | None = None


class SubscriberBody(Struct, forbid_unknown_fields=True):
    """A subscriber's URL and the events that it wants. `signatures`: v1 is HMAC-SHA256, v1a Ed25519 beside it."""

    url: Url
    event_types: Types | None = None
    filter: FilterBody | None = None
    description: Description | None = None
    max_in_flight: InFlight = MAX_IN_FLIGHT
    rate_per_s: Rate | None = None
    signatures: Signatures = field(default_factory=lambda: [V1])


class SubscriberPatch(Struct, forbid_unknown_fields=True):
    """The fields to change; those left out stay. `paused` holds deliveries back; `disabled: false` serves it again."""

    url: Url | UnsetType = UNSET
    event_types: Types | UnsetType | None = UNSET
    filter: FilterBody | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    max_in_flight: InFlight | UnsetType = UNSET
    rate_per_s: Rate | UnsetType | None = UNSET
    signatures: Signatures | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    disabled: Literal[False] | UnsetType = UNSET


class RecoverBody(Struct, forbid_unknown_fields=True):
    """The moment from which on to recover. `dry_run` sends nothing: the replay only counts."""

    since: Moment
    dry_run: bool = False


class ResentSchema(Struct):
    """The number of deliveries that waited and are due now."""

    deliveries: int


class HealthSchema(Struct):
    """How deliveries go. `backlog`: those that wait, 10,000 at most; `success_share`: of the newest 100, 0 to 1."""

    state: Literal["untried", "healthy", "failing", "paused", "disabled"]
    failing_since: Moment | None
    last_success_at: Moment | None
    last_failure_at: Moment | None
    last_error: str | None
    backlog: int
    oldest_waiting_at: Moment | None
    success_share: float | None


class SubscriberSchema(Struct):
    """A subscriber; `secret` only in the answer that made it. `public_key` verifies v1a."""

    id: str
    url: str
    event_types: list[str] | None
    filter: dict[str, Any] | None
    description: str | None
    max_in_flight: int
    rate_per_s: float | None
    signatures: list[str]
    public_key: str | None
    previous_secret_until: Moment | None
    paused_at: Moment | None
    created_at: Moment
    disabled_at: Moment | None
    disabled_reason: str | None
    health: HealthSchema
    secret: str | UnsetType = UNSET


class SubscriberPage(Struct):
    """A page of subscribers."""

    data: list[SubscriberSchema]
    next: str | None


class SubscribersQuery(Struct, forbid_unknown_fields=True):
    """`after` is the cursor of the page before."""

    after: Annotated[str, before("sub")] | None = None
    limit: Limit = 50


class ReplaysQuery(Struct, forbid_unknown_fields=True):
    """`after` is the cursor of the page before."""

    after: Annotated[str, before("rpl")] | None = None
    limit: Limit = 50


class DeliveriesQuery(Struct, forbid_unknown_fields=True):
    """Newest first; `after` is the cursor of the page before."""

    status: Literal["waiting", "delivered", "given_up"] | None = None
    after: Annotated[str, before("dlv")] | None = None
    limit: Limit = 50


class AttemptSchema(Struct):
    """One attempt: `error` names what went wrong, `answer` is the first 2 KiB of the answer."""

    number: int
    at: Moment
    duration_s: float
    http_status: int | None
    error: str | None
    answer: str | None


class DeliverySchema(Struct):
    """One event for one subscriber; `attempts` only when it is shown alone, and at most the latest 200."""

    id: str
    event_id: str
    event_type: str
    generation_id: str | None
    subscriber_id: str
    url: str
    status: str
    attempt_count: int
    redelivered: bool
    created_at: Moment
    next_attempt_at: Moment | None
    delivered_at: Moment | None
    given_up_at: Moment | None
    attempts: list[AttemptSchema] | UnsetType = UNSET


class DeliveryPage(Struct):
    """A page of deliveries."""

    data: list[DeliverySchema]
    next: str | None


class PingSchema(Struct):
    """A ping and its delivery, with the attempt that was made."""

    event: EventSchema
    delivery: DeliverySchema


class RedeliverBody(Struct, forbid_unknown_fields=True):
    """The subscriber; left out, every one that wants the event."""

    subscriber: Name | None = None


class ReplayFilters(Struct, forbid_unknown_fields=True):
    """A selection. `missed`: only events that did not reach their subscriber."""

    provider: Name | None = None
    model: Name | None = None
    generation: Name | None = None
    finding: FindingWord | None = None
    type: EventWord | None = None
    subscriber: Name | None = None
    since: Moment | None = None
    until: Moment | None = None
    missed: bool = False


class ReplayBody(Struct, forbid_unknown_fields=True):
    """The work to do again: read stored webhooks, verify refused ones, or send events."""

    kind: Literal["webhooks", "quarantine", "events"]
    filters: ReplayFilters = field(default_factory=ReplayFilters)
    dry_run: bool = False
    rate_per_s: Rate | None = None


class ReplayOneBody(Struct, forbid_unknown_fields=True):
    """`dry_run` only reports what would change."""

    dry_run: bool = False


class ReplayedSchema(Struct):
    """The new finding of one webhook, and the status of its generation."""

    webhook_id: str
    finding: str
    status: str | None
    dry_run: bool


class ReplaySchema(Struct):
    """A replay: its progress, and the number of each finding."""

    id: str
    kind: str
    filters: dict[str, Any]
    dry_run: bool
    rate_per_s: float | None
    status: str
    failed_reason: str | None
    total: int
    done: int
    findings: dict[str, int]
    created_at: Moment
    finished_at: Moment | None


class ReplayPage(Struct):
    """A page of replays."""

    data: list[ReplaySchema]
    next: str | None
