"""Answers that take long to find: looked up once for everybody who asks, and at most once in a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from arrivals.core.wire import SECOND, Micros
from arrivals.flow.apart import begin_apart

log = structlog.get_logger()

T = TypeVar("T")

FRESH: Micros = 60 * SECOND  # for this long nobody looks again
USABLE: Micros = 600 * SECOND  # for this long the last answer is given while a new one is looked up


class Cached(Generic[T]):
    """The last answer with its moment. An old one is given while the next is looked up; one too old is waited for."""

    def __init__(self) -> None:
        self._last: tuple[Micros, T] | None = None
        self._finding: asyncio.Task[tuple[Micros, T]] | None = None

    async def get(self, find: Callable[[], Awaitable[T]], now: Micros) -> tuple[Micros, T]:
        """The answer, and the moment as of which it is true. Raises what `find` raises."""
        last = self._last
        age = now - last[0] if last else USABLE
        if last and 0 <= age < FRESH:
            return last
        if self._finding is None:
            self._finding = begin_apart(self._find(find, now))
            self._finding.add_done_callback(_log_failure)
        if last and 0 <= age < USABLE:
            return last
        return await asyncio.shield(self._finding)

    async def _find(self, find: Callable[[], Awaitable[T]], now: Micros) -> tuple[Micros, T]:
        try:
            answer = now, await find()
            self._last = answer
            return answer
        finally:
            self._finding = None


def _log_failure(finding: "asyncio.Task[tuple[Micros, T]]") -> None:
    """Logs a lookup that failed while nobody waited for it."""
    if not finding.cancelled() and finding.exception() is not None:
        log.warning("cache_refresh_failed", reason=type(finding.exception()).__name__)
