"""One connection: whole heads, one request at a time, bounds on all that comes in and on all that is not taken.

It stands between the socket and uvicorn's protocol and passes bytes on as they came; of uvicorn it uses the protocol's
class, its three arguments, and what asyncio expects of any protocol. The code that answers a request reports when the
answer is sent (`current.py`), so the connection knows what it waits for. Small webhooks go to the handler instead.
"""

import asyncio
from math import inf
from typing import Any

from starlette.responses import Response

from arrivals.web.callbacks import CallbackHandler, Webhook
from arrivals.web.errors import Problem
from arrivals.web.request_body import HELD
from arrivals.web.server import limits
from arrivals.web.server.answer import CLOSE, written
from arrivals.web.server.body import Body
from arrivals.web.server.connection_limit import Activity, Places
from arrivals.web.server.head import BLANK, END, Head, read_head
from arrivals.web.server.inner import Inner
from arrivals.web.server.relay import Relay


class Connection(asyncio.Protocol):
    """One connection of a server. It waits for a head, for a body, for an answer, or for one to be taken."""

    places: Places  # both set on a class that is made for one server
    handler: CallbackHandler | None = None

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        self._loop: asyncio.AbstractEventLoop = _loop or asyncio.get_running_loop()
        self._inner = Inner(config, server_state, app_state)
        self._data = b""  # what was not taken yet
        self._counted = 0  # bytes of it, counted towards what all connections may hold
        self._head: Head | None = None  # of the request under way
        self._body = Body(0)  # the part of it that is still to come
        self._begun = self._started = False  # work on it, and its answer
        self._paused = False  # uvicorn has enough of a body that is not read
        self._unread = self._sending = 0  # bytes of answers that its peer does not take, here and on the way
        self._last = False  # there are no further requests after this one
        self.ending = False  # nothing is taken any more
        self._since, self._came = 0.0, 0  # the beginning of a wait, and the bytes that came since
        self.standing, self.deadline = Activity.WAITING, inf

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn itself
        """Takes a place, and waits for a head."""
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # reports every answer that is not taken at once
        self._inner.made(Relay(transport, self))
        self._wait(limits.HEAD_S)
        self.places.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leaves the place."""
        self.ending = True
        self._keep(b"")
        self._forget_unread()
        self.places.leave(self)
        self._inner.lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came, as far as it can be taken now."""
        served = self._head is not None and self._body.whole
        if not self.ending and not (self._last and served):
            self._came += len(data)
            self._data = self._data + data if self._data else data
            self._go_on()

    def pause_writing(self) -> None:
        """Called when an answer is not taken at once."""
        self._unread = self._transport.get_write_buffer_size()
        self._wait(limits.GRACE_S + self._unread / limits.SLOWEST_BYTES_PER_S, Activity.UNREAD)
        self._inner.pause()
        self.places.unread(self, self._unread)

    def resume_writing(self) -> None:
        """Called when all that was written is taken."""
        lying, self._unread = self._unread, 0
        self.places.unread(self, -lying)
        self._stand()
        self._inner.resume()
        self._loop.call_soon(self._go_on)

    def pause_inner(self) -> None:
        """See Relayed."""
        self._paused = True
        self._stand()

    def resume_inner(self) -> None:
        """See Relayed. Continues later: uvicorn is in the midst of something."""
        if self._paused:
            self._paused = False
            self._stand()
            self._loop.call_soon(self._go_on)

    def close(self) -> None:
        """See Relayed. First answers what uvicorn does not have: a webhook, or a request that has begun to come."""
        if self._data if self._head is None else self._head.webhook is not None:
            self._last = True
        else:
            self._hang_up()

    def begins(self) -> None:
        """See Answering. Until the headers are read, trailers of a body in chunks could be taken for headers."""
        if not self._begun:
            self._begun = True
            self._loop.call_soon(self._go_on)

    def starts(self) -> list[tuple[bytes, bytes]]:
        """See Answering. An answer before the end of the body is the last."""
        self._started = True
        return [] if self._body.whole and not self._last else [CLOSE]

    def sends(self, size: int) -> None:
        """See Answering. Bytes that wait to be sent to a peer that takes nothing count as unread."""
        more, self._sending = size - self._sending, size
        self.places.unread(self, more)

    def answered(self) -> None:
        """See Answering."""
        if self.ending:
            return
        if self._last or not self._body.whole:
            self._hang_up()
            return
        self._head, self._started = None, False
        self._stand()
        if self._data:
            self._loop.call_soon(self._go_on)

    def make_room(self) -> None:
        """See Placed."""
        if self._unread or self._sending:
            self._forget_unread()
            self._transport.abort()
        else:
            self._hang_up()

    def overdue(self) -> None:
        """See Placed."""
        if self._unread or self.ending:
            self._transport.abort()
        elif self.standing is Activity.IDLE:
            self._hang_up()
        else:
            self._refuse(limits.TOO_SLOW)

    # taking what came

    def _go_on(self) -> None:
        while self._data and not self.ending and self._step():
            pass
        if self.ending:
            return
        waits = self._head is not None and self._serves
        if waits and self._body.whole and len(self._data) > limits.HEAD_MAX_BYTES:
            self._data, self._last = b"", True  # a peer that sends so much ahead is served no further
        enough = bool(self._data) and (waits or self._unread > 0)
        if enough and self._transport.is_reading():
            self._transport.pause_reading()
        elif not enough and not self._transport.is_reading():
            self._transport.resume_reading()
        self._keep(self._data)

    def _step(self) -> bool:
        """Takes a head, or more of a body. Returns True if there may be more to take."""
        if self._head is None:
            return not self._unread and self._take_head()
        if self._serves:
            return False  # the data is of the next request, or of a body that is not read yet
        if self._head.webhook is not None:
            return self._take_webhook(self._head)
        return self._feed(self._body.piece_of(self._data))

    def _take_head(self) -> bool:
        if self._data[0] in BLANK:
            self._data = self._data.lstrip(BLANK)  # as RFC 9112 section 2.2 recommends
        end = self._data.find(END, 0, limits.HEAD_MAX_BYTES)
        if end < 0:
            if len(self._data) >= limits.HEAD_MAX_BYTES:
                self._refuse(limits.TOO_LARGE)
            elif self._data and self.standing is Activity.IDLE:
                self._wait(limits.HEAD_S)
            return False
        head = read_head(self._data[: end + len(END)])
        if head is None:
            self._wait(limits.GRACE_S)
            self._feed(len(self._data))  # uvicorn reports what is wrong with it, and closes
            self.ending = True
            return False
        self._head, self._body, self._started, self._begun = head, Body(head.length), False, head.length is not None
        self._since, self._came = self._loop.time(), 0
        if head.webhook is not None and self.handler is not None and (head.length or 0) <= self.handler.max_bytes:
            self._data = self._data[end + len(END) :]
            return self._expect_webhook(self.handler, head, head.webhook)
        head.webhook = None
        return self._feed(end + len(END))

    def _feed(self, size: int) -> bool:
        """Passes so many bytes to uvicorn. Returns True if there were any."""
        piece, self._data = self._data[:size], self._data[size:]
        if size:
            self._inner.take(piece, self, unusual=self._head is not None and self._head.unusual)
            self._stand()
        return size > 0

    def _expect_webhook(self, handler: CallbackHandler, head: Head, address: tuple[str, str]) -> bool:
        """Opens the token before the body is awaited: a call to an unknown address is not read."""
        try:
            self._addressee = handler.addressee(*address)
        except Exception as error:  # noqa: BLE001 - one of the places where errors become answers
            self._answer(handler.refuse(error))
            return False
        return self._take_webhook(head)

    def _take_webhook(self, head: Head) -> bool:
        size = head.length or 0
        if len(self._data) >= size and self.handler is not None:
            body, self._data = self._data[:size], self._data[size:]
            self._body = Body(0)
            self.handler.put(Webhook(self._addressee, head.headers, body, self._answer, "fast"))
        self._stand()
        return False

    @property
    def _serves(self) -> bool:
        """True if nothing more is to come of the current request, or nothing would take it just now."""
        return self._body.whole or self._paused or not self._begun

    # answering, waiting and ending

    def _answer(self, answer: Response) -> None:
        """Answers the current webhook."""
        if self.ending or self._head is None:
            return
        closes = self._last or not self._body.whole
        self._transport.write(written(answer, closes=closes))
        self._last = closes or CLOSE in answer.raw_headers
        self.answered()

    def _refuse(self, why: Problem) -> None:
        """Hangs up; with an answer, unless another has begun."""
        if not self.ending and not self._started and not (self._head is not None and self._body.whole):
            self._transport.write(written(why.response()))
        self._hang_up()

    def _hang_up(self) -> None:
        """Sends no more. What the peer still sends is read for a moment, or it would not see the answer."""
        if self.ending:
            return
        self.ending = True
        lingers = self._head is not None and not self._body.whole
        self._keep(b"")
        if not lingers:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()
        if not self._unread:
            self._wait(limits.LINGER_S if lingers else limits.GRACE_S)
        if not self._transport.is_reading() and lingers:
            self._transport.resume_reading()

    def _stand(self) -> None:
        """Determines what the connection waits for now."""
        if self._unread or self.ending:
            return
        if self._head is None:
            if self.standing is not Activity.IDLE and not (self._data and self.standing is Activity.WAITING):
                self._wait(limits.KEEP_ALIVE_S, Activity.IDLE)
        elif self._serves:  # if the body is not read, the delay is ours
            self._since, self._came = self._loop.time(), 0
            self._move(inf, Activity.WORKING)
        else:
            self._move(self._since + limits.GRACE_S + self._came / limits.SLOWEST_BYTES_PER_S, Activity.WAITING)

    def _wait(self, seconds: float, standing: Activity = Activity.WAITING) -> None:
        self._since, self._came = self._loop.time(), 0
        self._move(self._since + seconds, standing)

    def _move(self, deadline: float, standing: Activity) -> None:
        self.deadline = deadline
        if standing is not self.standing:
            self.places.move(self, standing)

    def _keep(self, data: bytes) -> None:
        """Counts the kept bytes towards what all connections may hold; refuses where that is too much."""
        self._data = data
        if len(data) == self._counted:
            return
        try:
            HELD.change(len(data) - self._counted)
            self._counted = len(data)
        except Problem as busy:
            self._refuse(busy)

    def _forget_unread(self) -> None:
        lying, self._unread, self._sending = self._unread + self._sending, 0, 0
        self.places.unread(self, -lying)
