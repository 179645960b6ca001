"""What a step works with. Steps are handed their tools; they read no settings, clock or entropy of their own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias, TypeVar

import anyio

from arrivals.core.budget import Budget
from arrivals.core.cadence import Cadence
from arrivals.core.generation import GenerationKey
from arrivals.core.ids import ENTROPY_BYTES, make_id
from arrivals.core.wire import Micros
from arrivals.flow.batch import Batch
from arrivals.flow.cached import Cached
from arrivals.flow.callback_url import CallbackUrls
from arrivals.flow.heartbeat import Heartbeat
from arrivals.flow.observation.frequency import Frequency
from arrivals.flow.settlement.unknown_statuses import UnknownStatuses
from arrivals.flow.settlement.waiters import Waiters
from arrivals.outbound.transport import Transport
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Adapter, Provider, Route, Target
from arrivals.store.accounts import AccountKey
from arrivals.store.engine.base import Database
from arrivals.store.provider_stats import ProviderStats
from arrivals.store.prune import Retention

T = TypeVar("T")
R = TypeVar("R")
Write: TypeAlias = Callable[["Context", Sequence[T]], Awaitable[Sequence[R | Exception]]]


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
    """One provider account: the module that speaks, the credentials, what may be sent."""

    provider: Provider
    account: Account
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The bag: what is kept where and how long, how calls go out, who may be called with what, where time comes from.

    `callback_secret` (`whsec_` + base64) signs events to the callback URLs that orders name. `pulses`: those of the
    workers of this process, by name; none where others work. `ending`: set when the service was told to end.
    """

    store: Database
    transport: Transport
    upstreams: Mapping[AccountKey, Upstream]
    callback_urls: CallbackUrls
    cadence: Cadence
    limits: Limits
    now: Callable[[], Micros]
    entropy: Callable[[int], bytes]
    callback_secret: str = field(repr=False)
    retention: Retention = field(default_factory=Retention)
    crowded: set[AccountKey] = field(default_factory=set, init=False, repr=False, compare=False)  # see crowd.py
    frequency: Frequency = field(default_factory=Frequency, init=False, repr=False, compare=False)
    unknown_statuses: UnknownStatuses = field(default_factory=UnknownStatuses, init=False, repr=False, compare=False)
    waiters: Waiters = field(default_factory=Waiters, init=False, repr=False, compare=False)
    provider_stats: Cached[dict[str, ProviderStats]] = field(
        default_factory=Cached, init=False, repr=False, compare=False
    )
    ending: anyio.Event = field(default_factory=anyio.Event, init=False, repr=False, compare=False)
    heartbeats: dict[str, Heartbeat] = field(default_factory=dict, init=False, repr=False, compare=False)
    _batches: dict[Any, Batch[Any, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    async def together(self, write: Write[T, R], item: T) -> R:
        """What `write` makes of the item, in one batch with what others hand it at the same time."""
        result: R = await self.batch_of(write).add(item)
        return result

    def batch_of(self, write: Write[T, R], *, halved: bool = False) -> Batch[T, R]:
        """Where items are handed to `write`; `halved` as `Batch` says, for all who hand it any."""
        batch = self._batches.get(write)
        if batch is None:
            batch = self._batches[write] = Batch(partial(write, self), halved=halved)
        return batch

    def end_waits(self) -> None:
        """The service was told to end: who holds a request answers it as if its wait had ended."""
        self.ending.set()
        self.waiters.wake(self.waiters.ids)
        self.store.notify("settled")

    def make_id(self, prefix: str) -> str:
        """A new id."""
        return make_id(prefix, self.now(), self.entropy(ENTROPY_BYTES))

    def random(self) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.entropy(4)) / 2**32

    def upstream(self, generation: GenerationKey) -> Upstream:
        """Whom a generation was asked of. Raises NotConfigured."""
        try:
            return self.upstreams[generation.provider, generation.account]
        except KeyError:
            raise NotConfigured(
                f"{generation.provider} has no account {generation.account!r} in the settings"
            ) from None

    def route(self, generation: GenerationKey) -> Route:
        """How its provider works on it. Raises NotConfigured for a route that this Arrivals does not have."""
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
        """How its provider is spoken to about it."""
        return self.route(generation).adapter

    def budgets(self) -> dict[AccountKey, Budget]:
        """What may be sent with each account."""
        return {key: _budget(upstream) for key, upstream in self.upstreams.items()}

    def budget(self, generation: GenerationKey) -> Budget:
        """The budget of its account. Raises NotConfigured."""
        return _budget(self.upstream(generation))


def _budget(upstream: Upstream) -> Budget:
    """With what a poll of its provider may come to."""
    follows = any(route.adapter.fetch_result is not None for route in upstream.provider.ROUTES)
    return replace(upstream.budget, requests_per_poll=2) if follows else upstream.budget
