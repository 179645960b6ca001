"""Small webhooks, as nearly all are, are taken where they are parsed, and answered from there.

For any request uvicorn makes a scope, a cycle, a task and four messages, which is more work than a webhook itself asks
for. Here a webhook goes to the door as it was parsed, and uvicorn's part begins only for what is none, or turns out to
be large; offers of other protocols are declined on the way. This leans on how uvicorn's protocol keeps a connection:
`cycle`, `flow`, `pipeline` and its `on_…` methods.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from starlette.responses import Response
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.web.callbacks import KEPT, Door, Letter, addressed

CLOSE = (b"connection", b"close")
CRUMBS = 64  # pieces of a body that are kept as they came; each costs more than the few bytes it may hold


class Taken:
    """A webhook on its way, in the place of uvicorn's cycle, behind which waits what else the connection says."""

    message_event = asyncio.Event()  # uvicorn sets it; nobody waits for it
    waiting_for_100_continue = False
    disconnected = False
    keep_alive = True
    response_started = response_complete = False

    def __init__(self, provider: str, token: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.provider, self.token, self.headers = provider, token, headers
        self.size, self.parts = 0, list[bytes]()

    @property
    def outgrown(self) -> bool:
        """It is not small, or will not be, or comes in crumbs."""
        declared = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        return max(self.size, declared) > HIGH_WATER_LIMIT or len(self.parts) > CRUMBS


class Doorstep(HttpToolsProtocol):
    """One connection, at which webhooks are taken if the application is a door."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self._door = self.app if isinstance(self.app, Door) else None
        self._coming: Taken | None = None  # the webhook that is being parsed
        self._offered = False  # another protocol

    @property
    def idle(self) -> bool:
        """Nobody here works on a request of it."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def data_received(self, data: bytes) -> None:
        """Parse; what is not small is uvicorn's, which waits when too much has come that nobody reads."""
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        coming = self._coming
        if coming is not None and coming.outgrown:
            self.cycle = self._coming = None  # type: ignore[assignment]  # as before the first
            self.headers = coming.headers
            self._hand_over()
            self.cycle.keep_alive &= coming.keep_alive  # the server may be ending
            super().on_body(b"".join(coming.parts))

    def on_message_begin(self) -> None:
        """A request begins; uvicorn hears of it when it is known whose it is."""
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._offered = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._offered:
            return
        address = addressed(self.url) if self._door is not None and self._plain() else None
        if address is None:
            self._hand_over()
        else:
            self.cycle = self._coming = Taken(*address, self.headers)  # type: ignore[assignment]
            self.headers = []  # what comes behind the body is none of them

    def on_body(self, body: bytes) -> None:
        """More of a body."""
        if self._coming is None:
            super().on_body(body)
        else:
            self._coming.size += len(body)
            self._coming.parts.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._offered:
            return
        taken, self._coming = self._coming, None
        if taken is None or self._door is None:
            super().on_message_complete()
            return
        body = b"".join(taken.parts)
        self._door.put(Letter(taken.provider, taken.token, taken.headers, body, partial(self._answer, taken)))

    def _plain(self) -> bool:
        """Nothing about it asks for more than to be taken and answered."""
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and self.idle
            and parser.should_keep_alive()
            and parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not self.flow.write_paused
        )

    def _parse(self, data: bytes | memoryview) -> None:
        """Raises HttpParserError. A parser stops behind a head that offers another protocol."""
        while True:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as error:
                if not self._offered:
                    return
                data = memoryview(data)[error.args[0] :]
                self._decline()
            else:
                return

    def _decline(self) -> None:
        """Read the head again, as if it made no offer; with one, its body would be taken for the other protocol.

        Java's own client offers HTTP/2 with every request that goes over http://.
        """
        kept = b"".join([b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"])
        version = self.parser.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, kept)
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.parser.feed_data(head)

    def _hand_over(self) -> None:
        """Let uvicorn do what it would have done by now."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the scope has this very list
        super().on_headers_complete()

    def _answer(self, taken: Taken, answer: Response) -> None:
        if taken.response_complete:
            return  # whatever befell it afterwards
        taken.response_started = taken.response_complete = True
        if self.transport.is_closing():
            return
        more = self.server_state.default_headers
        closes = CLOSE in answer.raw_headers
        if not taken.keep_alive and not closes:
            closes, more = True, [*more, CLOSE]
        self.transport.write(_kept(*more) if answer is KEPT else written(answer, more))
        if closes:
            self.transport.close()
        self.on_response_complete()


@lru_cache(maxsize=4)
def _kept(*more: tuple[bytes, bytes]) -> bytes:
    """What nearly everybody is told; it changes once a second, with the date."""
    return written(KEPT, more)


def written(answer: Response, more: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A whole answer as it goes out."""
    told = b"".join([b"%b: %b\r\n" % header for header in (*more, *answer.raw_headers)])
    return STATUS_LINE[answer.status_code] + told + b"\r\n" + bytes(answer.body)
