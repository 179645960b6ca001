"""Worker: claim what is due, handle each item under its lease, rest until the signal.

A slow item holds one place and nobody's turn: the next claim does not wait for it. A claim that fails makes the rest
longer; an item that fails is given to `fail`, so that it ends somewhere and is not claimed forever.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
import random
from typing import Generic, TypeVar

import anyio
import structlog

from arrivals.flow.heartbeat import Heartbeat
from arrivals.store.engine.base import Database, Unavailable
from arrivals.store.engine.signals import Signal, Signals
from arrivals.workers.failures import Trouble

log = structlog.get_logger()

T = TypeVar("T")

FAILING_S = 60.0  # for `fail`, whose item may be claimed by somebody else meanwhile: what it writes is guarded


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Generic[T]):
    """One kind of autonomous work.

    `claim(limit)` takes at most that many items; `handle` does one; `fail` writes down what becomes of one that could
    not be handled. `interval_s` is the longest rest: the truth, where a signal is only a hint. `trust_s` bounds
    `handle`: it is stopped before anybody else may claim its item.
    """

    signal: Signal
    claim: Callable[[int], Awaitable[Sequence[T]]]
    handle: Callable[[T], Awaitable[object]]
    fail: Callable[[T, Exception], Awaitable[object]]
    interval_s: float
    trust_s: float
    capacity: int

    @property
    def name(self) -> str:
        """The worker's name in logs, health checks and metrics."""
        return self.signal.value

    def heartbeat(self) -> Heartbeat:
        """Its sign of life, from now on."""
        now = anyio.current_time()
        return Heartbeat(
            name=self.name,
            capacity=self.capacity,
            rest_s=self.interval_s,
            trust_s=self.trust_s,
            claimed_at=now,
            could_claim_at=now,
        )

    async def run_once(self) -> int:
        """Claim one batch and handle all of it; how many items it had."""
        batch = await self.claim(self.capacity)
        trouble = Trouble(self.name)
        async with anyio.create_task_group() as group:
            for item in batch:
                group.start_soon(self._handle, item, trouble)
        return len(batch)

    async def run(self, store: Database, stop: anyio.Event, heartbeat: Heartbeat) -> None:
        """Work until `stop`; what has begun is finished first."""
        places, trouble = Signals(), Trouble(self.name)

        async def in_its_place(item: T) -> None:
            try:
                await self._handle(item, trouble)
            finally:
                heartbeat.ended(anyio.current_time())
                places.notify(Signal.PLACE_FREE)

        async with anyio.create_task_group() as group:
            while not stop.is_set():
                version, freed = store.version(self.signal), places.version(Signal.PLACE_FREE)
                if heartbeat.full:
                    await places.wait(Signal.PLACE_FREE, freed, self.interval_s)
                    continue
                rest_s = trouble.rest_s(self.interval_s)
                if rest_s and await _stopped_within(stop, _spread(rest_s)):
                    break
                batch = await self._claim(self.capacity - heartbeat.busy, trouble)
                if batch is None:
                    continue
                heartbeat.claimed(len(batch), anyio.current_time())
                for item in batch:
                    group.start_soon(in_its_place, item)
                if not batch:
                    await store.wait(self.signal, version, _spread(self.interval_s))

    async def _claim(self, limit: int, trouble: Trouble) -> Sequence[T] | None:
        """The claimed items; None if the claim failed."""
        try:
            return await self.claim(limit)
        except Exception as error:  # noqa: BLE001 - told as trouble
            trouble.happened(error)
            return None

    async def _handle(self, item: T, trouble: Trouble) -> None:
        """A failing or overlong item stops nobody else."""
        try:
            with anyio.move_on_after(self.trust_s) as trust:
                await self.handle(item)
            if trust.cancelled_caught:
                raise TimeoutError  # noqa: TRY301 - `fail_after` would, for twice what it costs
        except Unavailable as error:
            trouble.happened(error)  # the item is innocent: its lease brings it back
        except Exception as error:
            log.exception("job_failed", worker=self.name)
            await self._fail(item, error, trouble)

    async def _fail(self, item: T, reason: Exception, trouble: Trouble) -> None:
        try:
            with anyio.move_on_after(FAILING_S):
                await self.fail(item, reason)
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.exception("job_failure_unrecorded", worker=self.name)
            trouble.happened(error)


async def _stopped_within(stop: anyio.Event, seconds: float) -> bool:
    """A rest that no bell ends."""
    with anyio.move_on_after(seconds):
        await stop.wait()
    return stop.is_set()


def _spread(seconds: float) -> float:
    """Spread by a fifth, so that processes that started together do not stay together."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311
