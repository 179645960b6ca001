"""What a provider module must answer: questions (what to send), readings (what was said), and three ways to fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Protocol

from service.core.admission import Budget
from service.core.failure import Failure
from service.core.generation import VerifiedBy
from service.core.http import HttpCall, HttpReply, InboundWebhook
from service.core.observation import Reading


class Refused(Exception):
    """The provider refused, in words we understand."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or failure.code)
        self.failure = failure


class Unreadable(Exception):
    """The provider said something that cannot be understood; its bytes are kept and we must act."""


class Unverified(Exception):
    """Nothing proves that this webhook is the provider's."""


class Trust(StrEnum):
    """How far a provider's webhooks are believed."""

    FULL = "full"  # body and time are signed
    BODY = "body"  # the body is signed, or a shared secret is sent; nothing guards against replay
    HINT = "hint"  # nothing signs the body: only the address is unguessable, so we ask before we believe


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One of a provider's ways of working, chosen by the ordered model. Durations in seconds, as documented.

    `first_poll_s`: when to ask first if no webhook is expected; `ceiling_s`: what the provider itself gives up after.
    `lag_s`: for how long "not found" may still mean "not yet". `trust` None: this route has no webhooks.
    `polls` False: nothing can be asked, so an unsigned webhook is believed for its address alone.
    """

    name: str
    models: tuple[str, ...]  # patterns, as in fnmatch
    documentation: str
    kind: str  # image | video | audio
    first_poll_s: float
    poll_every_s: float
    usual_s: float
    ceiling_s: float
    lag_s: float = 60.0
    trust: Trust | None = None
    polls: bool = True
    cancels: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The credentials used with a provider. `base_url` has no slash at its end."""

    base_url: str
    api_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)

    def bearer(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"authorization": f"Bearer {self.api_key}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the caller wants, and where the provider may call us (None: nowhere)."""

    model: str
    route: str
    input: Mapping[str, Any]
    callback_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A generation as its provider knows it."""

    model: str
    route: str
    base_url: str
    external_id: str | None = None

    @property
    def known_id(self) -> str:
        """The provider's id; who asks without one made a mistake of ours."""
        if self.external_id is None:
            raise ValueError(f"a generation of {self.model} has no external id yet")
        return self.external_id


class Provider(Protocol):
    """A provider module. Readings raise only Refused, Unreadable and (verify) Unverified, whatever the bytes."""

    NAME: str
    BASE_URL: str
    DOCUMENTATION: str
    BUDGET: Budget
    ROUTES: tuple[Route, ...]

    def submit(self, order: Order, account: Account) -> HttpCall:
        """The call that orders a generation. Raises Refused for an order its form cannot hold."""
        ...

    def read_submitted(self, reply: HttpReply, target: Target) -> Reading:
        """Its answer."""
        ...

    def poll(self, target: Target, account: Account) -> HttpCall:
        """The call that asks how a generation stands."""
        ...

    def read_polled(self, reply: HttpReply, target: Target) -> Reading:
        """Its answer."""
        ...

    def cancel(self, target: Target, account: Account) -> HttpCall:
        """The call that cancels, for routes that say `cancels`."""
        ...

    def read_canceled(self, reply: HttpReply, target: Target) -> Reading:
        """Its answer."""
        ...

    def verify(self, webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:
        """Why the webhook is believed; None where nothing vouches for it (trust `hint`). Raises Unverified."""
        ...

    def read_webhook(self, webhook: InboundWebhook, target: Target) -> Reading:
        """What a webhook says."""
        ...

    def read_failure(self, http_status: int | None, body: bytes, origin: str) -> Failure:
        """What any error body of this provider means, whichever channel it came by."""
        ...


def route_of(provider: Provider, model: str) -> Route | None:
    """The first route that knows the model."""
    return next(
        (route for route in provider.ROUTES if any(fnmatchcase(model, pattern) for pattern in route.models)), None
    )


def no_cancel(target: Target, account: Account) -> HttpCall:
    """For providers that document no cancel endpoint; their routes say so, and nobody asks."""
    raise Unreadable(f"{account.base_url} documents no way to cancel {target.external_id}")


def no_cancel_answer(reply: HttpReply, target: Target) -> Reading:
    """As `no_cancel`."""
    raise Unreadable(f"HTTP {reply.http_status} to a cancel of {target.external_id} that was never asked for")


def no_webhooks(webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:  # noqa: ARG001 - the protocol's form
    """For providers that document no webhooks: whoever calls in their name is not believed."""
    raise Unverified("this provider documents no webhooks")


def no_webhook_body(webhook: InboundWebhook, target: Target) -> Reading:
    """As `no_webhooks`."""
    raise Unreadable(f"{len(webhook.body)} bytes about {target.model}, whose provider documents no webhooks")
