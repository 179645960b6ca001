"""Runs all cases in turn on one database; the report says what was counted, and what could not be done and why."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
import contextlib
from dataclasses import dataclass
from pathlib import Path
import shutil
import signal
import tempfile
import time
from typing import Any

from arrivals.lab.bench.database_target import Place
from arrivals.lab.bench.machine import facts, loop_factory
from arrivals.lab.processes import NotReady
from arrivals.lab.torture import crash_cases, infrastructure_cases, outage, silent, stopped
from arrivals.lab.torture.crash_cases import WAYS, Result
from arrivals.lab.torture.environment import Stage
from arrivals.lab.torture.faults import Faults, Unavailable
from arrivals.lab.torture.postgres_server import Server
from arrivals.lab.torture.relay import Relay
from arrivals.lab.torture.report import Screen
from arrivals.lab.torture.scenario import Scene

CASES = (
    "points",
    "random",
    "database",
    "silent",
    "disk-full",
    "disk-slow",
    "clock",
    "terminate",
    "two",
    "stopped",
    "outage",
)  # fmt: skip
FILE = "a file has no server that could be killed"
NO_CONNECTION = "a file is reached by no connection that could fall silent"
CLOCK_REST_S = 40.0
WAY_UNUSED = "webhooks_by_way.{}"


class Interrupted(Exception):
    """A signal ended the torture; its processes have ended with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run. `rounds`: of random deaths; other cases take fewer, in proportion. `only`: empty means all.

    `deadline_s`: of every order; a run needs as long to come to rest. `points`: only points that begin like these.
    """

    rounds: int = 500
    seed: int = 1
    database: str | None = None
    only: tuple[str, ...] = ()
    deadline_s: float = 60.0
    points: tuple[str, ...] = ()
    quiet: bool = False

    def some(self, share: int, least: int) -> int:
        """Returns the rounds of a case that needs fewer of them."""
        return max(min(least, self.rounds), self.rounds // share)


def torture(options: Options) -> dict[str, Any]:
    """Runs the cases and returns the report. Raises NotEmpty, Interrupted."""
    with _folder() as folder, Screen(quiet=options.quiet) as screen:
        place = Place(options.database or str(folder / "arrivals.db"))
        machine = facts(place.version())
        place.clear()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            try:
                cases, skipped = runner.run(_until_signalled(_Run(options, folder, screen, place)))
            except (asyncio.CancelledError, KeyboardInterrupt) as error:
                raise Interrupted("interrupted; every process of it has ended") from error
    ways = {way: sum(figures["webhooks_by_way"][way] for figures in cases.values()) for way in WAYS}
    unused = [way for way, count in ways.items() if cases and not count]
    failed = sorted(name for name, figures in cases.items() if figures["failed"])
    return {
        "machine": machine,
        "rounds": options.rounds,
        "seed": options.seed,
        "cases": cases,
        "skipped": skipped,
        "webhooks_by_way": ways,
        "disagreements": [f"no webhook came in by the {way} way: it was not tortured" for way in unused],
        "failed": [*failed, *(WAY_UNUSED.format(way) for way in unused)],
    }


async def _until_signalled(run: "_Run") -> tuple[dict[str, Any], dict[str, str]]:
    """Runs the cases; either signal cancels them, so that every process ends on the way out."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    return await run.all()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="arrivals-torture-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """The cases over one database."""

    def __init__(self, options: Options, folder: Path, screen: Screen, place: Place) -> None:
        self._options, self._folder, self._screen, self._place = options, folder, screen, place

    async def all(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Returns the result of each case, and why others were skipped."""
        how: dict[str, Callable[[Path], Awaitable[Result]]] = {
            "points": self._points,
            "random": self._random,
            "database": self._database,
            "silent": self._silent,
            "disk-full": self._disk_full,
            "disk-slow": self._disk_slow,
            "clock": self._clock,
            "terminate": self._terminate,
            "two": self._two,
            "stopped": self._stopped,
            "outage": self._outage,
        }
        cases: dict[str, Any] = {}
        skipped: dict[str, str] = {}
        for name in self._options.only or CASES:
            folder = self._folder / name
            folder.mkdir()
            began = time.monotonic()
            try:
                result = await how[name](folder)
            except Unavailable as error:
                skipped[name] = str(error)
                continue
            except NotReady as error:  # the others are tried all the same
                result = Result()
                result.discrepancies.say(str(error))
            seconds = {"seconds": round(time.monotonic() - began, 1), "failed": not result.discrepancies.clean}
            cases[name] = result.as_dict() | seconds
        return cases, skipped

    def _stage(self, name: str, folder: Path, place: Place | None = None, **more: Any) -> Stage:
        options = {"seed": self._options.seed, "deadline_s": self._options.deadline_s, **more}
        return Stage(Scene(name=name, folder=folder, place=place or self._place, **options))

    async def _points(self, folder: Path) -> Result:
        async with self._stage("points", folder) as stage:
            return await crash_cases.points(stage, self._screen, only=self._options.points)

    async def _random(self, folder: Path) -> Result:
        async with self._stage("random", folder) as stage:
            return await crash_cases.at_random(
                stage, self._screen, rounds=self._options.rounds, seed=self._options.seed
            )

    async def _terminate(self, folder: Path) -> Result:
        rounds = self._options.some(50, 3)
        async with self._stage("terminate", folder) as stage:
            return await crash_cases.terminate(stage, self._screen, rounds=rounds, seed=self._options.seed)

    async def _two(self, folder: Path) -> Result:
        rounds = self._options.some(20, 3)
        async with self._stage("two", folder, services=2) as stage:
            return await crash_cases.two(stage, self._screen, rounds=rounds, seed=self._options.seed)

    async def _stopped(self, folder: Path) -> Result:
        rounds = self._options.some(50, len(stopped.POINTS))
        async with self._stage("stopped", folder, services=2, shorter=stopped.SHORTER) as stage:
            return await stopped.stopped(stage, self._screen, rounds=rounds)

    async def _outage(self, folder: Path) -> Result:
        more: dict[str, Any] = {"runs_s": outage.RUNS_S, "shorter": outage.SHORTER, "deadline_s": outage.DEADLINE_S}
        async with self._stage("outage", folder, **more) as stage:
            return await outage.outage(stage, self._screen, rounds=self._options.some(100, 1))

    async def _silent(self, folder: Path) -> Result:
        if not self._place.is_postgresql:
            raise Unavailable(NO_CONNECTION)
        with Server(folder) as server:
            async with (
                Relay(server.port) as relay,
                self._stage(
                    "silent", folder, Place(server.url), reach=server.url_by(relay.port), shorter=silent.SHORTER
                ) as stage,
            ):
                rounds, seed = self._options.some(50, 2), self._options.seed
                return await silent.silent(stage, self._screen, relay, rounds=rounds, seed=seed)

    async def _database(self, folder: Path) -> Result:
        if not self._place.is_postgresql:
            raise Unavailable(FILE)
        with Server(folder) as server:
            async with self._stage("database", folder, Place(server.url)) as stage:
                rounds = self._options.some(50, 2)
                return await infrastructure_cases.database(
                    stage, self._screen, server=server, rounds=rounds, seed=self._options.seed
                )  # fmt: skip

    async def _disk_full(self, folder: Path) -> Result:
        async with self._spoiled("disk-full", folder) as (stage, faults, server):
            rounds, seed = self._options.some(50, 2), self._options.seed
            return await infrastructure_cases.disk_full(
                stage, self._screen, faults, server=server, rounds=rounds, seed=seed
            )

    async def _disk_slow(self, folder: Path) -> Result:
        async with self._spoiled("disk-slow", folder) as (stage, faults, _):
            rounds, seed = self._options.some(25, 2), self._options.seed
            return await infrastructure_cases.disk_slow(stage, self._screen, faults, rounds=rounds, seed=seed)

    async def _clock(self, folder: Path) -> Result:
        more = {"deadline_s": infrastructure_cases.BEYOND_S, "rest_s": CLOCK_REST_S, "subscriber_feels": True}
        async with self._spoiled("clock", folder, **more) as (stage, faults, _):
            rounds, seed = self._options.some(25, 4), self._options.seed
            return await infrastructure_cases.clock(stage, self._screen, faults, rounds=rounds, seed=seed)

    @contextlib.asynccontextmanager
    async def _spoiled(self, name: str, folder: Path, **more: Any) -> Any:
        """A stage on a machine with faults; on PostgreSQL with a server that feels them. Raises Unavailable."""
        faults = Faults(folder)
        try:
            if not self._place.is_postgresql:
                async with self._stage(name, folder, faults=faults, **more) as stage:
                    yield stage, faults, None
                return
            with Server(folder, faults.preload(folder / "postgres")) as server:
                place = Place(server.url)
                nothing = folder / "no-files-of-the-service"
                async with self._stage(name, folder, place, faults=faults, files=nothing, **more) as stage:
                    yield stage, faults, server
        finally:
            faults.close()
