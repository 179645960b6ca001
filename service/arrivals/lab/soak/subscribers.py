"""Subscribers: one that answers at once and keeps books, one that is slow, one that fails in every way."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
import contextlib
import random
from typing import Self

import msgspec

from arrivals.lab.bench import wire
from arrivals.lab.bench.raw_servers import Door

SLOW_S = (0.2, 3.0)
HANGS_S = 20.0  # longer than anybody waits for an answer
TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhal"
NOISE = b"\x00\xff no answer at all \r\n\r\n"
CHUNK = 65536

Answered = Callable[[], Awaitable[bytes]]  # an empty answer: it hangs up


class _Generation(msgspec.Struct):
    id: str


class _Data(msgspec.Struct):
    generation: _Generation


class DeliveredEvent(msgspec.Struct):
    """An event as it was delivered."""

    id: str
    type: str
    data: _Data


class Healthy:
    """Takes every delivery at once, and keeps the events of each generation until they are forgotten."""

    def __init__(self) -> None:
        self.door = Door(self._answer)
        self.count = self.repeated = 0
        self._events: defaultdict[str, dict[str, str]] = defaultdict(dict)  # generation: event id, type

    def events_of(self, generation: str) -> dict[str, str]:
        """Returns the types of the delivered events of a generation, by event id."""
        return dict(self._events.get(generation, {}))

    def forget(self, generation: str) -> None:
        """Drops the events of a generation, whose books are closed."""
        self._events.pop(generation, None)

    def _answer(self, _head: bytes, body: bytes) -> bytes:
        event = msgspec.json.decode(body, type=DeliveredEvent)
        events = self._events[event.data.generation.id]
        self.count += 1
        self.repeated += event.id in events
        events[event.id] = event.type
        return wire.NO_CONTENT


class Ill:
    """A subscriber over plain streams that answers as `answered` says, in its own time."""

    def __init__(self, answered: Answered) -> None:
        self.port, self.count = 0, 0
        self._answered = answered
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The URL of the subscriber."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Listens on a free port."""
        self._server = await asyncio.start_server(self._came, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes every connection."""
        if self._server is not None:
            self._server.close()
        for caller in self._callers:
            caller.cancel()
        await asyncio.gather(*self._callers, return_exceptions=True)

    def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves in a task of our own: one that asyncio makes is an error in the log when it is cancelled."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._callers.add(task)
        task.add_done_callback(self._callers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                await self._answer_all(reader, writer)
        finally:
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        while data := await reader.read(CHUNK):
            messages, rest = wire.split(rest + data)
            for _ in messages:
                self.count += 1
                answer = await self._answered()
                if answer:
                    writer.write(answer)
                    await writer.drain()
                if answer != wire.NO_CONTENT:
                    return


def slow(rng: random.Random) -> Answered:
    """Answers well, after a while."""

    async def answered() -> bytes:
        await asyncio.sleep(rng.uniform(*SLOW_S))
        return wire.NO_CONTENT

    return answered


def failing(rng: random.Random) -> Answered:
    """Answers well now and then; otherwise an error, half an answer, none, or something that is no answer."""

    async def answered() -> bytes:
        answer = rng.choice((wire.NO_CONTENT, wire.FAILED, wire.FAILED, TOO_MANY, HALF, NOISE, b"", None))
        if answer is None:
            await asyncio.sleep(HANGS_S)
        return answer or b""

    return answered
