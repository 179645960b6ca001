"""The effect on a healthy subscriber of one that hangs and one that always answers 500: there should be none."""

from dataclasses import dataclass

from arrivals.lab.bench import wire
from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.delivery import STALLED_S
from arrivals.lab.bench.eachlabs import COMPLETED
from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.figures import Case, Figures
from arrivals.lab.bench.raw_servers import Door, Receiver
from arrivals.lab.bench.seed_data import Wanted, multiplied, pause, seed_generation, subscribe

ALONE = "the healthy subscriber alone, in the same run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """All subscribers have the same `count` events due, and the same `concurrency`."""

    rounds: int = 3
    count: int = 5_000
    concurrency: int = 50

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures the healthy subscriber's throughput beside the others; the ceiling is its throughput alone."""
        case = Case("isolation")
        for number in range(self.rounds):
            at = f"round {number + 1} of {self.rounds}"
            bench.screen.phase(f"{at}: the healthy subscriber alone")
            async with bench.stage() as stage:
                alone = await self._round(stage, [])
            bench.screen.phase(f"{at}: beside one that hangs and one that answers 500")
            async with bench.stage() as stage:
                beside = await self._round(stage, [None, wire.FAILED])
            ceiling = {"what": ALONE, "per_second": alone["per_second"]}
            case.add(beside, ceiling, lost=beside["lost"] + alone["lost"])
        return [case]

    async def _round(self, stage: Stage, others: list[bytes | None]) -> Figures:
        healthy, ill = Receiver(), [Receiver(answer) for answer in others]
        doors = [Door(receiver.answer) for receiver in (healthy, *ill)]
        for door in doors:
            await door.open()
        try:
            await stage.start()
            wanted = [Wanted(url=door.url + "/hook", max_in_flight=self.concurrency) for door in doors]
            subscribers = [await subscribe(stage, subscription) for subscription in wanted]
            await seed_generation(stage, COMPLETED)
            await stage.stop()
            multiplied(stage, self.count)
            await stage.start()
            for subscriber in reversed(subscribers):  # the healthy one last, when the others are in trouble already
                await pause(stage, subscriber, paused=False)
            await stage.until(lambda: len(healthy.times) >= self.count, lambda: len(healthy.times), STALLED_S)
            return {
                "per_second": healthy.per_second,
                "lost": self.count - len(healthy.times),
                "doubled": healthy.doubled,
                "items": healthy.times.total(),
                "tries_at_others": sum(receiver.times.total() for receiver in ill),
            }
        finally:
            for door in doors:
                await door.close()
