"""Events as they are announced, over server-sent events, across disconnections.

The law: an event is handed out once its block has come whole; the cursor moves with it; a new connection begins behind
the cursor. So there is no gap and no repeat, wherever a connection breaks.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
import random
import time
from types import TracebackType
from typing import NamedTuple, Self, cast

import httpx

from arrivals.client.http import ServiceError, Unreachable
from arrivals.client.models import Event
from arrivals.core.backoff import backoff_s
from arrivals.core.sse import Parser, ServerSentEvent
from arrivals.core.wire import from_json

MAX_EVENT_BYTES = 64 * 1024 * 1024
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 10.0
SERVICE_FAULT = 500  # from here on it may work the next time
TOO_MANY = 429
_RANDOM = random.SystemRandom()

Connect = Callable[[str | None], httpx.Response]


class Heard(NamedTuple):
    """An event, and the cursor behind it: where to go on later."""

    cursor: str
    event: Event


class Stream:
    """An iterator of events that connects again when it must. `cursor`: behind the last event that was handed out.

    It is connected when it is made, so that nothing announced from then on is missed; raises Unreachable and
    ServiceError there. Later it tries again without end, unless the service refuses (a wrong key, say).
    `until`: ends behind that cursor. `on_lost` hears why a connection broke, `on_back` that there is one again.
    """

    def __init__(
        self,
        connect: Connect,
        cursor: str | None,
        *,
        until: str | None = None,
        on_lost: Callable[[Exception], None] | None = None,
        on_back: Callable[[], None] | None = None,
    ) -> None:
        self.cursor = cursor
        self._connect, self._until = connect, until
        self._on_lost, self._on_back = on_lost, on_back
        self._misses = 0
        self._closed = False
        self._response: httpx.Response | None = None
        self._events: Iterator[ServerSentEvent] = iter(())
        if not self._ended:
            self._open()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Heard:
        while not self._ended:
            try:
                heard = self._next()
            except httpx.HTTPError as error:
                self._resume(error)
                continue
            if heard is not None:
                self._misses = 0
                return heard
            self._resume(EOFError("the stream ended"))
        self.close()
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the iteration is over when somebody goes on with it."""
        self._closed = True
        if self._response is not None:
            self._response.close()
            self._response = None

    @property
    def _ended(self) -> bool:
        """Cursors are positions, and those of a filtered stream go up as well."""
        if self._until is None or self.cursor is None:
            return self._closed
        return self._closed or _position(self.cursor) >= _position(self._until)

    def _next(self) -> Heard | None:
        for event in self._events:
            if event.id is not None:
                self.cursor = event.id
            if event.data is not None:
                return Heard(self.cursor or "", cast("Event", from_json(event.data)))
        return None

    def _open(self) -> None:
        """Connect, and hear the first block: it says where the stream begins."""
        self._response = self._connect(self.cursor)
        self._opened_at = time.monotonic()
        events = events_of(self._response.iter_bytes())
        try:
            first = next(events)
        except (httpx.HTTPError, StopIteration) as error:
            self._response.close()
            raise Unreachable(str(self._response.url), str(error) or type(error).__name__) from error
        if first.data is None:
            self.cursor = first.id or self.cursor
            self._events = events
        else:
            self._events = chain([first], events)

    def _resume(self, lost: Exception) -> None:
        if self._response is not None:
            self._response.close()
        if time.monotonic() - self._opened_at > LONGEST_WAIT_S:
            self._misses = 0  # it did hold; only nothing happened
        if self._on_lost is not None:
            self._on_lost(lost)
        while True:
            time.sleep(_wait_s(self._misses))
            self._misses += 1
            try:
                self._open()
            except Unreachable:
                continue
            except ServiceError as error:
                if error.status < SERVICE_FAULT and error.status != TOO_MANY:
                    raise
                continue
            if self._on_back is not None:
                self._on_back()
            return


def _position(cursor: str) -> int:
    return int(cursor.rpartition("-")[2])


def _wait_s(misses: int) -> float:
    """The pause before the next try: none at first, then ever longer, and not the same for all clients."""
    if misses == 0:
        return 0.0
    return _RANDOM.uniform(0.5, 1.0) * backoff_s(misses - 1, first_s=FIRST_WAIT_S, max_s=LONGEST_WAIT_S)


def events_of(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """The events of a stream that have come whole. Raises TooLong."""
    parser = Parser(MAX_EVENT_BYTES)
    for chunk in chunks:
        yield from parser.feed(chunk)
