"""Webhooks replayed a second: all read again, and nothing announced again."""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.eachlabs import COMPLETED
from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.figures import Case, Figures, between, ratio
from arrivals.lab.bench.raw_writes import raw_writes
from arrivals.lab.bench.seed_data import multiplied, seed_generation

ASK_EVERY_S = 0.1
STALLED_S = 30.0
RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """`count` stored webhooks, each the closing one of a generation of its own, all read before."""

    rounds: int = 3
    count: int = 10_000

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures from the request to the moment at which the service calls the replay finished."""
        case = Case("replay")
        for number in range(self.rounds):
            at = f"round {number + 1} of {self.rounds}"
            bench.screen.phase(f"{at}: preparing {self.count} webhooks")
            async with bench.stage() as stage:
                await stage.start()
                await seed_generation(stage, COMPLETED)
                await stage.stop()
                multiplied(stage, self.count)
                await stage.start()
                bench.screen.phase(f"{at}: replaying")
                figures = await self._round(stage, bench)
                await stage.stop()
                bench.screen.phase(f"{at}: raw transactions")
                ceiling = await raw_writes(stage)
            case.add(figures, ceiling)
        return [case]

    async def _round(self, stage: Stage, bench: Bench) -> Figures:
        with stage.books() as books:
            before, spent, began = books.count("events"), stage.cpu_s(), perf_counter()
            replay: Any = await stage.call("POST", "/v1/replays", {"kind": "webhooks"})
            with bench.screen.following(lambda: f"{replay['done']} of {self.count}"):
                done, moved_at = 0, perf_counter()
                while replay["status"] == RUNNING and perf_counter() - moved_at < STALLED_S:
                    stage.check()
                    await asyncio.sleep(ASK_EVERY_S)
                    replay = await stage.call("GET", f"/v1/replays/{replay['id']}")
                    if replay["done"] != done:
                        done, moved_at = replay["done"], perf_counter()
            took, now = perf_counter() - began, stage.cpu_s()
            return {
                "per_second": ratio(replay["done"], took),
                "cpu_s_per_item": ratio(between(spent, now), replay["done"]),
                "peak_rss_mb": stage.peak_rss_mb(),
                "lost": self.count - replay["done"],
                "doubled": books.count("events") - before,
                "items": replay["done"],
                "findings": replay["findings"],
            }
