"""Connections that cost their peer nothing cost us little: bounded in number, in the bytes of a head, and in its time.

uvicorn closes a kept connection that idles, and waits for ever for the first request of a new one, and for the rest of
a head; nothing bounds how large a head may be. Bodies are bounded where they are read (`intake.py`).
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
import resource
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger()

HEAD_MAX_BYTES = 64 * 1024  # and what is read in one go with the last of them
HEAD_S = 10.0  # from the connection, or from the first byte of a further request
MOST = 8192
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def most_connections() -> int:
    """Half of the files that this process may have open; the others are for the store and for calls outward."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)


class Guarded(HttpToolsProtocol):
    """One connection."""

    places: "Places"  # of a class made for one server
    _in_head: bool

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn itself
        """Take a place, and wait for a head for a bounded time."""
        super().connection_made(transport)
        self._in_head, self._read, self._told = True, 0, 0
        self._patience: TimerHandle | None = self.loop.call_later(HEAD_S, self._too_slow)
        self.places.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place."""
        self._wait_no_more()
        self.places.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is whole."""
        self._read += len(data)
        super().data_received(data)
        if not self._in_head or not self._read:
            return
        if self._read > HEAD_MAX_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._patience is None:
            self._patience = self.loop.call_later(HEAD_S, self._too_slow)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._told = True, 0
        self.places.used(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of a head, or of what comes behind a body in chunks. Raises ValueError, which the parser makes a 400 of."""
        self._told += len(name) + len(value)
        if self._told > 2 * HEAD_MAX_BYTES:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: whoever reads the body has a patience of its own."""
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes now is another head."""
        self._in_head, self._read = True, 0
        super().on_message_complete()

    @property
    def idle(self) -> bool:
        """Nobody here works on a request of it."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def make_room(self) -> None:
        """Close it: somebody else needs the place."""
        self.transport.close()

    def _too_slow(self) -> None:
        self._patience = None
        if self.idle:
            self._refuse(_TOO_SLOW)
        else:  # an answer to an earlier request is under way
            self._patience = self.loop.call_later(HEAD_S, self._too_slow)

    def _refuse(self, answer: bytes) -> None:
        self._wait_no_more()
        if not self.transport.is_closing():
            if self.idle:
                self.transport.write(answer)
            self.transport.close()

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class Places:
    """So many connections and no more: a new one takes the place of the one that has been idle for longest."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: dict[Guarded, None] = {}  # the one that was used last stands last

    def enter(self, connection: Guarded) -> None:
        """Give it a place; where everybody is busy, it is closed again."""
        self._taken[connection] = None
        if len(self._taken) > self.most:
            leaving = next((one for one in self._taken if one.idle), connection)
            self.leave(leaving)
            leaving.make_room()

    def used(self, connection: Guarded) -> None:
        """It said something."""
        if connection in self._taken:
            del self._taken[connection]
            self._taken[connection] = None

    def leave(self, connection: Guarded) -> None:
        """It is gone."""
        self._taken.pop(connection, None)


def guarded(most: int | None = None) -> Callable[..., Any]:
    """The protocol class of one server."""
    return type("GuardedServer", (Guarded,), {"places": Places(most_connections() if most is None else most)})
