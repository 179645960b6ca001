"""Carries bells between processes by PostgreSQL's LISTEN and NOTIFY: hints only, so nothing here is ever waited for.

A server, or a pooler before it, that does not know them is fine: every worker looks by itself after its interval.
"""

import asyncio
from collections.abc import Awaitable, Callable
import os

import psycopg
import structlog

log = structlog.get_logger()

CHANNEL = "arrivals"
PAUSE_S = 0.02  # what rings meanwhile is told together; a notification takes a lock of the whole server
AGAIN_S = 5.0
OURS_ALONE = "freed:"  # bells about this process's own places


class Messenger:
    """`send` tells the others, `ring` is called for what they tell."""

    def __init__(self, url: str, ring: Callable[[str], None]) -> None:
        self._url, self._ring = url, ring
        self._origin = os.urandom(6).hex()
        self._waiting: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Listen and speak, until `stop`."""
        for work in (self._listen, self._speak):
            self._tasks.append(asyncio.create_task(self._again_and_again(work)))

    async def stop(self) -> None:
        """End both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def send(self, bell: str) -> None:
        """Tell every other process, soon."""
        if not bell.startswith(OURS_ALONE):
            self._waiting.add(bell)
            self._wake.set()

    async def _again_and_again(self, work: Callable[[psycopg.AsyncConnection], Awaitable[None]]) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await work(connection)
            except (psycopg.Error, OSError) as error:
                log.info("bells_not_carried", because=str(error), again_in_s=AGAIN_S)
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        async for notification in connection.notifies():
            origin, _, bells = notification.payload.partition(" ")
            if origin != self._origin:
                for bell in bells.split():
                    self._ring(bell)

    async def _speak(self, connection: psycopg.AsyncConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            bells, self._waiting = self._waiting, set()
            told = " ".join([self._origin, *sorted(bells)])
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, told))
            await asyncio.sleep(PAUSE_S)
