"""Sustained latency from a webhook's arrival at the service to its delivery, beside the bare HTTP client."""

import asyncio
from dataclasses import dataclass
from math import ceil
from time import perf_counter

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.ceilings import bare_client
from arrivals.lab.bench.environment import LOOK_EVERY_S, Stage
from arrivals.lab.bench.figures import Case, Figures, between, in_ms, ratio
from arrivals.lab.bench.flow import Traffic
from arrivals.lab.bench.load import Load
from arrivals.lab.bench.raw_servers import Door
from arrivals.lab.bench.seed_data import Wanted, sample, subscribe

STALLED_S = 30.0
CALIBRATION_S = 3.0
CALIBRATION_SHARE = 0.1  # of the seconds at most
SPARE = 1.25  # a run that is faster than its calibration should not run out of generations
EVENTS_EACH = 2
MAX_POSTS = 5000  # of the bare client, which otherwise makes as many as were delivered
ORDERS_PER_S = 500  # for each second of the calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToEnd:
    """`services`: processes that share the database, and take webhooks in turn.

    `count`: how many generations are ordered for the run; None leaves it to a calibration of some seconds.
    """

    rounds: int = 1
    seconds: float = 60.0
    concurrency: int = 50
    connections: int = 32
    window: int = 512
    services: int = 1
    count: int | None = None

    async def measure(self, bench: Bench) -> list[Case]:
        """Latency is from the webhook sent to the delivery received."""
        case = Case("end-to-end")
        for number in range(self.rounds):
            at = f"round {number + 1} of {self.rounds}"
            async with bench.stage(self.services) as stage:
                figures, size = await self._round(stage, bench, at)
            bench.screen.phase(f"{at}: the bare client")
            ceiling = await bare_client(min(MAX_POSTS, figures["items"]), self.concurrency, size)
            case.add(figures, ceiling)
        return [case]

    async def _round(self, stage: Stage, bench: Bench, at: str) -> tuple[Figures, int]:
        traffic = Traffic(stage, self.window)
        door = Door(traffic.receiver.answer)
        await door.open()
        try:
            await stage.start()
            wanted = Wanted(url=door.url + "/hook", max_in_flight=self.concurrency, paused=False)
            await subscribe(stage, wanted)
            orders_per_s = await self._order(stage, traffic, bench, at)
            bench.screen.phase(f"{at}: webhooks in, deliveries out")
            before, began = len(traffic.latencies_s), perf_counter()
            spent = stage.cpu_s()
            early: list[float | None] = []
            watching = asyncio.get_running_loop().call_later(self.seconds / 4, lambda: early.append(stage.rss_mb()))
            with bench.screen.following(lambda: f"{len(traffic.latencies_s) - before} delivered"):
                await self._sustain(stage, traffic, self.seconds)
            watching.cancel()
            now = stage.cpu_s()
            took, latencies = traffic.receiver.last_at - began, traffic.latencies_s[before:]
            figures: Figures = {
                "per_second": ratio(len(latencies), took),
                **in_ms(latencies),
                "cpu_s_per_item": ratio(between(spent, now), len(latencies)),
                "peak_rss_mb": stage.peak_rss_mb(),
                "rss_mb_at_a_quarter": early[0] if early else None,
                "rss_mb_at_the_end": stage.rss_mb(),
                "lost": traffic.lost,
                "doubled": traffic.doubled,
                "errors": traffic.errors,
                "items": len(latencies),
                "seconds": took,
                "orders_per_s": orders_per_s,
            }
            size = len(sample(stage, "events")["body"].encode())
        finally:
            await door.close()
        return figures, size

    async def _order(self, stage: Stage, traffic: Traffic, bench: Bench, at: str) -> float:
        """Orders as many generations as the run will use and returns the orders per second."""
        count = self.count
        ordered = stage.provider.callbacks
        with bench.screen.following(lambda: f"{len(ordered)} ordered"):
            if count is None:
                bench.screen.phase(f"{at}: ordering for the calibration")
                seconds = min(CALIBRATION_S, self.seconds * CALIBRATION_SHARE)
                await stage.order(ceil(seconds * ORDERS_PER_S))
                bench.screen.phase(f"{at}: calibrating")
                began = perf_counter()
                await self._sustain(stage, traffic, seconds)
                per_second = len(traffic.latencies_s) / (traffic.receiver.last_at - began)
                count = ceil(per_second * self.seconds * SPARE / EVENTS_EACH)
            bench.screen.phase(f"{at}: ordering {count} generations")
            return await stage.order(count)

    async def _sustain(self, stage: Stage, traffic: Traffic, seconds: float) -> None:
        """Sends until the time is over or everything ordered is completed, and waits until all of it is delivered."""
        load = Load(traffic.take, traffic.answered)
        traffic.wake, traffic.until = load.wake, perf_counter() + seconds
        try:
            await load.open(stage.ports, self.connections)
            while perf_counter() < traffic.until and not (traffic.used_up and load.in_flight == 0):
                stage.check()
                await asyncio.sleep(LOOK_EVERY_S)
            await stage.until(
                lambda: load.in_flight == 0 and traffic.lost == 0, lambda: len(traffic.delivered), STALLED_S
            )
        finally:
            traffic.wake = _nothing
            load.close()


def _nothing() -> None:
    """Does nothing: no connection rests any more."""
