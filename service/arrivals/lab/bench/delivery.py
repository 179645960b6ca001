"""Deliveries a second to one subscriber that answers at once, beside the bare HTTP client."""

from dataclasses import dataclass

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.ceilings import bare_client
from arrivals.lab.bench.eachlabs import COMPLETED
from arrivals.lab.bench.environment import STORED_S, Stage
from arrivals.lab.bench.figures import Case, Figures, between, ratio
from arrivals.lab.bench.raw_servers import Door, Receiver
from arrivals.lab.bench.seed_data import Wanted, multiplied, pause, sample, seed_generation, subscribe

STALLED_S = 30.0
POOL_SHARE = 10  # httpx' own pool is given a tenth of the posts: its rate shows as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`count` deliveries are due when the subscriber is unpaused; `concurrency` is its `max_in_flight`."""

    rounds: int = 3
    count: int = 20_000
    concurrency: int = 50

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures from the first delivery received to the last; the ceiling posts as many bodies of the same size."""
        case = Case("delivery")
        for number in range(self.rounds):
            at = f"round {number + 1} of {self.rounds}"
            bench.screen.phase(f"{at}: preparing {self.count} deliveries")
            async with bench.stage() as stage:
                figures, size = await self._round(stage, bench, at)
            bench.screen.phase(f"{at}: the bare client")
            ceiling = await bare_client(self.count, self.concurrency, size)
            posts = max(1, self.count // POOL_SHARE)
            pool = await bare_client(posts, self.concurrency, size, "httpx")
            alone = await bare_client(self.count, self.concurrency, size, "direct")
            case.add(
                figures,
                ceiling,
                aiohttp_alone={"per_second": alone["per_second"], "p99_ms": alone["p99_ms"]},
                httpx_pool={"per_second": pool["per_second"], "p99_ms": pool["p99_ms"]},
                client_over_httpx_pool=ratio(ceiling["per_second"], pool["per_second"]),
            )
        return [case]

    async def _round(self, stage: Stage, bench: Bench, at: str) -> tuple[Figures, int]:
        receiver = Receiver()
        door = Door(receiver.answer)
        await door.open()
        try:
            subscriber = await self._prepare(stage, door)
            size = len(sample(stage, "events")["body"].encode())
            await stage.start()
            spent = stage.cpu_s()
            bench.screen.phase(f"{at}: delivering")
            await pause(stage, subscriber, paused=False)
            with bench.screen.following(lambda: f"{len(receiver.times)} of {self.count}"):
                await stage.until(lambda: len(receiver.times) >= self.count, lambda: len(receiver.times), STALLED_S)
            now = stage.cpu_s()
            with stage.books() as books:
                open_still = "delivered_at IS NULL"
                await stage.until(lambda: books.count("deliveries", open_still) == 0, lambda: None, STORED_S)
            figures: Figures = {
                "per_second": receiver.per_second,
                "cpu_s_per_item": ratio(between(spent, now), self.count),
                "peak_rss_mb": stage.peak_rss_mb(),
                "lost": self.count - len(receiver.times),
                "doubled": receiver.doubled,
                "items": receiver.times.total(),
                "body_bytes": size,
            }
        finally:
            await door.close()
        return figures, size

    async def _prepare(self, stage: Stage, door: Door) -> str:
        await stage.start()
        wanted = Wanted(url=door.url + "/hook", max_in_flight=self.concurrency)
        subscriber = await subscribe(stage, wanted)
        await seed_generation(stage, COMPLETED)
        await stage.stop()
        multiplied(stage, self.count)
        return subscriber
