"""The decisions of one settling transaction so far, in order."""

from collections import Counter
from dataclasses import dataclass, field

from arrivals.core.event import Event
from arrivals.core.generation import Generation
from arrivals.core.lessons import Lesson
from arrivals.core.observation import Finding, Observation
from arrivals.store.generations import Scheduled
from arrivals.store.observations import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One observation with its finding, and its generation before and after it."""

    before: Generation
    seen: Observation
    finding: Finding
    after: Generation


@dataclass(slots=True)
class Settled:
    """The decisions of one settling transaction."""

    current: dict[str, Scheduled]
    read_before: set[str]
    lessons: list[Lesson] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)
    changed: dict[str, Scheduled] = field(default_factory=dict)
    observations: list[tuple[str, Observation, Finding]] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)
    announced: list[tuple[Event, Generation]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unknown_statuses: Counter[str] = field(default_factory=Counter)  # by provider
