"""A tripwire: the process that passes the wanted point for the nth time ends there, by SIGKILL.

Every point that is passed for the first time is written down, so that the points of a service are found out by running
it and not typed anywhere. Each line is one `write` to a file that is open to append: nothing of it dies with us.
"""

import os
from pathlib import Path
import signal

DIED_AT = "died at "


class Tripwire:
    """Inert until it is set."""

    def __init__(self) -> None:
        self._found = -1
        self._seen: set[str] = set()
        self._wanted: str | None = None
        self._left = 0

    def set(self, found: Path, wanted: str | None, nth: int) -> None:
        """Write what is found to this file; end at the nth passing of the wanted point, None is never."""
        self._found = os.open(found, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._wanted, self._left = wanted, nth

    def passed(self, point: str) -> None:
        """The process is at this point now, and may go no further."""
        if self._found < 0:
            return
        if point not in self._seen:
            self._seen.add(point)
            os.write(self._found, f"{point}\n".encode())
        if point == self._wanted:
            self._left -= 1
            if self._left <= 0:
                os.write(self._found, f"{DIED_AT}{point}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)


def read_found(found: Path) -> tuple[list[str], str | None]:
    """(the points passed, in order; the one that the process died at)."""
    if not found.exists():
        return [], None
    lines = found.read_text().splitlines()
    died = [line.removeprefix(DIED_AT) for line in lines if line.startswith(DIED_AT)]
    return [line for line in lines if not line.startswith(DIED_AT)], died[0] if died else None
