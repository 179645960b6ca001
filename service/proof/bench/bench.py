"""What every benchmark is: sizes, and a way to measure itself; and how one is run and reported."""

import asyncio
from collections.abc import Iterator
import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path
import shutil
import signal
import tempfile
from typing import Any, Protocol

from service.proof.bench.figures import Case, Figures, rounded
from service.proof.bench.machine import facts, loop_factory
from service.proof.bench.place import Place
from service.proof.bench.screen import Screen
from service.proof.bench.stage import SETTINGS, Stage


class Interrupted(Exception):
    """Somebody asked the benchmark to end; its processes have ended with it."""


@dataclass(slots=True)
class Bench:
    """Where a benchmark works: its folder, its database, and the screen."""

    folder: Path
    place: Place
    screen: Screen

    def stage(self, services: int = 1, **settings: str) -> Stage:
        """The service over an empty database, as so many processes; `settings` without their prefix, in capitals."""
        return Stage(self.folder, self.place, {f"ARRIVALS_{name}": text for name, text in settings.items()}, services)


class Measurable(Protocol):
    """A benchmark: a frozen dataclass of its sizes, which can measure itself."""

    async def measure(self, bench: Bench) -> list[Case]:
        """Every case, round by round."""
        ...


def run(name: str, sizes: Any, database: str | None, *, quiet: bool = False) -> tuple[Figures, bool]:
    """(the report, whether nothing was lost or doubled). Raises NotEmpty, Died, NotReady, Interrupted."""
    with _folder() as folder, Screen(quiet=quiet) as screen:
        place = Place(database or str(folder / "arrivals.db"))
        machine = facts(place.version())
        place.clear()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            try:
                cases = runner.run(_until_told(sizes, Bench(folder=folder, place=place, screen=screen)))
            except (asyncio.CancelledError, KeyboardInterrupt) as error:
                raise Interrupted("interrupted; every process of it has ended") from error
    report = {
        "benchmark": name,
        "machine": machine,
        "parameters": asdict(sizes) | {"settings": SETTINGS, "event_loop": "uvloop"},
        "cases": {case.name: {"median": case.median, "rounds": case.rounds} for case in cases},
    }
    told: Figures = rounded(report)
    return told, not any(case.broken for case in cases)


async def _until_told(sizes: Measurable, bench: Bench) -> list[Case]:
    """Either signal cancels it, so that every process ends on the way out."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    return await sizes.measure(bench)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="arrivals-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
