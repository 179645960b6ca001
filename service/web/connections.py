"""Connections that cost their peer nothing cost us little: bounded in number, in the bytes of a head, and in time.

uvicorn closes a kept connection that idles, and waits for ever for the first request of a new one, for the rest of a
head and for the rest of a body; nothing bounds how large a head may be. How large a body may be is for whoever reads it
(`intake.py`). A request that comes in one piece, as nearly all do, is never waited for, so it costs no timer.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
import resource
from typing import Any

import structlog

from service.web.doorstep import Doorstep, written
from service.web.errors import CLOSES, Problem

log = structlog.get_logger()

HEAD_MAX_BYTES = 64 * 1024  # and what is read in one go with the last of them
QUEUE_MOST = 256  # requests that wait behind one of the same connection
HEAD_S = 10.0  # from the connection, or from the first byte of a further request
GRACE_S = 20.0  # before a body must have come by at least so many bytes a second
SLOWEST_BYTES_PER_S = 64 * 1024
MOST = 8192
TOO_LARGE = Problem(431, "head_too_large", f"the headers are larger than {HEAD_MAX_BYTES} bytes", headers=CLOSES)
TOO_SLOW = Problem(408, "too_slow", "the request did not come in time; send it again", headers=CLOSES)


def most_connections() -> int:
    """Half of the files that this process may have open; the others are for the store and for calls outward."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)


class Guarded(Doorstep):
    """One connection. It waits for the rest of a head or of a body, or for nothing."""

    places: "Places"  # of a class made for one server

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn itself
        """Take a place, and wait for a head for a bounded time."""
        super().connection_made(transport)
        self._in_body, self._aside, self._arrived, self._since = False, 0, 0, 0.0
        self._patience: TimerHandle | None = self.loop.call_later(HEAD_S, self._too_slow)
        self.places.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place."""
        self._wait_no_more()
        self.places.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is no body, and wait for what is missing."""
        self._aside += len(data)
        super().data_received(data)
        if self._aside > HEAD_MAX_BYTES:
            self._refuse(TOO_LARGE)
        elif self._patience is None and (self._in_body or self._aside or self._kept_by_nobody):
            self._since = self.loop.time()
            self._patience = self.loop.call_later(GRACE_S if self._in_body else HEAD_S, self._too_slow)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.places.used(self)

    def on_headers_complete(self) -> None:
        """The head is whole. Raises ValueError, which the parser makes a 400 of, where much came in one go.

        Or where many requests wait behind one: whoever reads no answers could send them for ever.
        """
        if len(self.pipeline) >= QUEUE_MOST:
            raise ValueError("too many requests at once")
        if self._aside > HEAD_MAX_BYTES and self._told() > HEAD_MAX_BYTES:
            raise ValueError("too many headers")
        self._in_body, self._aside, self._arrived = True, 0, 0
        self._wait_no_more()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """More of a body: what frames it, and what comes behind it, is counted from here."""
        self._aside = 0
        self._arrived += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes now is another head."""
        self._in_body, self._aside = False, 0
        self._wait_no_more()
        super().on_message_complete()

    @property
    def _kept_by_nobody(self) -> bool:
        """Its answer was given before its body had come, with which uvicorn forgets how long it may idle."""
        return self.idle and self.timeout_keep_alive_task is None

    def make_room(self) -> None:
        """Close it: somebody else needs the place."""
        self._hang_up()

    def _too_slow(self) -> None:
        self._patience = None
        if self._in_body:
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:  # it is we who are slow
                self._since, self._arrived = self.loop.time(), 0
            left_s = self._since + GRACE_S + self._arrived / SLOWEST_BYTES_PER_S - self.loop.time()
        else:
            left_s = 0.0 if self.idle else HEAD_S  # an answer to an earlier request is under way
        if left_s > 0:
            self._patience = self.loop.call_later(left_s, self._too_slow)
        else:
            self._refuse(TOO_SLOW)

    def _refuse(self, why: Problem) -> None:
        """Hang up; with words where no answer has begun that they would fall into."""
        if not self.transport.is_closing():
            if self.idle or (self._in_body and not self.cycle.response_started and not self.pipeline):
                self.transport.write(written(why.response(), self.server_state.default_headers))
            self._hang_up()

    def _hang_up(self) -> None:
        """Close it; what is not taken in time is not waited for, or who reads nothing would keep us for ever."""
        self._wait_no_more()
        self.transport.close()
        self._patience = self.loop.call_later(GRACE_S, self.transport.abort)

    def _told(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

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
