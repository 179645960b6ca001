"""The schemas of subscribers, deliveries and replays: for OpenAPI, and to validate requests."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from arrivals.core.event import EventType
from arrivals.core.subscriber import MAX_IN_FLIGHT, SubscriberState
from arrivals.web.allowed import PRINTABLE
from arrivals.web.api.event_schemas import PingEvent
from arrivals.web.api.objections import before
from arrivals.web.api.schemas import (
    SUBSCRIBABLE,
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
Types = Annotated[list[EventWord], Meta(min_length=1, max_length=len(SUBSCRIBABLE))]
Signatures = Annotated[list[Signature], Meta(description="`v1` is always there", max_length=2)]


class FilterBody(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Only events about generations that match all of these. `metadata`: every key there, with the same value."""

    provider: Name | None = None
    model: Name | None = None
    metadata: Metadata | None = None


class SubscriberBody(Struct, forbid_unknown_fields=True):
    """A subscriber's URL and the events that it wants, all if `event_types` is left out or null.

    `signatures`: `v1` is HMAC-SHA256, `v1a` is Ed25519 beside it. `max_in_flight` and `rate_per_s` limit deliveries.
    """

    url: Url
    event_types: Types | None = None
    filter: FilterBody | None = None
    description: Description | None = None
    max_in_flight: InFlight = MAX_IN_FLIGHT
    rate_per_s: Rate | None = None
    signatures: Signatures = field(default_factory=lambda: [V1])


class SubscriberPatch(Struct, forbid_unknown_fields=True):
    """The fields to change; those that are left out stay as they are.

    `paused` holds deliveries back; `"disabled": false` enables a subscriber that was disabled.
    """

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
    """The moment from which on to recover. With `dry_run` the replay sends nothing and only counts."""

    since: Moment
    dry_run: bool = False


class ResentSchema(Struct):
    """The number of deliveries that waited and are due now."""

    deliveries: int


class SubscriberHealthSchema(Struct):
    """How deliveries to a subscriber go. `failing_since`: the first failure after its last success.

    `backlog` is the number of deliveries that wait, 10,000 at most; `success_share`, from 0 to 1, is of the newest 100.
    """

    state: SubscriberState
    failing_since: Moment | None
    last_success_at: Moment | None
    last_failure_at: Moment | None
    last_error: str | None
    backlog: int
    oldest_waiting_at: Moment | None
    success_share: float | None


class FilterSchema(Struct):
    """The provider, the model and the metadata that a subscriber's events are restricted to; without, all."""

    provider: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class SubscriberSchema(Struct):
    """A receiver of events. `public_key` verifies `v1a` signatures, null where it has none.

    Until `previous_secret_until` the secret of before the last rotation signs too.
    """

    id: str
    url: str
    event_types: list[EventWord] | None
    filter: FilterSchema | None
    description: str | None
    max_in_flight: int
    rate_per_s: float | None
    signatures: list[Signature]
    public_key: str | None
    previous_secret_until: Moment | None
    paused_at: Moment | None
    created_at: Moment
    disabled_at: Moment | None
    disabled_reason: str | None
    health: SubscriberHealthSchema


class SubscriberWithSecretSchema(SubscriberSchema):
    """A subscriber with its signing secret, `whsec_…`, which is shown this once."""

    secret: str


class SubscriberPage(Struct):
    """A page of subscribers; `next` is the cursor of the next page, null on the last."""

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
    """An attempt at a delivery: `error` names what went wrong, `answer` is the first 2 KiB of the answer."""

    number: int
    at: Moment
    duration_s: float
    http_status: int | None
    error: str | None
    answer: str | None


class DeliverySchema(Struct):
    """An event for a subscriber. `generation_id` is null for a ping; `redelivered`: the event was sent again."""

    id: str
    event_id: str
    event_type: EventType
    generation_id: str | None
    subscriber_id: str
    url: str
    status: Literal["waiting", "delivered", "given_up"]
    attempt_count: int
    redelivered: bool
    created_at: Moment
    next_attempt_at: Moment | None
    delivered_at: Moment | None
    given_up_at: Moment | None


class DeliveryWithAttemptsSchema(DeliverySchema):
    """A delivery with its attempts, the latest 200 at most."""

    attempts: list[AttemptSchema]


class DeliveryPage(Struct):
    """A page of deliveries; `next` is the cursor of the next page, null on the last."""

    data: list[DeliverySchema]
    next: str | None


class PingSchema(Struct):
    """A ping and its delivery, with the attempt that was made."""

    event: PingEvent
    delivery: DeliveryWithAttemptsSchema


class RedeliverBody(Struct, forbid_unknown_fields=True):
    """The subscriber to send the event to; if it is left out, every one that wants the event."""

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
    """The work of a replay: to read stored webhooks, verify those in quarantine, or send events.

    With `dry_run` nothing changes and nothing is sent: the replay only counts.
    """

    kind: Literal["webhooks", "quarantine", "events"]
    filters: ReplayFilters = field(default_factory=ReplayFilters)
    dry_run: bool = False
    rate_per_s: Rate | None = None


class ReplayOneBody(Struct, forbid_unknown_fields=True):
    """With `dry_run` nothing changes: the answer is the finding that there would be."""

    dry_run: bool = False
