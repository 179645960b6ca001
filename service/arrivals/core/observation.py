"""Observations: what a provider said, with where, when and how far it is believed."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from arrivals.core.failure import Failure
from arrivals.core.generation import Cost, Origin, Output, Status, VerifiedBy
from arrivals.core.wire import Micros


def same_id(first: str, second: str) -> bool:
    """True if both spell the same id: some gateways change its case on the way, or pad it."""
    return first.strip().casefold() == second.strip().casefold()


class Reading(Struct, frozen=True, kw_only=True):
    """A provider's answer or webhook in our words.

    `status` is None when the provider used a word nobody documented: it is kept in `provider_status` and asked again.
    `progress` runs from 0.0 to 1.0. `words`: a piece of an answer in words, which is the output where nothing was
    generated. `begun`: of an event of a stream, that work goes on which somebody may have to pay for. `kept_until`:
    when the provider deletes what it made. `ended_at`: when the work ended, by the provider's own clock.
    `poll_after_s`: how long it asks us to wait before the next question. `provider_details`: what it said beside all
    this. `awaits_detail`: the same failure's reason is told elsewhere, worth a bounded wait. `notes`: what else people
    may want to know.
    """

    status: Status | None
    provider_status: str | None = None
    external_id: str | None = None
    progress: float | None = None
    queue_position: int | None = None
    outputs: tuple[Output, ...] = ()
    words: str | None = None
    begun: bool = False
    failure: Failure | None = None
    cost: Cost | None = None
    kept_until: Micros | None = None
    ended_at: Micros | None = None
    poll_after_s: float | None = None
    provider_details: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    awaits_detail: bool = False

    @property
    def whole(self) -> bool:
        """True if it has what its status promises: a completion its outputs, a failure its reason."""
        return bool(self.outputs) if self.status is Status.COMPLETED else not self.awaits_detail


class Observation(Struct, frozen=True, kw_only=True):
    """A reading that was heard at a moment from a witness. Not `believed`: a hint that asks for a poll.

    `hold_until` bounds the wait if the reading turns out to be held.
    `unreadable_reason`: nobody understood what was said. `replayed`: its webhook was read before.
    """

    generation_id: str
    origin: Origin
    at: Micros
    reading: Reading
    believed: bool = True
    verified_by: VerifiedBy | None = None
    webhook_id: str | None = None
    unreadable_reason: str | None = None
    hold_until: Micros = 0
    replayed: bool = False


class Finding(StrEnum):
    """The result of an observation."""

    ADVANCED = "advanced"  # it moved the generation
    REPEATED = "repeated"  # known already
    STALE = "stale"  # overtaken by what is known
    CONFLICTING = "conflicting"  # contradicts what was announced: recorded, shown, never announced
    HELD = "held"  # not announced yet: ask, for a bounded time
    ENRICHED = "enriched"  # added detail to a closed generation; nothing is announced
