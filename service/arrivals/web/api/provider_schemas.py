"""The schemas of providers: what each can do, and how it has behaved."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from arrivals.providers.contract import Trust
from arrivals.web.api.schemas import Moment


class RouteSchema(Struct):
    """A provider's way of working, chosen by the model. `models` are names or patterns, as of files.

    `submit` is how the submission is answered, `outputs` where outputs are learned from; `bulk` is the most orders of
    one call, null where there is no such call. `preflight` names the fields that are checked before an order is sent,
    and `limits` describes each limit in words.
    """

    name: str
    models: list[str]
    kind: str | None
    documentation: str
    submit: Literal["asynchronous", "synchronous", "stream, or synchronous"]
    bulk: int | None
    webhooks: bool
    trust: Trust | None
    polls: bool
    streams: bool
    cancels: bool
    outputs: Literal["poll", "poll, then a second question", "answer"]
    preflight: list[str]
    usual_duration_s: Annotated[list[float], Meta(min_length=2, max_length=2)]
    max_duration_s: float
    limits: dict[str, str]


class LearnedDurationSchema(Struct):
    """How long the work of a model took lately, of orders of one size where `order_size` states one.

    `seen`: how many durations it stands for; those of long ago count less.
    """

    model: str
    order_size: str | None
    seen: float
    p10_s: float
    p50_s: float
    p90_s: float


class LearnedWebhooksSchema(Struct):
    """The share of expected webhooks that came lately, from 0 to 1, and how late most of them are."""

    share: float
    late_s: float


class BehaviorSchema(Struct):
    """A provider's record of the last seven days. What nothing was counted of is null.

    Lateness is how long a webhook came after the same news had come another way. `learned_from` counts ends by how they
    were learned first, and `failures` counts failures by their code.
    """

    closed: int
    webhooks_expected: int
    webhooks_came: int
    webhook_share: float | None
    webhook_lateness_p50_s: float | None
    webhook_lateness_p95_s: float | None
    learned_from: dict[str, int]
    repeated: int
    conflicting: int
    duration_p50_s: float | None
    duration_p95_s: float | None
    failures: dict[str, int]


class ProviderSchema(Struct):
    """A provider: its configured accounts, its routes, the limits of each account, and its record.

    `learned_durations` and, by account, `learned_webhooks`: what polls are timed by.
    """

    name: str
    documentation: str
    accounts: list[str]
    max_in_flight: int
    requests_per_minute: int
    routes: list[RouteSchema]
    learned_durations: list[LearnedDurationSchema]
    learned_webhooks: dict[str, LearnedWebhooksSchema]
    behavior: BehaviorSchema


class ProvidersSchema(Struct):
    """Every provider. `as_of` is the moment until which its record was counted."""

    data: list[ProviderSchema]
    as_of: Moment
