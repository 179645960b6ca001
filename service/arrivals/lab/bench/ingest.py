"""Webhooks a second through the callback route, each verified and durably stored, beside bare uvicorn."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.ceilings import SERVER, bare_server
from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.figures import Case, Figures, between, ratio
from arrivals.lab.bench.load import Tally, send_all

WARM_SHARE = 0.1  # of the seconds, not counted: both have their code in memory then
SLOT = "serial-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """`generations`: how many callback URLs the webhooks go to, so that each gets a few. Each has a body of its own."""

    rounds: int = 3
    seconds: float = 10.0
    connections: tuple[int, ...] = (64, 256)
    generations: int = 40_000

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures a case for each number of connections; the service runs without workers: all its time is ingest."""
        cases = {each: Case(f"{each} connections") for each in self.connections}
        async with bench.stage() as stage, bare_server(bench.folder) as bare:
            bench.screen.phase(f"ordering {self.generations} generations")
            await stage.start()
            await stage.order(self.generations)
            await stage.stop()
            await stage.start("--web-only")
            requests = _requests(stage)
            for number in range(self.rounds):
                for connections, case in cases.items():
                    bench.screen.phase(f"round {number + 1} of {self.rounds}: {case.name}, the service")
                    figures = await self._round(stage, requests, connections)
                    bench.screen.phase(f"round {number + 1} of {self.rounds}: {case.name}, bare uvicorn")
                    ceiling = await self._load(bare, requests, connections)
                    ceiling_figures = {"what": SERVER, **ceiling.figures()}
                    case.add(figures, ceiling_figures, p99_ratio=ratio(figures["p99_ms"], ceiling_figures["p99_ms"]))
        return list(cases.values())

    async def _round(self, stage: Stage, requests: Iterator[bytes], connections: int) -> Figures:
        with stage.books() as books:
            before = books.count("webhooks")
            warm = await send_all(stage.ports, connections, requests, self.seconds * WARM_SHARE)
            spent = stage.cpu_s()
            tally = await send_all(stage.ports, connections, requests, self.seconds)
            now = stage.cpu_s()
            stage.check()
            stored = books.count("webhooks") - before
        return {
            **tally.figures(),
            "cpu_s_per_item": ratio(between(spent, now), tally.ok),
            "peak_rss_mb": stage.peak_rss_mb(),
            "lost": max(0, warm.ok + tally.ok - stored),
            "doubled": max(0, stored - warm.sent - tally.sent),
            "errors": warm.errors + tally.errors,
            "items": tally.ok,
        }

    async def _load(self, port: int, requests: Iterator[bytes], connections: int) -> Tally:
        await send_all([port], connections, requests, self.seconds * WARM_SHARE)
        return await send_all([port], connections, requests, self.seconds)


def _requests(stage: Stage) -> Iterator[bytes]:
    """Yields distinct requests without end."""
    whole = [stage.webhook(*ordered, more=SLOT).partition(SLOT.encode()) for ordered in stage.provider.callbacks]
    for number, (before, _, after) in zip(count(), cycle(whole), strict=False):
        yield b"%bserial-%012d%b" % (before, number, after)
