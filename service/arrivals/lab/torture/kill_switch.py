"""A tripwire: the process that passes the wanted point for the nth time ends there, or stands still until it is waked.

Every point that is passed for the first time is written down, so that the points of a service are found out by running
it and not typed anywhere, and what is counted is a line each time. Each line is one `write` to a file that is open to
append: nothing of it dies with us.
"""

from collections import Counter
from dataclasses import dataclass, field
import os
from pathlib import Path
import signal

DIED_AT, STOOD_STILL_AT, COUNTED = "died at ", "stood still at ", "counted "


class Tripwire:
    """Inert until it is set."""

    def __init__(self) -> None:
        self._trail = -1
        self._seen: set[str] = set()
        self._wanted: str | None = None
        self._left = 0
        self._signal = signal.SIGKILL

    def set(self, path: Path, wanted: str | None, nth: int, how: signal.Signals = signal.SIGKILL) -> None:
        """Writes the trail to this file; ends at the nth passing of the wanted point, or never for None.

        `how` SIGSTOP: it does not end there, but stands still until somebody sends SIGCONT.
        """
        self._trail = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._wanted, self._left, self._signal = wanted, nth, how

    def passed(self, point: str) -> None:
        """Notes that the process is at this point, and may end it there."""
        if self._trail < 0:
            return
        if point not in self._seen:
            self._seen.add(point)
            self._write(point)
        if point == self._wanted:
            self._left -= 1
            if self._left <= 0:
                self._wanted = None
                self._write((STOOD_STILL_AT if self._signal is signal.SIGSTOP else DIED_AT) + point)
                os.kill(os.getpid(), self._signal)

    def count(self, what: str) -> None:
        """Counts one more."""
        if self._trail >= 0:
            self._write(COUNTED + what)

    def _write(self, line: str) -> None:
        os.write(self._trail, f"{line}\n".encode())


@dataclass(slots=True)
class Trail:
    """The trail of a life: the points it passed, in order; where it died or stood still; what it counted."""

    points: list[str] = field(default_factory=list)
    died_at: str | None = None
    stood_still_at: str | None = None
    counts: Counter[str] = field(default_factory=Counter)


def read_trail(path: Path) -> Trail:
    """Reads the trail; an empty one if there is no file."""
    trail = Trail()
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith(DIED_AT):
            trail.died_at = line.removeprefix(DIED_AT)
        elif line.startswith(STOOD_STILL_AT):
            trail.stood_still_at = line.removeprefix(STOOD_STILL_AT)
        elif line.startswith(COUNTED):
            trail.counts[line.removeprefix(COUNTED)] += 1
        else:
            trail.points.append(line)
    return trail
