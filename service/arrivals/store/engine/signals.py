"""Signals between workers: hints that there is work. Whoever rests also looks by itself; a lost signal costs time."""

from collections import defaultdict
from enum import StrEnum

import anyio


class Signal(StrEnum):
    """What may have happened. Those named after a worker say that it has work."""

    SUBMIT = "submit"
    READ = "read"
    POLL = "poll"
    EXPIRE = "expire"
    DELIVER = "deliver"
    REPLAY = "replay"
    PRUNE = "prune"
    SETTLED = "settled"  # a generation changed, or an event was announced
    PLACE_FREE = "place_free"  # in this process alone: a worker has a place for another item


class Signals:
    """Counts notifications by signal and wakes those who wait."""

    def __init__(self) -> None:
        self._versions: defaultdict[Signal, int] = defaultdict(int)
        self._waiting: defaultdict[Signal, anyio.Event] = defaultdict(anyio.Event)

    def notify(self, signal: Signal) -> None:
        """Say that it may have happened, after the commit that made it so."""
        self._versions[signal] += 1
        if signal in self._waiting:
            self._waiting.pop(signal).set()

    def version(self, signal: Signal) -> int:
        """How often it was given; ask before looking for work, and `wait` cannot miss one in between."""
        return self._versions[signal]

    async def wait(self, signal: Signal, version: int, max_s: float) -> None:
        """Rest until it was given more than `version` times, or for `max_s`."""
        with anyio.move_on_after(max_s):
            while self._versions[signal] <= version:
                await self._waiting[signal].wait()
