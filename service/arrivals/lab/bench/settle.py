"""Stored webhooks read and settled a second, beside raw transactions that write the same kinds of rows."""

import asyncio
from dataclasses import dataclass
from time import perf_counter

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.eachlabs import COMPLETED
from arrivals.lab.bench.environment import LOOK_EVERY_S, Stage
from arrivals.lab.bench.figures import Case, Figures, between, ratio
from arrivals.lab.bench.raw_writes import raw_writes
from arrivals.lab.bench.seed_data import multiplied, post_webhook

STALLED_S = 30.0
UNREAD = "read_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """`count` webhooks, each the closing one of a generation of its own, wait when the workers start. No subscriber."""

    rounds: int = 3
    count: int = 20_000

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures, by looking at the database, from the moment the first webhook is read to the moment all are."""
        case = Case("settle")
        for number in range(self.rounds):
            at = f"round {number + 1} of {self.rounds}"
            bench.screen.phase(f"{at}: preparing {self.count} webhooks")
            async with bench.stage() as stage:
                await unread_webhooks(stage, self.count)
                bench.screen.phase(f"{at}: settling")
                figures = await self._round(stage, bench)
                bench.screen.phase(f"{at}: raw transactions")
                ceiling = await raw_writes(stage)
            case.add(figures, ceiling)
        return [case]

    async def _round(self, stage: Stage, bench: Bench) -> Figures:
        with stage.books() as books:
            await stage.start("--workers-only")
            left = self.count
            with bench.screen.following(lambda: f"{self.count - left} of {self.count}"):
                while (left := books.count("webhooks", UNREAD)) == self.count:
                    stage.check()
                    await asyncio.sleep(LOOK_EVERY_S)
                first, began, spent = left, perf_counter(), stage.cpu_s()
                moved_at, last = began, left
                while left and perf_counter() - moved_at < STALLED_S:
                    stage.check()
                    await asyncio.sleep(LOOK_EVERY_S)
                    left = books.count("webhooks", UNREAD)
                    if left != last:
                        moved_at, last = perf_counter(), left
            took, now = moved_at - began, stage.cpu_s()
            figures: Figures = {
                "per_second": ratio(first - left, took),
                "cpu_s_per_item": ratio(between(spent, now), first - left),
                "peak_rss_mb": stage.peak_rss_mb(),
                "lost": self.count - books.count("events"),
                "doubled": max(0, books.count("observations", "origin = 'webhook'") - self.count),
                "items": self.count - left,
            }
        await stage.stop()
        return figures


async def unread_webhooks(stage: Stage, count: int) -> None:
    """Makes `count` generations with a closing webhook stored and not read; leaves the service down. Raises Died."""
    await stage.start()
    await stage.order(1)
    await stage.stop()
    await stage.start("--web-only")
    await post_webhook(stage, COMPLETED)
    await stage.stop()
    multiplied(stage, count)
