"""A TCP proxy before a PostgreSQL server that can fall silent: it keeps every connection, and forwards nothing."""

from contextlib import contextmanager, suppress
import socket
import threading
from urllib.parse import parse_qs, urlsplit

BLOCK = 65_536


class Proxy:
    """`fall_silent` and `speak`: what comes in between is held back, and goes on then; `swallowed` tells of some."""

    def __init__(self, url):
        self._url = url
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._speaking, self.swallowed = threading.Event(), threading.Event()
        self._speaking.set()
        self._open = []

    @property
    def url(self):
        """The database's URL, through the proxy."""
        parts = urlsplit(self._url)
        user = f"{parts.username}:{parts.password or ''}@" if parts.username else ""
        return f"postgresql://{user}127.0.0.1:{self._listening.getsockname()[1]}{parts.path}"

    def fall_silent(self):
        """From now on nothing is forwarded."""
        self.swallowed.clear()
        self._speaking.clear()

    def speak(self):
        """Forward what was held back, and go on."""
        self._speaking.set()

    def run(self):
        """Take connections until `close`."""
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = self._server()
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def close(self):
        """End all of it."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._speaking.set()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _server(self):
        parts = urlsplit(self._url)
        folder = parse_qs(parts.query).get("host", [None])[0]
        if folder is None:
            return socket.create_connection((parts.hostname, parts.port or 5432))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{folder}/.s.PGSQL.{parts.port or 5432}")
        return far

    def _pump(self, source, target):
        with suppress(OSError):
            while data := source.recv(BLOCK):
                if not self._speaking.is_set():
                    self.swallowed.set()
                    self._speaking.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(url):
    """A running proxy before the server of this URL."""
    silent_proxy = Proxy(url)
    thread = threading.Thread(target=silent_proxy.run, daemon=True)
    thread.start()
    try:
        yield silent_proxy
    finally:
        silent_proxy.close()
        thread.join()
