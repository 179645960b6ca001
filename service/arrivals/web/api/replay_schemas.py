"""The schemas of replays, as they are shown."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from arrivals.core.generation import Status
from arrivals.core.observation import Finding
from arrivals.store.replays import ReplayKind, ReplayStatus
from arrivals.web.api.schemas import EventWord, Moment


class ReplayedSchema(Struct):
    """The finding of a webhook that was replayed, and the status of its generation, null if that was pruned."""

    webhook_id: str
    finding: Literal["advanced", "repeated", "stale", "conflicting", "held", "enriched", "unreadable"]
    status: Status | None
    dry_run: bool


class ReplaySelectionSchema(Struct):
    """The selection of a replay; only the filters that it was started with are there."""

    since: Moment | None
    until: Moment
    provider: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    generation: str | UnsetType = UNSET
    finding: Finding | UnsetType = UNSET
    type: EventWord | UnsetType = UNSET
    subscriber: str | UnsetType = UNSET
    missed: bool | UnsetType = UNSET


class ReplaySchema(Struct):
    """A replay and its progress: `done` of `total`. `findings` counts what came of each item."""

    id: str
    kind: ReplayKind
    filters: ReplaySelectionSchema
    dry_run: bool
    rate_per_s: float | None
    status: ReplayStatus
    failed_reason: str | None
    total: int
    done: int
    findings: dict[str, int]
    created_at: Moment
    finished_at: Moment | None


class ReplayPage(Struct):
    """A page of replays; `next` is the cursor of the next page, null on the last."""

    data: list[ReplaySchema]
    next: str | None
