"""The context of a step. Steps are handed what they use; they read no settings, clock or entropy of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from arrivals.core.budget import Budget
from arrivals.core.cadence import Cadence
from arrivals.core.generation import GenerationKey
from arrivals.core.ids import ENTROPY_BYTES, make_id
from arrivals.core.wire import Micros
from arrivals.flow.batches import Batches
from arrivals.flow.callback_url import CallbackUrls
from arrivals.flow.process import Process
from arrivals.outbound.transport import Transport
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Adapter, Provider, Route, Target
from arrivals.store.accounts import AccountKey
from arrivals.store.engine.base import Database
from arrivals.store.engine.signals import Signal
from arrivals.store.prune import Retention


class NotConfigured(Exception):
    """The account a generation was submitted with is no longer in the settings; put it back to go on with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what is kept and sent."""

    webhook_max_bytes: int = 1_048_576
    quarantine_keep: int = 1000
    delivery_timeout_s: float = 15.0
    answer_keep_bytes: int = 2048
    call_keep_bytes: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One provider account: the provider's module, the credentials, the budget."""

    provider: Provider
    account: Account
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's choices: when to ask and try again, how much is kept and sent, for how long it is kept.

    `callback_secrets` (`whsec_` + base64, newest first) all sign events to the callback URLs that orders name.
    """

    callback_secrets: Sequence[str] = field(repr=False)
    cadence: Cadence = field(default_factory=Cadence)
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that a step works with: the store, the transport, the accounts and their budgets, and the time.

    `now` gives microseconds since 1970, `entropy` the number of random bytes asked for. `make_batches` gives the
    batches, which write with this very context.
    """

    store: Database
    transport: Transport
    upstreams: Mapping[AccountKey, Upstream]
    callback_urls: CallbackUrls
    policy: Policy
    now: Callable[[], Micros]
    entropy: Callable[[int], bytes]
    make_batches: Callable[["Context"], Batches] = field(repr=False)
    process: Process = field(default_factory=Process, init=False, repr=False, compare=False)
    batches: Batches = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batches", self.make_batches(self))

    def end_waits(self) -> None:
        """Ends all waits when the service stops: a request that is held is answered as if its time were over."""
        self.process.ending.set()
        self.process.waiters.wake(self.process.waiters.ids)
        self.store.notify(Signal.SETTLED)

    def make_id(self, prefix: str) -> str:
        """A new id."""
        return make_id(prefix, self.now(), self.entropy(ENTROPY_BYTES))

    def random(self) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.entropy(4)) / 2**32

    def upstream(self, generation: GenerationKey) -> Upstream:
        """The account that a generation was ordered with. Raises NotConfigured."""
        try:
            return self.upstreams[generation.provider, generation.account]
        except KeyError:
            raise NotConfigured(
                f"{generation.provider} has no account {generation.account!r} in the settings"
            ) from None

    def route(self, generation: GenerationKey) -> Route:
        """The route of a generation. Raises NotConfigured for a route that this version does not have."""
        provider = PROVIDERS.get(generation.provider)
        for route in provider.ROUTES if provider else ():
            if route.name == generation.route:
                return route
        raise NotConfigured(f"{generation.provider} has no route {generation.route!r} in this version")

    def route_or_none(self, generation: GenerationKey) -> Route | None:
        """The same; None for a route that this version does not have: what was accepted still ends by its deadline."""
        try:
            return self.route(generation)
        except NotConfigured:
            return None

    def target(self, generation: GenerationKey) -> Target:
        """The generation as its provider knows it."""
        return Target(
            model=generation.model,
            route=generation.route,
            base_url=self.upstream(generation).account.base_url,
            external_id=generation.external_id,
        )

    def adapter(self, generation: GenerationKey) -> Adapter:
        """The adapter of the generation's route. Raises NotConfigured."""
        return self.route(generation).adapter

    def budgets(self) -> dict[AccountKey, Budget]:
        """The budget of each account."""
        return {key: _budget(upstream) for key, upstream in self.upstreams.items()}

    def budget(self, generation: GenerationKey) -> Budget:
        """The budget of its account. Raises NotConfigured."""
        return _budget(self.upstream(generation))


def _budget(upstream: Upstream) -> Budget:
    """The account's budget, with the number of requests that one poll of its provider may take."""
    follows = any(route.adapter.fetch_result is not None for route in upstream.provider.ROUTES)
    return replace(upstream.budget, requests_per_poll=2) if follows else upstream.budget
