"""The lateness of polls while very many generations are under way and some fall due every second."""

import asyncio
from dataclasses import dataclass
from time import time_ns
from typing import TypeAlias

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.ceilings import bare_client
from arrivals.lab.bench.database import Row
from arrivals.lab.bench.eachlabs import PROCESSING
from arrivals.lab.bench.environment import LOOK_EVERY_S, Stage
from arrivals.lab.bench.figures import Case, Figures, between, in_ms, ratio
from arrivals.lab.bench.seed_data import multiplied, seed_generation

Micros: TypeAlias = int

SECOND: Micros = 1_000_000
POLLED_OFTEN = 40  # polls so far
LONG_AGO: Micros = 86_400 * SECOND
LEAD_S, MOVED_PER_S = 2.0, 30_000  # for the moments to be written and the service to start before the first is due
WARM_S = 3.0  # of polls that are not measured
GRACE_S = 5.0  # for those that fell due at the very end
CLIENT_IN_FLIGHT = 50
MAX_POSTS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Polls:
    """Measures lateness: from the moment at which a poll is due to its arrival, by the same clock.

    All generations are `processing` already, and `processing` is answered: the usual poll, which changes nothing.
    """

    rounds: int = 1
    seconds: float = 30.0
    in_flight: int = 100_000
    due_per_s: int = 1_000

    async def measure(self, bench: Bench) -> list[Case]:
        """Counts as `missed` the generations that fell due within the run and were not polled even some seconds later.

        Those polled twice are `doubled`. Lateness is that of every poll that came within the run, also of those
        that had been due before.
        """
        case = Case("polls")
        for number in range(self.rounds):
            at = f"round {number + 1} of {self.rounds}"
            async with bench.stage() as stage:
                bench.screen.phase(f"{at}: preparing {self.in_flight} generations")
                await stage.start()
                await seed_generation(stage, PROCESSING)
                await stage.stop()
                names = multiplied(stage, self.in_flight, self._spread)
                first_due = await asyncio.to_thread(self._moved, stage)
                await stage.start()
                bench.screen.phase(f"{at}: polling")
                figures = await self._round(stage, bench, names, first_due)
            bench.screen.phase(f"{at}: the bare client")
            ceiling = await bare_client(min(MAX_POSTS, max(1, figures["items"])), CLIENT_IN_FLIGHT, 1)
            case.add(figures, ceiling)
        return [case]

    def _spread(self, table: str, row: Row, number: int) -> None:
        """Gives a copy its due time, counted for now from the first one's."""
        if table == "generations":
            # So old that nothing is expected of it any more: what is polled now is next polled in a day.
            long_ago = row["submitted_at"] - LONG_AGO
            row |= {"poll_at": self._due_after(number), "polls": POLLED_OFTEN, "submitted_at": long_ago}

    def _due_after(self, number: int) -> Micros:
        return number * SECOND // self.due_per_s

    def _moved(self, stage: Stage) -> Micros:
        """Writes when the polls are due; returns when the first is, late enough for all to be written by then."""
        first_due = _now() + round((LEAD_S + self.in_flight / MOVED_PER_S) * SECOND)
        with stage.books() as books:
            books.many("UPDATE generations SET poll_at = poll_at + ? WHERE polls = ?", [(first_due, POLLED_OFTEN)])
            books.commit()
            books.settled_down()
        return first_due

    async def _round(self, stage: Stage, bench: Bench, names: list[str], first_due: Micros) -> Figures:
        polled = stage.provider.polled
        begin = max(first_due, _now()) + round(WARM_S * SECOND)
        end = begin + round(self.seconds * SECOND)
        moments = {name: first_due + self._due_after(number) for number, name in enumerate(names) if number}
        due = [name for name, moment in moments.items() if begin <= moment < end]
        with bench.screen.following(lambda: f"{len(polled)} polled"):
            await _until(stage, begin)
            spent, before = stage.cpu_s(), len(polled)
            await _until(stage, end)
            now, done = stage.cpu_s(), len(polled) - before
            await stage.until(lambda: all(name in polled for name in due), lambda: None, GRACE_S)
        first_polls = {
            name: times[0] for name, times in polled.items() if times[0] >= begin and moments.get(name, end) < end
        }
        return {
            "per_second": done / self.seconds,
            **in_ms([(at - moments[name]) / SECOND for name, at in first_polls.items()]),
            "cpu_s_per_item": ratio(between(spent, now), done),
            "peak_rss_mb": stage.peak_rss_mb(),
            "missed": sum(name not in polled for name in due),
            "doubled": sum(len(times) - 1 for times in polled.values()),
            "items": len(due),
        }


def _now() -> Micros:
    return time_ns() // 1000


async def _until(stage: Stage, moment: Micros) -> None:
    while _now() < moment:
        stage.check()
        await asyncio.sleep(LOOK_EVERY_S)
