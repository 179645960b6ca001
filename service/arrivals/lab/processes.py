"""Real processes on loopback, started, waited for and ended by process id."""

from collections.abc import Mapping, Sequence
from pathlib import Path
import secrets
import signal
import socket
import subprocess
import sys
import time

import httpx

READY_S = 30.0
END_S = 30.0
LOOK_EVERY_S = 0.05
LOWEST, PORTS = 20_000, 12_000  # below those that systems give to outgoing connections


class NotReady(Exception):
    """A process did not come up; its last lines are in the message."""


def free_port() -> int:
    """Returns a port that nobody listens on, and that no system gives to an outgoing connection."""
    while True:
        port = LOWEST + secrets.randbelow(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


class Process:
    """A child process of this interpreter, whose output is kept in a file."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.output = folder / f"{name}.log"
        self._arguments = [sys.executable, "-m", *arguments]
        self._environment, self._folder = dict(environment), folder
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child else None

    def start(self, ready_url: str) -> None:
        """Starts it and waits until it answers at this URL. Raises NotReady."""
        with self.output.open("ab") as output:
            self._child = subprocess.Popen(
                self._arguments, env=self._environment, cwd=self._folder, stdout=output, stderr=output
            )
        give_up = time.monotonic() + READY_S
        while time.monotonic() < give_up and self._child.poll() is None:
            try:
                if httpx.get(ready_url, trust_env=False, timeout=1.0).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(LOOK_EVERY_S)
        raise NotReady(f"{self.name} did not come up:\n" + "\n".join(self.output.read_text().splitlines()[-20:]))

    def kill(self) -> None:
        """Sends SIGKILL: it ends without any cleanup."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Sends SIGTERM, then SIGKILL when it takes too long."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._child is None:
            return
        self._child.send_signal(how)
        try:
            self._child.wait(END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
