"""The connection of the current request, for the code that answers it."""

from contextvars import ContextVar
from typing import Protocol

from starlette.types import Message, Send


class Answering(Protocol):
    """A connection that waits for an answer."""

    def begins(self) -> None:
        """Called when work on the request begins and its headers are read."""
        ...

    def starts(self) -> list[tuple[bytes, bytes]]:
        """Called when an answer begins. Returns the headers that it needs besides its own."""
        ...

    def sends(self, size: int) -> None:
        """Reports how many bytes of the answer wait to be sent; 0 once they are."""
        ...

    def answered(self) -> None:
        """Called when the whole answer is sent."""
        ...


CURRENT: ContextVar[Answering | None] = ContextVar("connection", default=None)


def reporting(connection: Answering, send: Send) -> Send:
    """A `send` that reports the beginning and the end of the answer to the connection."""

    async def send_and_report(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", [])
            more = [header for header in connection.starts() if header not in headers]
            message = {**message, "headers": [*headers, *more]} if more else message
            await send(message)
            return
        connection.sends(len(message.get("body", b"")))
        try:
            await send(message)
        finally:
            connection.sends(0)
        if not message.get("more_body", False):
            connection.answered()

    return send_and_report
