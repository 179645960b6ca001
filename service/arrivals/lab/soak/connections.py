"""Connections that misbehave: half heads, half bodies, hang-ups, noise, readers that do not read.

Each is opened, does one bad thing, and is gone after a bounded time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
import contextlib
import itertools
import secrets
import socket
import struct
from typing import TypeAlias

from arrivals.lab.bench import wire
from arrivals.lab.bench.environment import Stage

HELD_S = 25.0  # longer than the service waits for the rest of a head or a body
UNREAD_S = 40.0  # longer than it waits for a reader to take a page
BRIEFLY_S = 2.0
CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing throws away what was not sent, and says so
PIPELINED = 20
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Misdeed: TypeAlias = Callable[["Nuisance", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Nuisance:
    """Opens one connection after the other, each with the next misdeed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._misdeeds: Iterator[Misdeed] = itertools.cycle(MISDEEDS)

    async def turn(self) -> None:
        """Opens a connection, misbehaves, and closes it. Raises OSError."""
        misdeed = next(self._misdeeds)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stage.port)
        try:
            await misdeed(self, reader, writer)
        finally:
            writer.transport.abort()

    def order_head(self, length: int) -> bytes:
        """Returns the head of an order that promises a body of this length."""
        head = wire.post("/v1/generations", self.stage.port, {"authorization": f"Bearer {self.stage.key}"})
        return b"%b%d\r\n\r\n" % (head, length)


async def _until_closed(reader: asyncio.StreamReader, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await reader.read(CHUNK):
                pass


async def _half_a_head(nuisance: Nuisance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(nuisance.stage.asking("/v1/events")[:-10])
    await _until_closed(reader, HELD_S)


async def _half_a_body(nuisance: Nuisance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(nuisance.order_head(1000) + b'{"provider": "eachlabs"')
    await _until_closed(reader, HELD_S)


async def _hangs_up_in_a_body(nuisance: Nuisance, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(nuisance.order_head(100_000) + b'{"provider": "eachlabs"' + b" " * 50_000)
    await writer.drain()


async def _hangs_up_on_the_answer(
    nuisance: Nuisance, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.write(nuisance.stage.asking("/v1/generations?limit=200"))
    await writer.drain()


async def _noise(_nuisance: Nuisance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(secrets.token_bytes(500))
    await _until_closed(reader, BRIEFLY_S)


async def _speaks_tls(_nuisance: Nuisance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TLS_HELLO)
    await _until_closed(reader, BRIEFLY_S)


async def _asks_much_at_once(nuisance: Nuisance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(nuisance.stage.asking("/v1/events?after=0&limit=50") * PIPELINED)
    await reader.read(CHUNK)


async def _idles(nuisance: Nuisance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(nuisance.stage.asking("/health/live"))
    await _until_closed(reader, HELD_S)


async def _comes_and_goes(nuisance: Nuisance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(nuisance.stage.asking("/v1/events/stream"))
    await _until_closed(reader, BRIEFLY_S)


async def _reads_nothing(nuisance: Nuisance, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Leaves what comes in the socket, so that the other side cannot go on sending."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport reads
    writer.write(nuisance.stage.asking("/v1/events/stream?after=0"))
    await asyncio.sleep(UNREAD_S)


MISDEEDS: tuple[Misdeed, ...] = (
    _half_a_head,
    _comes_and_goes,
    _half_a_body,
    _hangs_up_in_a_body,
    _hangs_up_on_the_answer,
    _noise,
    _asks_much_at_once,
    _idles,
    _speaks_tls,
    _reads_nothing,
)
