"""Runs a benchmark and reports it, of this tree alone or in turns with another commit's."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
import contextlib
from dataclasses import asdict
from pathlib import Path
import shutil
import signal
import tempfile
from typing import Any, TypeVar

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.database_target import Place
from arrivals.lab.bench.figures import Case, Figures, rounded
from arrivals.lab.bench.machine import facts, loop_factory
from arrivals.lab.bench.progress import Screen
from arrivals.lab.bench.source_tree import exported
from arrivals.lab.bench.turns import beside, in_turns

Measured = TypeVar("Measured")


class Interrupted(Exception):
    """A signal ended the benchmark; its processes have ended with it."""


def run(
    name: str, sizes: Any, database: str | None, *, baseline: str | None = None, quiet: bool = False
) -> tuple[Figures, bool]:
    """Returns the report, and True if nothing broke. Raises NotEmpty, Died, NotReady, Interrupted, NoBaseline.

    `baseline` is a commit that is measured in turns with this tree.
    """
    with _folder() as folder, Screen(quiet=quiet) as screen:
        tree = None if baseline is None else exported(baseline, folder / "baseline")
        place = Place(database or str(folder / "arrivals.db"))
        machine = facts(place.version())
        place.clear()
        bench = Bench(folder=folder, place=place, screen=screen)
        if tree is None:
            cases: list[Case] = _run(lambda: sizes.measure(bench))
            results = {case.name: _result(case) for case in cases}
        else:
            theirs, cases = _run(lambda: in_turns(sizes, bench, tree))
            results = {
                case.name: _result(case) | {"baseline": _result(their), "over_baseline": beside(case, their)}
                for case, their in zip(cases, theirs, strict=True)
            }
    report = {
        "benchmark": name,
        "machine": machine,
        "parameters": asdict(sizes) | {"settings": bench.settings, "event_loop": "uvloop"},
        "cases": results,
    }
    if tree is not None:
        report["baseline"] = {"reference": baseline, "commit": tree.commit}
    rounded_report: Figures = rounded(report)
    return rounded_report, not any(case.broken for case in cases)


def _result(case: Case) -> Figures:
    return {"median": case.median, "rounds": case.rounds}


def _run(measure: Callable[[], Coroutine[Any, Any, Measured]]) -> Measured:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        try:
            return runner.run(_until_signalled(measure))
        except (asyncio.CancelledError, KeyboardInterrupt) as error:
            raise Interrupted("interrupted; every process of it has ended") from error


async def _until_signalled(measure: Callable[[], Coroutine[Any, Any, Measured]]) -> Measured:
    """Runs the measurement; either signal cancels it, so that every process ends on the way out."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    return await measure()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="arrivals-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
