"""Readers of server-sent events over raw connections; each checks that it misses none and sees none twice."""

import asyncio
from collections.abc import Callable
import re
from time import perf_counter

END = b"\n\n"
POSITION = re.compile(rb"\nid: (?:[0-9a-f]+-)?(\d+)\n")

Heard = Callable[[bytes, float], None]  # whole events, and when they came


class Reader(asyncio.Protocol):
    """A reader of the stream. `heard`, if set, receives every event: that costs more than counting them."""

    def __init__(self, request: bytes, heard: Heard | None = None) -> None:
        self.position = self.read = self.skipped = self.doubled = 0
        self.last_at = 0.0
        self.answered = asyncio.Event()
        self.closed = False
        self._request, self._heard = request, heard
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the request at once."""
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]  # a stream's protocol is given a stream's transport

    def data_received(self, data: bytes) -> None:
        """Checks that the positions follow one another without a gap."""
        self.answered.set()
        data = self._rest + data if self._rest else data
        whole = data.rfind(END)
        if whole < 0:
            self._rest = data
            return
        # The line's end before the next event stays with it, so that every position stands between two.
        events, self._rest = data[: whole + 1], data[whole + 1 :]
        position, positions = self.position, POSITION.findall(events)
        for text in positions:
            number = int(text)
            if number == position + 1:
                position = number
            elif number > position:
                self.skipped += number - position - 1
                position = number
            elif number:  # 0 stands before the first event
                self.doubled += 1
                self.read -= 1
            else:
                self.read -= 1
        self.position = position
        self.read += len(positions)
        self.last_at = perf_counter()
        if self._heard is not None:
            self._heard(events, self.last_at)

    def connection_lost(self, _error: Exception | None) -> None:
        """Does not resume: a stream that ends early shows as skipped events."""
        self.closed = True
        self.answered.set()

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.close()


async def opened(port: int, request: bytes, count: int, heard: Heard, sampled: int) -> list[Reader]:
    """Opens `count` readers and waits until all are being answered; one in `sampled` reports every event."""
    loop = asyncio.get_running_loop()
    readers: list[Reader] = []
    for number in range(count):
        reader = Reader(request, heard if number % sampled == 0 else None)
        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)  # type: ignore[misc]
        readers.append(reader)
    for reader in readers:
        await reader.answered.wait()
    return readers
