"""The soak: everything at once for a bounded time, at an even pace."""

import asyncio
from dataclasses import dataclass
from time import perf_counter

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.environment import Died
from arrivals.lab.bench.figures import Case, Figures
from arrivals.lab.soak import curve
from arrivals.lab.soak.pace import Pace
from arrivals.lab.soak.scene import Load, Scene, on_stage

MINUTE_S = 60.0
LONG_ENOUGH_MIN = 20.0  # a shorter run says nothing about memory: caches fill, and tables grow to their size
SAMPLES, OFTENEST_S, SELDOMEST_S = 120, 0.5, 10.0
AUDITED_EVERY_S = 10.0
SLACK_S = 45.0  # beyond an order's deadline: whatever has not moved by then will not move any more
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """`per_second`: orders; everything else is in proportion.

    `deadline_s`: of each order. It outlasts the silences of a breaker, which a run of injected faults may open: what
    can only be asked about would expire meanwhile, which is right and no loss.
    """

    rounds: int = 1
    minutes: float = 60.0
    per_second: float = 20.0
    deadline_s: float = 120.0
    seed: int = 1

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures `lost`, `doubled` and `skipped` by the books, and `kept_growing` by the memory in a long run."""
        case = Case("soak")
        for _ in range(self.rounds):
            bench.screen.phase("the stand-ins and the service start")
            async with on_stage(bench, self._load) as scene:
                case.rounds.append(await self._round(scene, bench))
        return [case]

    @property
    def _load(self) -> Load:
        patience_s = self.deadline_s + SLACK_S
        return Load(per_second=self.per_second, deadline_s=self.deadline_s, patience_s=patience_s, seed=self.seed)

    async def _round(self, scene: Scene, bench: Bench) -> Figures:
        died, seconds, pace = None, self.minutes * MINUTE_S, Pace()
        began = perf_counter()
        try:
            async with pace:
                scene.begin(pace, self._load, min(SELDOMEST_S, max(OFTENEST_S, seconds / SAMPLES)))
                while (passed := perf_counter() - began) < seconds:
                    bench.screen.phase(f"{passed / MINUTE_S:.1f} of {self.minutes:g} minutes: {scene.watch.now()}")
                    await self._one_minute(scene, pace, began + min(seconds, passed + MINUTE_S))
                took = perf_counter() - began
            bench.screen.phase("the load has ended, and everything comes to rest")
            await self._rest(scene)
        except Died as death:
            died, took = str(death), perf_counter() - began
        measured = curve.figures(scene.watch.samples, took)
        growing = measured["levelled_off"] is False and self.minutes >= LONG_ENOUGH_MIN
        figures = {"died": died, "kept_growing": growing, **scene.figures()}
        turns = {"turns": dict(pace.turns), "left_out": dict(pace.left_out)}
        return figures | turns | {"per_second": figures["items"] / took, "seconds": took, **measured}

    async def _one_minute(self, scene: Scene, pace: Pace, until: float) -> None:
        """Waits a minute, or what is left of it, and audits what has come to rest meanwhile. Raises Died."""
        audited = perf_counter()
        while (now := perf_counter()) < until:
            scene.stage.check()
            pace.check()
            if now - audited >= AUDITED_EVERY_S:
                audited = now
                await scene.audit.look()
            await asyncio.sleep(min(LOOK_EVERY_S, until - now))

    async def _rest(self, scene: Scene) -> None:
        """Waits until everything is audited and everybody has seen every event, or patience ends. Raises Died."""
        patience_s = self._load.patience_s
        try:
            async with asyncio.timeout(patience_s):
                await scene.application.stop()
        except TimeoutError as error:
            raise Died("orders are not answered any more") from error
        while await scene.audit.look(rested_s=0.0):  # whose patience bounds it
            scene.stage.check()
            await asyncio.sleep(LOOK_EVERY_S)
        events = scene.events()
        await scene.stage.until(lambda: scene.followers.both_at(events), lambda: scene.followers.position, SLACK_S)
