"""The shape of a benchmark: its sizes, and a method that measures it in a given place."""

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
    """The surroundings of a benchmark: its folder, its database, its screen, and the tree that it measures."""

    folder: Path
    place: Place
    screen: Screen
    tree: Tree = HERE
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))  # those that figures depend on

    def stage(self, services: int = 1, **settings: str) -> Stage:
        """Returns the service over an empty database, as so many processes; `settings` are named without prefix."""
        variables = {f"ARRIVALS_{name}": text for name, text in settings.items()}
        self.settings |= variables
        return Stage(self.folder, self.place, variables, services, self.tree)


class Measurable(Protocol):
    """A benchmark: a frozen dataclass of its sizes, which can measure itself."""

    async def measure(self, bench: Bench) -> list[Case]:
        """Returns every case, round by round."""
        ...
