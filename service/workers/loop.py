"""Worker: claim what is due, handle each item under its lease, rest until the bell.

A slow item holds one place and nobody's turn: the next claim does not wait for it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
import random
from typing import Generic, TypeVar

import anyio
import structlog

from service.store.base import Database

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Generic[T]):
    """One kind of autonomous work.

    `claim(limit)` takes at most that many items; `handle` does one. `interval_s` is the longest rest: the truth, where
    the bell is only a hint. `trust_s` bounds `handle`: it is stopped before anybody else may claim its item.
    """

    name: str
    claim: Callable[[int], Awaitable[Sequence[T]]]
    handle: Callable[[T], Awaitable[object]]
    interval_s: float
    trust_s: float
    capacity: int

    async def run_once(self) -> int:
        """Claim one batch and handle all of it; how many items it had."""
        batch = await self.claim(self.capacity)
        async with anyio.create_task_group() as group:
            for item in batch:
                group.start_soon(self._handle, item)
        return len(batch)

    async def run(self, store: Database, stop: anyio.Event) -> None:
        """Work until `stop`; what has begun is finished first."""
        busy = 0
        freed = f"freed:{self.name}"

        async def in_its_place(item: T) -> None:
            nonlocal busy
            try:
                await self._handle(item)
            finally:
                busy -= 1
                store.ring(freed)

        async with anyio.create_task_group() as group:
            while not stop.is_set():
                heard, released = store.heard(self.name), store.heard(freed)
                if busy >= self.capacity:
                    await store.wait(freed, released, self.interval_s)
                    continue
                batch = await self._claim(self.capacity - busy)
                for item in batch:
                    busy += 1
                    group.start_soon(in_its_place, item)
                if not batch:
                    # Spread by a fifth, so that processes that started together do not stay together.
                    await store.wait(self.name, heard, self.interval_s * random.uniform(0.8, 1.2))  # noqa: S311

    async def _claim(self, limit: int) -> Sequence[T]:
        try:
            return await self.claim(limit)
        except Exception:
            log.exception("claim_failed", worker=self.name)
            return []

    async def _handle(self, item: T) -> None:
        """A failing or overlong item stops nobody else; its lease brings it back."""
        try:
            with anyio.move_on_after(self.trust_s) as trust:
                await self.handle(item)
            if trust.cancelled_caught:
                raise TimeoutError  # noqa: TRY301 - `fail_after` would, for twice what it costs
        except Exception:
            log.exception("handling_failed", worker=self.name)
