"""The shapes of subscribers, deliveries and replays, as OpenAPI shows them and requests are validated by."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from arrivals.store.subscribers import MAX_IN_FLIGHT
from arrivals.web.api.schemas import (
    PRINTABLE,
    WANTABLE,
    Cursor,
    EventShape,
    EventWord,
    FindingWord,
    Limit,
    Metadata,
    Moment,
    Name,
    Url,
)

Signature = Literal["v1", "v1a"]
V1: Signature = "v1"
Description = Annotated[str, Meta(max_length=1000, pattern=PRINTABLE)]
InFlight = Annotated[int, Meta(ge=1, le=1000)]
Rate = Annotated[float, Meta(ge=0.001, le=10000)]
Types = Annotated[list[EventWord], Meta(min_length=1, max_length=len(WANTABLE))]
Signatures = Annotated[list[Signature], Meta(description="`v1` is always there", max_length=2)]


class FilterBody(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Only events about generations that agree with all of this."""

    provider: Name | None = None
    model: Name | None = None
    metadata: Metadata | None = None


class SubscriberBody(Struct, forbid_unknown_fields=True):
    """Who wants which events. `signatures`: v1 is HMAC-SHA256, v1a Ed25519 beside it."""

    url: Url
    event_types: Types | None = None
    filter: FilterBody | None = None
    description: Description | None = None
    max_in_flight: InFlight = MAX_IN_FLIGHT
    rate_per_s: Rate | None = None
    signatures: Signatures = field(default_factory=lambda: [V1])


class SubscriberPatch(Struct, forbid_unknown_fields=True):
    """What to change; what is left out stays. `paused` holds deliveries back; `disabled: false` serves it again."""

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
    """Since when."""

    since: Moment


class SubscriberShape(Struct):
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
    disabled_because: str | None
    secret: str | UnsetType = UNSET


class SubscriberPage(Struct):
    """A page of subscribers."""

    data: list[SubscriberShape]
    next: str | None


class DeliveriesQuery(Struct, forbid_unknown_fields=True):
    """Newest first; `after` is the cursor of the page before."""

    status: Literal["waiting", "delivered", "given_up"] | None = None
    after: Cursor | None = None
    limit: Limit = 50


class AttemptShape(Struct):
    """One try: `error` names what went wrong, `answer` is the first 2 KiB of what came back."""

    number: int
    at: Moment
    duration_s: float
    http_status: int | None
    error: str | None
    answer: str | None


class DeliveryShape(Struct):
    """One event for one subscriber; `tries` only when it is shown alone, and at most the latest 200."""

    id: str
    event_id: str
    event_type: str
    generation_id: str | None
    subscriber_id: str
    url: str
    status: str
    attempts: int
    redelivered: bool
    created_at: Moment
    next_attempt_at: Moment | None
    delivered_at: Moment | None
    given_up_at: Moment | None
    tries: list[AttemptShape] | UnsetType = UNSET


class DeliveryPage(Struct):
    """A page of deliveries."""

    data: list[DeliveryShape]
    next: str | None


class PingShape(Struct):
    """A ping and its delivery."""

    event: EventShape
    delivery: DeliveryShape


class RedeliverBody(Struct, forbid_unknown_fields=True):
    """To whom; left out, everybody who wants it."""

    subscriber: Name | None = None


class ReplayFilters(Struct, forbid_unknown_fields=True):
    """Which of them. `missed`: only events that did not reach their subscriber."""

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
    """What to do again: read stored webhooks, verify refused ones, send events."""

    what: Literal["webhooks", "quarantine", "events"]
    filters: ReplayFilters = field(default_factory=ReplayFilters)
    dry_run: bool = False
    rate_per_s: Rate | None = None


class ReplayOneBody(Struct, forbid_unknown_fields=True):
    """`dry_run` only tells what would change."""

    dry_run: bool = False


class ReplayedShape(Struct):
    """What one webhook turned out to be this time, and where its generation stands."""

    webhook_id: str
    finding: str
    status: str | None
    dry_run: bool


class ReplayShape(Struct):
    """A replay: how far it is, and how many of each finding there were."""

    id: str
    what: str
    filters: dict[str, Any]
    dry_run: bool
    rate_per_s: float | None
    status: str
    failed_because: str | None
    total: int
    done: int
    findings: dict[str, int]
    created_at: Moment
    finished_at: Moment | None


class ReplayPage(Struct):
    """A page of replays."""

    data: list[ReplayShape]
    next: str | None
