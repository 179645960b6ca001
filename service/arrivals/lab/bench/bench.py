"""What every benchmark is: sizes, and a way to measure itself where it is told to."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from arrivals.lab.bench.database_target import Place
from arrivals.lab.bench.environment import SETTINGS, Stage
from arrivals.lab.bench.figures import Case
from arrivals.lab.bench.progress import Screen
from arrivals.lab.bench.source_tree import HERE, Tree


@dataclass(slots=True)
class Bench:
    """Where a benchmark works: its folder, its database, and the screen; and on which tree."""

    folder: Path
    place: Place
    screen: Screen
    tree: Tree = HERE
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))  # those that figures depend on

    def stage(self, services: int = 1, **settings: str) -> Stage:
        """The service over an empty database, as so many processes; `settings` without their prefix, in capitals."""
        variables = {f"ARRIVALS_{name}": text for name, text in settings.items()}
        self.settings |= variables
        return Stage(self.folder, self.place, variables, services, self.tree)


class Measurable(Protocol):
    """A benchmark: a frozen dataclass of its sizes, which can measure itself."""

    async def measure(self, bench: Bench) -> list[Case]:
        """Every case, round by round."""
        ...
