"""HTTP servers over raw protocols, which cost next to nothing, and a receiver of deliveries."""

import asyncio
from collections import Counter
from collections.abc import Callable
from time import perf_counter

from arrivals.lab.bench import wire

Answer = Callable[[bytes, bytes], bytes | None]


class Door:
    """Listens on loopback; `answer(head, body)` gives the bytes to send, or None to leave the caller hanging."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listens on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Caller(self), "127.0.0.1", 0, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Closes every connection."""
        for transport in list(self._open):
            transport.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def came(self, transport: asyncio.BaseTransport) -> None:
        """Notes a new connection."""
        self._open.add(transport)

    def went(self, transport: asyncio.BaseTransport) -> None:
        """Notes a closed connection."""
        self._open.discard(transport)


class _Caller(asyncio.Protocol):
    def __init__(self, door: Door) -> None:
        self._door = door
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's protocol is given a stream's transport
        self._door.came(transport)

    def data_received(self, data: bytes) -> None:
        messages, self._buffer = wire.split(self._buffer + data if self._buffer else data)
        for message in messages:
            answer = self._door.answer(*message)
            if answer is not None and self._transport is not None:
                self._transport.write(answer)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._transport is not None:
            self._door.went(self._transport)
            self._transport = None


class Receiver:
    """Takes deliveries, answers all alike, and counts them by their `webhook-id`."""

    def __init__(
        self, answer: bytes | None = wire.NO_CONTENT, on_delivery: Callable[[bytes, float], None] | None = None
    ) -> None:
        self.times: Counter[bytes] = Counter()
        self.first_at = self.last_at = 0.0
        self._answer, self._on_delivery = answer, on_delivery

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        """Counts and answers a delivery."""
        now = perf_counter()
        self.first_at = self.first_at or now
        self.last_at = now
        self.times[wire.header(head, b"webhook-id") or b""] += 1
        if self._on_delivery is not None:
            self._on_delivery(body, now)
        return self._answer

    @property
    def doubled(self) -> int:
        """The number of repeated deliveries."""
        return self.times.total() - len(self.times)

    @property
    def per_second(self) -> float | None:
        """The deliveries per second, from the first to the last."""
        took = self.last_at - self.first_at
        return (self.times.total() - 1) / took if took > 0 else None
