"""The state of one process, in memory: hints, waits and signs of life. Nothing here outlives it."""

from dataclasses import dataclass, field

import anyio

from arrivals.core.wire import Micros
from arrivals.flow.cached import Cached
from arrivals.flow.changes import Changes
from arrivals.flow.heartbeat import Heartbeat
from arrivals.flow.knowledge import Knowledge
from arrivals.flow.measurements import Measurements
from arrivals.flow.observation.frequency import Frequency
from arrivals.flow.settlement.unknown_statuses import UnknownStatuses
from arrivals.flow.settlement.waiters import Waiters
from arrivals.store.accounts import AccountKey
from arrivals.store.provider_stats import ProviderStats


@dataclass(slots=True)
class Process:
    """The state of one process.

    `crowded`: accounts whose places are all taken while orders wait (contention.py); `key_uses`: the last noted use of
    API keys, by their ids; `heartbeats`: those of the workers of this process, by name; none where others work;
    `measurements`: those that are not in the database yet; `ending`: set when the service is to end.
    """

    crowded: set[AccountKey] = field(default_factory=set)
    key_uses: dict[str, Micros] = field(default_factory=dict)
    frequency: Frequency = field(default_factory=Frequency)
    unknown_statuses: UnknownStatuses = field(default_factory=UnknownStatuses)
    waiters: Waiters = field(default_factory=Waiters)
    provider_stats: Cached[dict[str, ProviderStats]] = field(default_factory=Cached)
    changes: Changes = field(default_factory=Changes)
    knowledge: Knowledge = field(default_factory=Knowledge)
    heartbeats: dict[str, Heartbeat] = field(default_factory=dict)
    measurements: Measurements = field(default_factory=Measurements)
    ending: anyio.Event = field(default_factory=anyio.Event)
