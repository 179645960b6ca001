"""The id of a request, in its log lines and its answer, and the time that it takes until its answer begins.

A caller or a proxy may name the id in `X-Request-Id`; what does not look like one is replaced. Webhooks have ids of
their own (`whk_…`), are measured where they are accepted, and do not pass here.
"""

from collections.abc import Iterable, MutableMapping
import re
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, unbind_contextvars

from arrivals.flow.context import Context
from arrivals.flow.measurements import REQUESTS

HEADER = b"x-request-id"
ROUTE = "arrivals.route"  # in the scope: the template of the path and the method, once they are matched
UNMATCHED = ("any", "none")  # words that a caller made up are no labels
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:=-]{0,127}")  # a UUID, a ULID, a trace: nothing that a log or a page reads


class Traced:
    """An ASGI application whose requests have ids."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request under its id."""
        request_id = self._id_of(scope.get("headers", ()))
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                labels = (*scope.get(ROUTE, UNMATCHED), f"{message['status'] // 100}xx")
                self._context.process.measurements.observe(REQUESTS, labels, time.perf_counter() - began)
                message = {**message, "headers": [*message.get("headers", ()), (HEADER, request_id.encode())]}
            await send(message)

        bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            unbind_contextvars("request_id", "key_id")

    def _id_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The id that the request brings, if it is a single one that looks like one; else a new one."""
        named = [value for name, value in headers if name == HEADER]
        if len(named) == 1 and _ID.fullmatch(named[0]):
            return named[0].decode()
        return self._context.make_id("req")


def note_route(scope: MutableMapping[str, Any], method: str, path: str) -> None:
    """Notes the route of a request, by which it is measured."""
    scope[ROUTE] = method, path


def note_key(key_id: str) -> None:
    """Adds the caller's key to the log lines of its request."""
    bind_contextvars(key_id=key_id)
