"""Runs the service on loopback, with the provider's stand-in in this process and an empty database."""

import asyncio
import base64
from collections.abc import Callable, Iterator, Mapping
import contextlib
import os
from pathlib import Path
import secrets
from time import perf_counter
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from arrivals.lab.bench import machine, wire
from arrivals.lab.bench.database import Books
from arrivals.lab.bench.database_target import Place
from arrivals.lab.bench.eachlabs import COMPLETED, PROMPT, SECRET, Provider, webhook
from arrivals.lab.bench.load import send_all
from arrivals.lab.bench.raw_servers import Door
from arrivals.lab.bench.source_tree import HERE, Tree
from arrivals.lab.processes import Process, free_port

LOOK_EVERY_S = 0.02
STORED_S = 30.0  # for what was answered to be written down
DAY_S = 86_400
ORDERING = 16  # connections


class Died(Exception):
    """The service ended, refused, or stands still; the message says how."""


class Stage:
    """A tree's service as a child process, or several. `settings` are added to those that every benchmark needs."""

    def __init__(
        self, folder: Path, place: Place, settings: Mapping[str, str], services: int, tree: Tree = HERE
    ) -> None:
        self.place, self.ports = place, [free_port() for _ in range(services)]
        self.port = self.ports[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.secret = "bench-webhook-" + secrets.token_hex(12)
        self.provider = Provider()
        self.upstream = Door(self.provider.answer)
        self.key = "bench_" + secrets.token_urlsafe(24)
        self._folder, self._settings, self._tree = folder, dict(settings), tree
        self._processes: list[Process] = []
        self._client = httpx.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {self.key}"}, timeout=30.0, trust_env=False
        )
        self._kept = {
            "ARRIVALS_SECRET_KEYS": secrets.token_urlsafe(24),
            "ARRIVALS_CALLBACK_SECRET": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        }

    def cpu_s(self) -> float | None:
        """The seconds of CPU that all processes of the service have used."""
        return self._sum(machine.cpu_s)

    def rss_mb(self) -> float | None:
        """The resident memory of the service now."""
        return self._sum(machine.rss_mb)

    def peak_rss_mb(self) -> float | None:
        """The peak resident memory of the service."""
        return self._sum(machine.peak_rss_mb)

    def pss_mb(self) -> float | None:
        """The proportional set size: the resident memory, of which shared pages count in proportion."""
        return self._sum(machine.pss_mb)

    def descriptors(self) -> float | None:
        """The number of files and sockets that the service has open."""
        return self._sum(machine.descriptors)

    def threads(self) -> float | None:
        """The number of threads of the service."""
        return self._sum(machine.threads)

    def log_bytes(self) -> int:
        """The size of the service's logs."""
        return sum(process.output.stat().st_size for process in self._processes)

    def _sum(self, reading: Callable[[int | None], float | None]) -> float | None:
        readings = [used for process in self._processes if (used := reading(process.pid)) is not None]
        return sum(readings) if readings else None

    async def __aenter__(self) -> Self:
        """Starts the stand-in; the service does not run yet."""
        await self.upstream.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends everything at once and clears the database."""
        for process in self._processes:
            process.kill()
        await self._client.aclose()
        await self.upstream.close()
        self.place.clear()

    async def start(self, *options: str) -> None:
        """Starts the service and waits until it is ready; workers alone answer nobody, so they are not waited for."""
        for number, port in enumerate(self.ports):
            command = [self._tree.module, "serve", *options]
            process = Process(f"service-{number}", command, self._environment(port), self._folder)
            self._processes.append(process)
            ready = self.upstream.url + "/" if "--workers-only" in options else f"http://127.0.0.1:{port}/health/ready"
            await whole(process.start, ready)

    async def stop(self) -> None:
        """Lets the service finish and end. This process goes on answering it meanwhile."""
        while self._processes:
            await whole(self._processes.pop().stop)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the service's answer, as JSON. Raises Died when there is none."""
        try:
            answer = await self._client.request(method, path, json=body)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            self.check()
            raise Died(f"{method} {path}: {str(error) or type(error).__name__}") from error
        return answer.json()

    def asking(self, path: str) -> bytes:
        """Returns a whole GET request."""
        lines = (f"GET {path} HTTP/1.1", f"host: 127.0.0.1:{self.port}", f"authorization: Bearer {self.key}")
        return "\r\n".join((*lines, "", "")).encode()

    async def until(self, done: Callable[[], bool], progress: Callable[[], object], patience_s: float) -> bool:
        """Waits until `done`; False when there was no progress for `patience_s`. Raises Died."""
        last, since = progress(), perf_counter()
        while not done():
            self.check()
            await asyncio.sleep(LOOK_EVERY_S)
            now = progress()
            if now != last:
                last, since = now, perf_counter()
            elif perf_counter() - since > patience_s:
                return False
        return True

    def check(self) -> None:
        """Raises Died when the service does not run."""
        for process in self._processes:
            if machine.has_ended(process.pid):
                raise Died("the service ended by itself:\n" + "\n".join(process.output.read_text().splitlines()[-20:]))

    @contextlib.contextmanager
    def books(self) -> Iterator[Books]:
        """Opens the service's database."""
        books = self.place.open()
        try:
            yield books
        finally:
            books.close()

    async def order(self, count: int) -> float:
        """Orders `count` generations and returns how many a second were ordered, submitted and stored. Raises Died."""
        body = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": PROMPT}, "deadline_s": DAY_S}
        head = wire.post("/v1/generations", self.port, {"authorization": f"Bearer {self.key}"})
        request = wire.with_body(head, msgspec.json.encode(body))
        began, wanted = perf_counter(), len(self.provider.callbacks) + count
        tally = await send_all(self.ports, ORDERING, (request for _ in range(count)))
        if tally.ok != count:
            raise Died(f"only {tally.ok} of {count} orders were taken")
        callbacks = self.provider.callbacks
        if not await self.until(lambda: len(callbacks) >= wanted, lambda: len(callbacks), STORED_S):
            raise Died(f"only {len(callbacks)} of {wanted} orders reached the provider")
        took = perf_counter() - began
        with self.books() as books:
            waiting = "status IN ('pending', 'submitting')"
            await self.until(lambda: books.count("generations", waiting) == 0, lambda: None, STORED_S)
        return count / took

    def webhook(self, external_id: str, callback_url: str, word: str = COMPLETED, more: str = "") -> bytes:
        """Returns a whole request: the provider calls back, with the secret that the service was given."""
        return webhook(
            wire.post(urlsplit(callback_url).path, self.port, {SECRET: self.secret}), external_id, word, more
        )

    def _environment(self, port: int) -> dict[str, str]:
        """The service's variables: it polls only if a benchmark says so, and no budget or log line slows it down."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith("ARRIVALS_")}
        return {
            **self._tree.environment(clean),
            **self._kept,
            "ARRIVALS_DATABASE": self.place.setting,
            "ARRIVALS_PORT": str(port),
            "ARRIVALS_PUBLIC_URL": self.url,
            "ARRIVALS_API_KEY": self.key,
            "ARRIVALS_EACHLABS_API_KEY": "bench-eachlabs",
            "ARRIVALS_EACHLABS_BASE_URL": self.upstream.url,
            "ARRIVALS_EACHLABS_WEBHOOK_SECRET": self.secret,
            **SETTINGS,
            **self._settings,
        }


SETTINGS = {
    "ARRIVALS_LOG_FORMAT": "json",
    "ARRIVALS_LOG_LEVEL": "warning",
    "ARRIVALS_ALLOW_DESTINATIONS": "127.0.0.0/8,::1/128",
    "ARRIVALS_POLL_FIRST_S": str(DAY_S),
    "ARRIVALS_POLL_MAX_S": str(DAY_S),
    "ARRIVALS_EACHLABS_MAX_IN_FLIGHT": "1000000",
    "ARRIVALS_EACHLABS_REQUESTS_PER_MINUTE": "1000000",
}


async def whole(function: Callable[..., None], *arguments: object) -> None:
    """Runs a blocking function in a thread; a cancellation waits until it has ended, so no process is left behind."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await running
        raise
