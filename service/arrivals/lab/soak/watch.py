"""Samples the service every few seconds, from outside, and checks its health all the time."""

import asyncio
from collections.abc import Callable
from statistics import median
from time import perf_counter

import httpx

from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.figures import MS
from arrivals.lab.soak.curve import Sample

BYTES_PER_MB = 1024.0**2


class Watch:
    """Adds one of `samples` with every look; `unanswered` counts the health checks that had no good answer in time."""

    def __init__(self, stage: Stage, events: Callable[[], int]) -> None:
        self.samples: list[Sample] = []
        self.unanswered = 0
        self._stage, self._events = stage, events
        self._began = perf_counter()
        self._latencies: list[float] = []
        self._client = httpx.AsyncClient(base_url=stage.url, timeout=10.0, trust_env=False)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def begin(self) -> None:
        """Starts the clock."""
        self._began = perf_counter()

    async def ask(self) -> None:
        """Sends a health check and times the answer. Raises httpx.HTTPError."""
        sent_at = perf_counter()
        self.unanswered += 1
        (await self._client.get("/health/live")).raise_for_status()
        self.unanswered -= 1
        self._latencies.append(perf_counter() - sent_at)

    async def look(self) -> None:
        """Takes a sample."""
        stage, database_bytes = self._stage, await asyncio.to_thread(self._database_bytes)
        latencies, self._latencies = self._latencies, []
        self.samples.append(
            Sample(
                at_s=perf_counter() - self._began,
                rss_mb=stage.rss_mb(),
                pss_mb=stage.pss_mb(),
                descriptors=stage.descriptors(),
                threads=stage.threads(),
                database_mb=database_bytes / BYTES_PER_MB,
                log_mb=stage.log_bytes() / BYTES_PER_MB,
                live_ms=median(latencies) * MS if latencies else None,
                live_max_ms=max(latencies) * MS if latencies else None,
                events=self._events(),
            )
        )

    def now(self) -> str:
        """Returns the last sample in words."""
        if not self.samples:
            return "no sample yet"
        last = self.samples[-1]
        memory = "" if last.rss_mb is None else f"{last.rss_mb:.1f} MB of memory, "
        return f"{memory}{last.events} events, a database of {last.database_mb:.0f} MB"

    def _database_bytes(self) -> int:
        with self._stage.books() as books:
            return books.bytes()
