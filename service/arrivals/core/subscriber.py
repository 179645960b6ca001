"""A subscriber: which events it wants, which secrets sign for it, and how much it may be sent now."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from arrivals.core.breaker import Breaker
from arrivals.core.event import EventType
from arrivals.core.rate_limit import RateLimit
from arrivals.core.wire import SECOND, Micros

MAX_IN_FLIGHT = 10
GONE = 410  # "stop sending": https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
BOTH_SIGN: Micros = 24 * 3600 * SECOND  # after a rotation
HOPELESS_AFTER: Micros = 5 * 24 * 3600 * SECOND  # a subscriber that has failed all this time is disabled


class SubscriberState(StrEnum):
    """The health of a subscriber: how well events reach it."""

    UNTRIED = "untried"  # nothing was delivered to it yet
    HEALTHY = "healthy"
    FAILING = "failing"  # every attempt since its last success failed
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The secrets that sign deliveries to one subscriber, with those of before its last rotation.

    `secret` is `whsec_` + base64 (HMAC, `v1`); `private_key` is `whsk_` + base64 (Ed25519, `v1a`), None where the
    subscriber did not ask for it.
    """

    secret: str = field(repr=False)
    private_key: str | None = field(default=None, repr=False)
    previous_secret: str | None = field(default=None, repr=False)
    previous_private_key: str | None = field(default=None, repr=False)
    previous_until: Micros | None = None

    def secrets(self, now: Micros) -> list[str]:
        """The secrets that sign `v1` now."""
        return [self.secret, *self._previous(self.previous_secret, now)]

    def private_keys(self, now: Micros) -> list[str]:
        """The keys that sign `v1a` now; none if the subscriber did not ask for it."""
        return [self.private_key, *self._previous(self.previous_private_key, now)] if self.private_key else []

    def _previous(self, key: str | None, now: Micros) -> list[str]:
        return [key] if key is not None and now < (self.previous_until or 0) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A receiver of events. `event_types` None is all; `filter` names the provider, model or metadata wanted.

    `max_in_flight` deliveries at once, `rate_per_s` new ones a second at most.
    """

    id: str
    url: str
    secret: str = field(repr=False)
    created_at: Micros
    event_types: tuple[str, ...] | None = None
    filter: Mapping[str, Any] | None = None
    description: str | None = None
    max_in_flight: int = MAX_IN_FLIGHT
    rate_per_s: float | None = None
    disabled_at: Micros | None = None
    disabled_reason: str | None = None
    previous_secret: str | None = field(default=None, repr=False)
    previous_until: Micros | None = None
    private_key: str | None = field(default=None, repr=False)
    previous_private_key: str | None = field(default=None, repr=False)
    paused_at: Micros | None = None

    def wants(self, event_type: EventType, provider: str, model: str, metadata: Mapping[str, Any]) -> bool:
        """True if an event about such a generation is for this subscriber; `generation.*` is every generation event."""
        if self.event_types is not None and event_type not in self.event_types:
            family = event_type.split(".")[0] + ".*"
            if family not in self.event_types:
                return False
        wanted = self.filter or {}
        named = {"provider": provider, "model": model}
        return all(wanted.get(name) in (None, value) for name, value in named.items()) and all(
            metadata.get(name) == value for name, value in (wanted.get("metadata") or {}).items()
        )

    def state(self, failing_since: Micros | None, last_success_at: Micros | None) -> SubscriberState:
        """Its state, from how deliveries to it went."""
        if self.disabled_at is not None:
            return SubscriberState.DISABLED
        if self.paused_at is not None:
            return SubscriberState.PAUSED
        if failing_since is not None:
            return SubscriberState.FAILING
        return SubscriberState.UNTRIED if last_success_at is None else SubscriberState.HEALTHY

    def rotated(self, secret: str, private_key: str, now: Micros) -> "Subscriber":
        """The subscriber with new secrets; for a day the old ones sign too. `private_key` only replaces one."""
        return replace(
            self,
            secret=secret,
            previous_secret=self.secret,
            previous_until=now + BOTH_SIGN,
            private_key=private_key if self.private_key else None,
            previous_private_key=self.private_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of a subscriber with something due: its limits, what it has used of them, and its recent misses."""

    id: str
    max_in_flight: int
    rate_per_s: float | None
    spent_until: Micros
    failing_since: Micros | None
    misses: int
    open_until: Micros
    due: int
    in_flight: int

    def capacity(self, now: Micros) -> int:
        """The number of deliveries it may get now; a failing subscriber gets a single one until it answers again."""
        passing = Breaker(misses=self.misses, open_until=self.open_until).passing(now)
        at_once = self.max_in_flight if self.failing_since is None else 1 if passing is None else passing
        capacity = at_once - self.in_flight
        if self.rate_per_s:
            capacity = min(capacity, _rate_limit(self.rate_per_s).affordable(self.spent_until, now))
        return min(max(capacity, 0), self.due)

    def spent_after(self, now: Micros, count: int) -> Micros | None:
        """`spent_until` after `count` more; None where it has no rate."""
        return _rate_limit(self.rate_per_s).spend(self.spent_until, now, count) if self.rate_per_s else None


def _rate_limit(rate_per_s: float) -> RateLimit:
    interval = max(1, round(SECOND / rate_per_s))
    return RateLimit(interval=interval, burst=max(1, SECOND // interval), max_debt=max(SECOND, interval))


def hopeless_reason(http_status: int | None, failing_since: Micros | None, now: Micros) -> str | None:
    """The reason to disable a subscriber after this attempt; None if it is served on."""
    if http_status == GONE:
        return "it answered 410 Gone"
    if failing_since is not None and now - failing_since > HOPELESS_AFTER:
        return "every attempt of the last five days failed"
    return None
