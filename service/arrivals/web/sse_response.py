"""Answers that are endless streams of server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncIterator, Callable

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from arrivals.web.endpoint import Streaming

SLOWEST_S = 30.0  # a reader that needs longer for one block is dropped; it connects again
RETRY = "retry: 1000\n"  # milliseconds until it does
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class SseResponse(Streaming):
    """An endless stream; a reader that does not take what it is sent is dropped."""

    def __init__(self, pages: AsyncIterator[bytes], over: Callable[[], None]) -> None:
        super().__init__(pages, self._over, headers=HEADERS, media_type="text/event-stream")
        self._report_over = over

    async def _over(self) -> None:
        self._report_over()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streams the response; bounds the time of each block."""

        async def send_in_time(message: object) -> None:
            with anyio.fail_after(SLOWEST_S):
                await send(message)  # type: ignore[arg-type]  # passed on as it came

        try:
            await super().__call__(scope, receive, send_in_time)
        except (TimeoutError, ClientDisconnect):
            return
        finally:
            self._report_over()
