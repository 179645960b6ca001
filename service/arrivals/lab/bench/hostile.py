"""The worst that outsiders can send, and how long others wait meanwhile: the longest answer to a health check."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
import http.client
import threading
from time import perf_counter
from typing import TypeAlias

import anyio
import httpx

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.figures import MS, Case, Figures

MEGABYTE = 1024 * 1024
LARGEST = 32 * MEGABYTE - 1000
IDLE_S = 2.0
CALM = "health checks while nothing is sent"
HELD, WAITS = 500, 30
METADATA = {f"key-{number}": "x" * 200 for number in range(60)}
# JSON that is large and hardly any, or unfolds into much: each in the body of an order.
BODIES: dict[str, Callable[[], bytes]] = {
    "closing brackets": lambda: b"]" * LARGEST,
    "opening brackets": lambda: b"[" * LARGEST,
    "quotes": lambda: b'"' * LARGEST,
    "escaped quotes": lambda: b'"' + b'\\"' * (LARGEST // 2),
    "empty lists": lambda: b"[" + b"[]," * (LARGEST // 3) + b"[]]",
    "a file": lambda: b'{"provider":"eachlabs","model":"flux","input":{"image":"' + b"A" * LARGEST + b'"}}',
}
Send: TypeAlias = Callable[[Stage, httpx.AsyncClient], Awaitable[object]]


@dataclass(slots=True)
class _Checks:
    """Health checks one after the other on a thread of their own, as long as the block lasts."""

    port: int
    longest_s: float = 0.0
    count: int = 0
    began: float = field(default_factory=perf_counter)
    over: bool = False

    def run(self) -> None:
        """Sends health checks until the block ends."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.over:
            sent_at = perf_counter()
            connection.request("GET", "/health/live")
            connection.getresponse().read()
            self.longest_s = max(self.longest_s, perf_counter() - sent_at)
            self.count += 1
        connection.close()

    @property
    def figures(self) -> Figures:
        """The figures of the health checks."""
        return {"per_second": self.count / (perf_counter() - self.began), "longest_ms": self.longest_s * MS}


@contextmanager
def _checking(port: int) -> Iterator[_Checks]:
    checks = _Checks(port)
    thread = threading.Thread(target=checks.run, name="health-checks")
    thread.start()
    try:
        yield checks
    finally:
        checks.over = True
        thread.join()


async def _order(body: Callable[[], bytes], _stage: Stage, client: httpx.AsyncClient) -> None:
    """Sends one order, which may be taken, refused or cut off: what counts is what others notice of it."""
    content = await anyio.to_thread.run_sync(body)
    with suppress(httpx.TransportError):
        await client.post("/v1/generations", content=content, headers={"idempotency-key": "hostile"})


async def _metadata(stage: Stage, client: httpx.AsyncClient) -> None:
    """Orders with as much metadata as is allowed, and lists all of it."""
    order = {"provider": "eachlabs", "model": "flux", "input": {"prompt": "a fox"}, "metadata": METADATA}
    for _ in range(200):
        await client.post("/v1/generations", json=order)
    for _ in range(20):
        await client.get("/v1/generations?limit=200")
    stage.check()


async def _hints(stage: Stage, client: httpx.AsyncClient) -> None:
    """Sends masses of large unverified webhooks, and lists them."""
    path = httpx.URL(stage.provider.callbacks[0][1]).path
    for number in range(300):
        await client.post(path, content=b"%d" % number + b"x" * 500_000)
    for _ in range(20):
        await client.get("/v1/webhooks?limit=200")


async def _waits(stage: Stage, client: httpx.AsyncClient) -> None:
    """Waits many times at once for generations, and for events that never come, while others order."""
    made = (await client.get(f"/v1/generations?limit={WAITS}")).json()["data"]
    paths = [f"/v1/generations/{made[number % len(made)]['id']}?wait=5" for number in range(HELD)]
    paths += ["/v1/events?wait=5&type=ping"] * WAITS
    async with anyio.create_task_group() as group:
        for path in paths:
            group.start_soon(partial(client.get, path))
        await stage.order(500)


CASES: dict[str, Send] = {
    **{name: partial(_order, body) for name, body in BODIES.items()},
    "metadata": _metadata,
    "hints": _hints,
    "waits": _waits,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """Sends each input in turn; `only` these, or all."""

    rounds: int = 1
    only: tuple[str, ...] = ()

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures each case; its `longest_ms` is the longest that anybody else waited."""
        cases = {name: Case(name) for name in CASES if not self.only or name in self.only}
        async with bench.stage() as stage:
            await stage.start()
            await stage.order(50)
            headers = {"authorization": f"Bearer {stage.key}"}
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(
                base_url=stage.url, headers=headers, timeout=120, trust_env=False, limits=limits
            ) as client:
                for number in range(self.rounds):
                    bench.screen.phase(f"round {number + 1} of {self.rounds}: {CALM}")
                    with _checking(stage.port) as calm:
                        await anyio.sleep(IDLE_S)
                    for name, case in cases.items():
                        bench.screen.phase(f"round {number + 1} of {self.rounds}: {name}")
                        with _checking(stage.port) as checks:
                            await CASES[name](stage, client)
                        stage.check()
                        ceiling = {"what": CALM, **calm.figures}
                        case.add({**checks.figures, "doubled": 0, "peak_rss_mb": stage.peak_rss_mb()}, ceiling)
        return list(cases.values())
