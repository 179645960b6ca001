"""The waits of this process for the ends of generations.

A generation that ends here wakes those that wait for it and nobody else. Ends in other processes are found by one query
for all that is waited for, when something was settled somewhere, and after the interval in any case.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import anyio
import structlog

from arrivals.flow.apart import begin_apart
from arrivals.store import generations
from arrivals.store.engine.base import Database
from arrivals.store.engine.signals import Signal

log = structlog.get_logger()

EVERY_S = 1.0  # the database is the truth: signals may be lost, and SQLite carries none to another process
PAUSE_S = 0.25  # between two queries, whatever is signaled


class Waiters:
    """Waits by generation id. One task queries for all of them, for as long as there are any."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[anyio.Event]] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def ids(self) -> list[str]:
        """The generations that are waited for."""
        return [*self._waiting]

    def wake(self, ended: Iterable[str]) -> None:
        """Wakes those that wait for these generations, which have ended."""
        for generation_id in ended:
            for event in self._waiting.get(generation_id, ()):
                event.set()

    @contextmanager
    def waiting_for(self, store: Database, generation_id: str) -> Iterator[anyio.Event]:
        """Yields an event that is set when the generation ends; the caller checks whether it had ended before."""
        event = anyio.Event()
        self._waiting.setdefault(generation_id, []).append(event)
        if self._watching is None:
            self._watching = begin_apart(self._watch(store))
        try:
            yield event
        finally:
            self._waiting[generation_id].remove(event)
            if not self._waiting[generation_id]:
                del self._waiting[generation_id]
            if not self._waiting:
                self._watching.cancel()
                self._watching = None

    async def _watch(self, store: Database) -> None:
        version = store.version(Signal.SETTLED)
        while True:
            await store.wait(Signal.SETTLED, version, EVERY_S)
            await asyncio.sleep(PAUSE_S)
            version = store.version(Signal.SETTLED)
            try:
                async with store.reading() as tx:
                    ended = await generations.ended(tx, self.ids)
                self.wake(ended)
            except Exception:  # the next look may find what this one did not
                log.exception("waiters_failed", waited_for=len(self._waiting))
