"""Sends requests over raw connections, one at a time on each, which costs much less than answering them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from time import perf_counter, process_time
from typing import Any, TypeAlias

from arrivals.lab.bench import wire
from arrivals.lab.bench.figures import Figures, in_ms

NOT_ANSWERED = 0  # the status of a request whose connection broke
OK = 200

Job: TypeAlias = tuple[Any, bytes]  # what it is to whoever made it, and the request
Take: TypeAlias = Callable[[], Job | None]
Answered: TypeAlias = Callable[[Any, int, float, float], None]  # job, status, sent at, answered at


class Load:
    """Connections that send the next request once the last is answered; those with nothing to send rest until woken."""

    def __init__(self, take: Take, answered: Answered) -> None:
        self.take, self.answered = take, answered
        self.in_flight = 0
        self.resting: list[_Connection] = []
        self.idle = asyncio.Event()
        self._open: list[_Connection] = []

    async def open(self, ports: Sequence[int], connections: int) -> None:
        """Opens the connections, spread evenly over the ports; then all of them begin."""
        loop = asyncio.get_running_loop()
        for _, port in zip(range(connections), cycle(ports), strict=False):
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)
            self._open.append(connection)
        self.resting = list(self._open)
        self.wake()

    def wake(self) -> None:
        """Wakes the resting connections: there may be something to send."""
        resting, self.resting = self.resting, []
        for connection in resting:
            connection.go_on()

    def close(self) -> None:
        """Closes all connections."""
        for connection in self._open:
            connection.close()

    def rests(self, connection: "_Connection") -> None:
        """Notes that a connection has nothing to send."""
        self.resting.append(connection)
        if self.in_flight == 0:
            self.idle.set()


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._job: Any = None
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's protocol is given a stream's transport

    def go_on(self) -> None:
        if self._transport is None:
            return
        taken = self._load.take()
        if taken is None:
            self._load.rests(self)
            return
        self._load.in_flight += 1
        self._load.idle.clear()
        self._job, request = taken
        self._sent_at = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        messages, self._buffer = wire.split(self._buffer + data if self._buffer else data)
        for head, _ in messages:
            self._ended(wire.status(head), now)
            self.go_on()

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        if self._job is not None:
            self._ended(NOT_ANSWERED, perf_counter())
            if self._load.in_flight == 0:
                self._load.idle.set()

    def _ended(self, status: int, now: float) -> None:
        job, self._job = self._job, None
        self._load.in_flight -= 1
        self._load.answered(job, status, self._sent_at, now)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Tally:
    """The results of a load of independent requests."""

    def __init__(self) -> None:
        self.sent = self.ok = 0
        self.latencies_s: list[float] = []
        self.began = perf_counter()
        self.ended = self.began
        self._spent = 0.0

    @property
    def errors(self) -> int:
        """The number of requests that were not answered 2xx."""
        return len(self.latencies_s) - self.ok

    @property
    def per_second(self) -> float:
        """The number of good answers per second."""
        return self.ok / max(self.ended - self.began, 1e-9)

    @property
    def busy(self) -> float:
        """The share of a core that sending took; near 1 it is the generator that is measured."""
        return self._spent / max(self.ended - self.began, 1e-9)

    def begin(self) -> None:
        """Starts the clock."""
        self.began, self._spent = perf_counter(), process_time()

    def finish(self) -> None:
        """Stops the clock: every request is answered."""
        self._spent = process_time() - self._spent

    def answered(self, _job: Any, status: int, sent_at: float, now: float) -> None:
        """Notes an answer."""
        self.ok += OK <= status < OK + 100
        self.latencies_s.append(now - sent_at)
        self.ended = now

    def figures(self) -> Figures:
        """The throughput and the latencies."""
        return {"per_second": self.per_second, **in_ms(self.latencies_s), "generator_busy": self.busy}


async def send_all(
    ports: Sequence[int], connections: int, requests: Iterator[bytes], seconds: float | None = None
) -> Tally:
    """Sends all the requests, or as many as fit into `seconds`."""
    tally = Tally()

    def take() -> Job | None:
        if seconds is not None and perf_counter() - tally.began >= seconds:
            return None
        request = next(requests, None)
        tally.sent += request is not None
        return None if request is None else (tally.sent, request)

    load = Load(take, tally.answered)
    try:
        tally.begin()
        await load.open(ports, connections)
        await load.idle.wait()
        tally.finish()
    finally:
        load.close()
    return tally
