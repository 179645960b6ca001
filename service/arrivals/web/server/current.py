"""Which connection the request under way came by, for whoever answers it."""

from contextvars import ContextVar
from typing import Protocol

from starlette.types import Message, Send


class Answering(Protocol):
    """A connection that waits for an answer."""

    def begins(self) -> None:
        """Somebody has the request's headers and begins to work on it."""
        ...

    def starts(self) -> list[tuple[bytes, bytes]]:
        """An answer begins; the headers that it needs besides its own."""
        ...

    def sends(self, size: int) -> None:
        """So many bytes of it wait to be sent; 0 when they are."""
        ...

    def answered(self) -> None:
        """All of the answer is given."""
        ...


CURRENT: ContextVar[Answering | None] = ContextVar("connection", default=None)


def reporting(connection: Answering, send: Send) -> Send:
    """Sends, and tells the connection when the answer begins and when it is given."""

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
