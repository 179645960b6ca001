"""The scenario of a case: where it runs, with how many services, and what is unusual there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arrivals.lab.bench.database_target import Place
from arrivals.lab.torture.faults import Faults
from arrivals.lab.torture.workload import RUNS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A case on a database. `services`: how many share it; `deadline_s`: of every order; `runs_s`: of its work.

    `rest_s`: how long nothing may move before it is at rest, when it is not what the last deadline bounds.

    `reach`: the URL by which the services reach the database, if it is not the place's own. `shorter`: what is
    shortened for this case besides the usual, as (module, name, value).

    `faults` are felt by the services, where they concern the files whose paths begin with `files`; with
    `subscriber_feels` the clock is also the subscriber's, who verifies timestamps.
    """

    name: str
    folder: Path
    place: Place
    seed: int
    deadline_s: float
    runs_s: tuple[float, float] = RUNS_S
    rest_s: float | None = None
    services: int = 1
    reach: str | None = None
    shorter: Sequence[tuple[str, str, float]] = ()
    faults: Faults | None = None
    files: Path | None = None
    subscriber_feels: bool = False
