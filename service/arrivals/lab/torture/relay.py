"""A TCP relay on loopback that can fall silent: connections stay open, new ones are taken, and nothing passes on."""

import asyncio
from typing import Self

from arrivals.lab.processes import free_port

PART = 65536


class Relay:
    """Relays from a port of its own to another; what comes while it is silent waits."""

    def __init__(self, to_port: int) -> None:
        self.port, self._to_port = free_port(), to_port
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listens."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes every connection."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def fall_silent(self) -> None:
        """Lets nothing pass from here on, not even the end of a connection."""
        self._speaks.clear()

    def go_on(self) -> None:
        """Lets everything pass again, and first what waited."""
        self._speaks.set()

    def hang_up(self) -> None:
        """Drops every connection, and what waited with it; new connections are served."""
        for task in self._tasks:
            task.cancel()
        self._speaks.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            await self._speaks.wait()
            back, forth = await asyncio.open_connection("127.0.0.1", self._to_port)
            ends.append(forth)
            await asyncio.gather(self._pass_on(reader, forth), self._pass_on(back, writer))
        except OSError:
            pass  # who is away is away for the other side too
        finally:
            for end in ends:
                end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PART):
            await self._speaks.wait()
            if writer.is_closing():
                return
            writer.write(piece)
            await writer.drain()
        await self._speaks.wait()
        if not writer.is_closing():
            writer.write_eof()
