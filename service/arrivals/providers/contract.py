"""The parts of a provider: its routes, an adapter for each, and three ways to fail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Protocol

from msgspec import Struct, structs

from arrivals.core.budget import Budget
from arrivals.core.failure import Failure
from arrivals.core.generation import VerifiedBy
from arrivals.core.http import HttpCall, HttpReply, InboundWebhook
from arrivals.core.observation import Reading
from arrivals.providers._shared.limits import Limit

# Headers of webhooks that may hold a secret: kept as they came, so that a webhook can be verified again; never shown.
SECRET_HEADERS = frozenset({"authorization", "cookie", "x-webhook-secret"})
# Resolved away by whoever sends the call: https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4
DOT_SEGMENTS = frozenset({".", ".."})


class Refused(Exception):
    """A refusal by the provider, in words that we understand."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or failure.code)
        self.failure = failure


class Unreadable(Exception):
    """A message of the provider that cannot be understood; its bytes are kept and we must act."""


class Unverified(Exception):
    """A webhook that nothing proves to be the provider's."""


class Trust(StrEnum):
    """The degree to which a provider's webhooks are believed."""

    FULL = "full"  # body and time are signed
    BODY = "body"  # the body is signed, or a shared secret is sent; nothing guards against replay
    HINT = "hint"  # nothing signs the body: only the address is unguessable, so we poll before we believe


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The credentials used with a provider. No URL has a slash at its end; `hosts` are its further ones, by name."""

    base_url: str
    api_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    hosts: Mapping[str, str] = field(default_factory=dict)

    def bearer(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"authorization": f"Bearer {self.api_key}"}


def authorize(call: HttpCall, account: Account) -> HttpCall:
    """The call with the account's key, to be sent to the account's own origins alone."""
    return structs.replace(call, headers={**call.headers, **account.bearer()})


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An input that the submission carries itself: its bytes and their media type."""

    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The caller's order, and the URL at which the provider may call us (None: nowhere).

    `reference` is our name for it, the same on every try. `files` holds the files that `Adapter.files` lists, by URL.
    """

    model: str
    route: str
    input: Mapping[str, Any]
    reference: str = ""
    callback_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    files: Mapping[str, File] = field(default_factory=dict)


class Target(Struct, frozen=True, kw_only=True):
    """A generation as its provider knows it."""

    model: str
    route: str
    base_url: str
    external_id: str | None = None

    @property
    def known_id(self) -> str:
        """The provider's id. A call without one is a mistake of ours: it raises ValueError."""
        if self.external_id is None:
            raise ValueError(f"a generation of {self.model} has no external id yet")
        return self.external_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call about a generation, and how its answer is read."""

    build: Callable[[Target, Account], HttpCall]
    parse: Callable[[HttpReply, Target], Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """One call that orders several generations; its answer reports each, in the order of the request."""

    most: int
    submit: Callable[[Sequence[Order], Account], HttpCall]
    read_submitted: Callable[[HttpReply, Target], "list[Reading | Refused]"]
    match_input: Callable[
        [bytes, Sequence[Mapping[str, Any]]], int | None
    ]  # the index of the input that a webhook repeats


def no_files(order: Order) -> Sequence[str]:  # noqa: ARG001 - the form of `Adapter.files`
    """No URLs: the submission carries no files of its own."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A route's calls and readers. A capability that the provider lacks has no function.

    Readings raise only Refused and Unreadable, whatever the bytes.
    """

    submit: Callable[[Order, Account], HttpCall]  # raises Refused for an order its form cannot hold
    read_submitted: Callable[[HttpReply, Target], Reading]
    poll: Request | None = None
    fetch_result: Request | None = None  # called when a poll says completed and shows no output
    cancel: Request | None = None
    read_webhook: Callable[[InboundWebhook, Target], Reading] | None = None
    read_event: Callable[[bytes, Target], Reading | None] | None = None  # of a stream; None: it reports nothing
    bulk: Bulk | None = None
    files: Callable[[Order], Sequence[str]] = no_files  # URLs of inputs that the submission carries as bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One of a provider's ways of working, chosen by the ordered model. Durations in seconds, as documented.

    `answer_s`: how long a submission may take to be answered; `stream_idle_s`: how long its stream may be silent.
    `usual_duration_s`: the range that most work takes, by the page or by what others report; `max_duration_s`: after
    which the provider itself gives up. `poll_every_s`: the shortest time between two polls, and
    `initial_poll_delay_s` that before the first; a second where no page says.
    `lag_s`: for how long "not found" may still mean "not yet"; `keeps_s`: for how long results can be had, from the
    submission on, a day where no page says. `rate_headers`: its page documents `X-RateLimit-Remaining` and `-Reset`.
    `trust` None: this route has no webhooks.
    """

    name: str
    models: tuple[str, ...]  # patterns, as in fnmatch
    documentation: str
    kind: str | None  # image | video | audio; None where the model decides
    adapter: Adapter = field(repr=False)
    usual_duration_s: tuple[float, float]
    max_duration_s: float
    initial_poll_delay_s: float = 1.0
    poll_every_s: float = 1.0
    answer_s: float = 60.0
    stream_idle_s: float = 60.0
    lag_s: float = 60.0
    keeps_s: float = 24 * 3600.0
    rate_headers: bool = False
    trust: Trust | None = None
    limits: tuple[Limit, ...] = ()
    max_duration_by_model: Mapping[str, float] = field(default_factory=dict)  # pattern: its own ceiling, in seconds
    usual_duration_by_model: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def max_duration_of(self, model: str) -> float:
        """The seconds after which the provider itself gives up on this model."""
        return next(
            (most for pattern, most in self.max_duration_by_model.items() if fnmatchcase(model, pattern)),
            self.max_duration_s,
        )

    def usual_duration_of(self, model: str) -> tuple[float, float]:
        """The range of seconds that this model usually takes."""
        return next(
            (usual for pattern, usual in self.usual_duration_by_model.items() if fnmatchcase(model, pattern)),
            self.usual_duration_s,
        )

    @property
    def polls(self) -> bool:
        """True where the provider can be polled; if not, an unsigned webhook is believed for its address alone."""
        return self.adapter.poll is not None


class Provider(Protocol):
    """A provider module."""

    NAME: str
    BASE_URL: str
    HOSTS: Mapping[str, str]  # further hosts, by the name that a setting gives them
    DOCUMENTATION: str
    BUDGET: Budget
    ROUTES: tuple[Route, ...]  # a model belongs to the first that matches it

    def verify(self, webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:
        """The reason to believe a webhook; None where nothing proves it (trust `hint`). Raises Unverified."""
        ...


def route_of(provider: Provider, model: str) -> Route | None:
    """The first route that matches the model. Some put it into a path, so it may not lead anywhere else."""
    if DOT_SEGMENTS & set(model.split("/")):
        return None
    return next(
        (route for route in provider.ROUTES if any(fnmatchcase(model, pattern) for pattern in route.models)), None
    )


def no_webhooks(webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:  # noqa: ARG001 - the protocol's form
    """The `verify` of providers that document no webhooks: a call in their name is never believed."""
    raise Unverified("this provider documents no webhooks")


def unsigned(webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:  # noqa: ARG001 - the protocol's form
    """The `verify` of providers whose webhooks are unsigned: they are hints."""
    return None
