"""Repeats things at an even pace, each turn as a task of its own, and never too many at once.

A slow turn does not delay the next, and when too many are slow, turns are left out: so a machine that is busy with
something else gets less to do, and never a queue that it cannot work off.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
import contextlib
from typing import Any, Self

import httpx

Turn = Callable[[], Awaitable[None]]

MISHAPS = (
    httpx.HTTPError,
    OSError,
    EOFError,
    LookupError,
    TimeoutError,
)  # what whoever behaves badly brings on himself


class Pace:
    """Everything that is repeated at the same time. `turns` and `left_out` count by name."""

    def __init__(self) -> None:
        self.turns: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: list[BaseException] = []

    async def __aenter__(self) -> Self:
        """Begins empty."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cancels whatever still goes on."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def every(self, seconds: float, name: str, turn: Turn, *, at_once: int = 1) -> None:
        """Begins a turn every so many seconds, with at most `at_once` of them under way."""
        self._begin(self._go_on(seconds, name, turn, at_once))

    def check(self) -> None:
        """Raises the error of a turn that failed, unless its own bad behaviour caused it."""
        if self._failed:
            raise self._failed[0]

    async def _go_on(self, seconds: float, name: str, turn: Turn, at_once: int) -> None:
        clock, under_way = asyncio.get_running_loop().time, set[asyncio.Task[None]]()
        due = clock()
        while True:
            due = max(due + seconds, clock())
            await asyncio.sleep(due - clock())
            if len(under_way) >= at_once:
                self.left_out[name] += 1
                continue
            self.turns[name] += 1
            task = self._begin(_whatever_comes(turn))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed.append(error)


async def _whatever_comes(turn: Turn) -> None:
    with contextlib.suppress(*MISHAPS):
        await turn()
