"""Followers of the events: one reads the stream for as long as it lasts, one turns the pages of the list."""

import asyncio
import contextlib
from typing import Any

from arrivals.lab.bench.environment import Died, Stage
from arrivals.lab.bench.readers import Reader, opened

PAGE, WAIT_S = 200, 10
AGAIN_S = 0.5


class Followers:
    """Two followers, both from the first event on, so that each must see every event."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._stream: Reader | None = None
        self._pages: asyncio.Task[None] | None = None
        self._cursor, self._turned = "0", 0

    async def open(self) -> None:
        """Starts both."""
        request = self._stage.asking("/v1/events/stream?after=0")
        [self._stream] = await opened(self._stage.port, request, 1, lambda _events, _now: None, 2)
        self._pages = asyncio.create_task(self._turn())

    async def close(self) -> None:
        """Closes both."""
        if self._stream is not None:
            self._stream.close()
        if self._pages is not None:
            self._pages.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pages

    @property
    def position(self) -> int:
        """The number of events that the stream has shown."""
        return 0 if self._stream is None else self._stream.position

    @property
    def doubled(self) -> int:
        """The number of events that the stream repeated."""
        return 0 if self._stream is None else self._stream.doubled

    def skipped(self, events: int) -> int:
        """Returns how many of `events` events either follower has not seen."""
        jumped = 0 if self._stream is None else self._stream.skipped
        return jumped + (events - self.position) + (events - self._turned)

    def both_at(self, events: int) -> bool:
        """True when both have seen `events` events."""
        return min(self.position, self._turned) >= events

    async def _turn(self) -> None:
        while True:
            path = f"/v1/events?after={self._cursor}&limit={PAGE}&wait={WAIT_S}"
            try:
                page: dict[str, Any] = await self._stage.call("GET", path)
            except Died:  # whoever looks at the process knows whether it is that; a page that did not come comes again
                await asyncio.sleep(AGAIN_S)
                continue
            self._turned += len(page["data"])
            self._cursor = page["next"] or self._cursor
