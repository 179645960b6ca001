"""Signals between workers: hints that there is work. Workers also check by themselves; a lost signal costs time."""

from collections import defaultdict
from enum import StrEnum

import anyio


class Signal(StrEnum):
    """The events that are signalled. Those named after a worker say that it has work."""

    SUBMIT = "submit"
    READ = "read"
    POLL = "poll"
    EXPIRE = "expire"
    DELIVER = "deliver"
    REPLAY = "replay"
    PRUNE = "prune"
    MEASURE = "measure"
    SETTLED = "settled"  # a generation changed, or an event was announced
    PLACE_FREE = "place_free"  # in this process alone: a worker has a place for another item


class Signals:
    """Counts notifications by signal and wakes those that wait."""

    def __init__(self) -> None:
        self._versions: defaultdict[Signal, int] = defaultdict(int)
        self._waiting: defaultdict[Signal, anyio.Event] = defaultdict(anyio.Event)

    def notify(self, signal: Signal) -> None:
        """Notifies of it, after the commit that made it happen."""
        self._versions[signal] += 1
        if signal in self._waiting:
            self._waiting.pop(signal).set()

    def version(self, signal: Signal) -> int:
        """The number of notifications; read it before looking for work, and `wait` cannot miss one in between."""
        return self._versions[signal]

    @property
    def awaited(self) -> frozenset[Signal]:
        """The signals that somebody waits for now."""
        return frozenset(self._waiting)

    async def wait(self, signal: Signal, version: int, max_s: float) -> None:
        """Waits until there were more than `version` notifications, but at most `max_s`."""
        with anyio.move_on_after(max_s):
            while self._versions[signal] <= version:
                await self._waiting[signal].wait()
