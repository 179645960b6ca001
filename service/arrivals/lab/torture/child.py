"""The nursery: imports the service once, fastens the tripwire, and forks a whole `arrivals serve` on request.

`python -m arrivals.lab.torture.child sqlite|postgresql WAITS`, where the waits, in JSON, are what is shortened besides
the usual. One line of JSON on standard input is one wish, one line of JSON on standard output says what happened:
`{"start": {environment, log, trail, wanted, nth, how}}` → `{"pid": N}`;
`{"signal": N}`; a child that has ended → `{"ended": STATUS}` (negative: by that signal). The nursery alone signals its
child, so a process id that was given to somebody else is never hit; when its input ends, its child ends.
"""

from importlib import import_module
import json
import os
from pathlib import Path
import runpy
import select
import signal
import sys
from typing import Any

from arrivals.lab.torture.kill_points import fasten, hasten
from arrivals.lab.torture.kill_switch import Tripwire

COMMAND = ("arrivals", "serve")
IMPORTED = ("arrivals.cli.main", "arrivals.cli.serve")
STANDARD_INPUT, PART = 0, 65536


class Nursery:
    """Runs one child at a time. `woken` is a pipe that is written to when a child has ended."""

    def __init__(self, tripwire: Tripwire, woken: int) -> None:
        self._tripwire, self._woken = tripwire, woken
        self._child: int | None = None
        self._rest = b""

    def run(self) -> None:
        """Runs until the input ends; in the child, until the service has ended."""
        while True:
            ready, _, _ = select.select([STANDARD_INPUT, self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, PART)
            self._look()
            if STANDARD_INPUT not in ready:
                continue
            received = os.read(STANDARD_INPUT, PART)
            if not received:
                break
            *lines, self._rest = (self._rest + received).split(b"\n")
            for line in lines:
                if self._grant(json.loads(line)):
                    return
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)

    def _look(self) -> None:
        """Reports the end of the child, if it has ended."""
        if self._child is None:
            return
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if pid:
            self._child = None
            _tell({"ended": os.waitstatus_to_exitcode(status)})

    def _grant(self, wish: dict[str, Any]) -> bool:
        """Grants a wish; True in the child, once its life is over."""
        if "signal" in wish:
            if self._child is not None:
                os.kill(self._child, wish["signal"])
            return False
        self._child = os.fork()
        if self._child == 0:
            _become(self._tripwire, wish["start"])
            return True
        _tell({"pid": self._child})
        return False


def main() -> None:
    """Imports the service, fastens the tripwire, and waits for wishes."""
    tripwire = Tripwire()
    fasten(tripwire, postgresql=sys.argv[1] == "postgresql")
    for module in IMPORTED:
        import_module(module)
    hasten(json.loads(sys.argv[2]))
    woken, wakes = os.pipe()
    for end in (woken, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    _tell({"ready": True})
    Nursery(tripwire, woken).run()


def _become(tripwire: Tripwire, wish: dict[str, Any]) -> None:
    """Turns this process into the service, as anybody starts it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.update(wish["environment"])
    tripwire.set(Path(wish["trail"]), wish["wanted"], wish["nth"], signal.Signals(wish["how"]))
    sys.argv = [*COMMAND]
    runpy.run_module("arrivals", run_name="__main__", alter_sys=True)


def _tell(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
