"""Carries signals between processes by PostgreSQL's LISTEN and NOTIFY: hints only, so nothing ever waits for them.

A server, or a pooler in front of it, without them is fine: every worker checks for work after its interval. The
listening connection is queried now and then, so that a silent one is noticed and replaced.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import os
from typing import Any

import anyio
import psycopg
import structlog

from arrivals.store.engine.base import Unavailable
from arrivals.store.engine.signals import Signal
from arrivals.store.engine.silence import answered_within, hang_up

log = structlog.get_logger()

CHANNEL = "arrivals"
SIGNALS = frozenset(signal.value for signal in Signal)
PAUSE_S = 0.02  # signals of this time are sent together; a notification takes a server-wide lock
AGAIN_S = 5.0
ASK_EVERY_S, ANSWER_S = 15.0, 5.0  # else a listener would wait forever on a silent connection


class SignalListener:
    """`send` notifies the other processes; `notify` is called with the signals that they send."""

    def __init__(self, url: str, notify: Callable[[Signal], None]) -> None:
        self._url, self._notify = url, notify
        self._origin = os.urandom(6).hex()
        self._waiting: set[Signal] = set()
        self._wake = asyncio.Event()
        self._work = anyio.CancelScope()
        self._lines: set[psycopg.AsyncConnection] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listens and sends until `stop`."""
        self._task = asyncio.create_task(self._both())

    async def stop(self) -> None:
        """Ends both, whatever they are waiting for."""
        self._work.cancel()
        for line in self._lines:
            hang_up(line)
        if self._task is not None:
            await asyncio.wait([self._task])

    def send(self, signal: Signal) -> None:
        """Notifies every other process, soon."""
        self._waiting.add(signal)
        self._wake.set()

    async def _both(self) -> None:
        with self._work:
            async with anyio.create_task_group() as group:
                for work in (self._listen, self._send_signals):
                    group.start_soon(self._run_forever, work)

    async def _run_forever(self, work: Callable[[psycopg.AsyncConnection], Awaitable[None]]) -> None:
        while True:
            try:
                async with self._line() as line:
                    await work(line)
            except (psycopg.Error, OSError, Unavailable) as error:
                log.info("notify_failed", reason=str(error), again_in_s=AGAIN_S)
            await anyio.sleep(AGAIN_S)

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[psycopg.AsyncConnection]:
        line = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        self._lines.add(line)
        try:
            yield line
        finally:
            self._lines.discard(line)
            with anyio.CancelScope(shield=True):
                await line.close()  # does not wait for the server

    async def _listen(self, line: psycopg.AsyncConnection) -> None:
        await _execute(line, f"LISTEN {CHANNEL}")
        while True:
            async for notification in line.notifies(timeout=ASK_EVERY_S):
                origin, _, words = notification.payload.partition(" ")
                if origin != self._origin:
                    for signal in SIGNALS & set(words.split()):  # other releases may have others
                        self._notify(Signal(signal))
            await _execute(line, "SELECT 1")

    async def _send_signals(self, line: psycopg.AsyncConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            signals, self._waiting = self._waiting, set()
            payload = " ".join([self._origin, *sorted(signals)])
            await _execute(line, "SELECT pg_notify(%s, %s)", CHANNEL, payload)
            await anyio.sleep(PAUSE_S)


async def _execute(line: psycopg.AsyncConnection, statement: str, *values: Any) -> None:
    """Runs a statement, shielded: cancelling it would ask the server to end it. `stop` hangs up instead."""
    with anyio.CancelScope(shield=True), answered_within(ANSWER_S, line):
        await line.execute(statement, values)
