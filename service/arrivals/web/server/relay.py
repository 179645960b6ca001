"""The transport as uvicorn's protocol sees it: the connection decides when to pause reading and when to end."""

import asyncio
from typing import Any, Protocol


class Relayed(Protocol):
    """The connection between the socket and uvicorn; `ending`: it sends nothing more."""

    ending: bool

    def pause_inner(self) -> None:
        """Called when uvicorn can take no more just now: it holds enough of a body that is not read."""
        ...

    def resume_inner(self) -> None:
        """Called when uvicorn can take more."""
        ...

    def close(self) -> None:
        """Closes the connection."""
        ...


class Relay(asyncio.Transport):
    """Passes everything to the socket's own transport, except pausing, resuming and closing."""

    def __init__(self, transport: asyncio.Transport, connection: Relayed) -> None:
        super().__init__()
        self._to, self._connection = transport, connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See BaseTransport."""
        return self._to.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """See BaseTransport."""
        return self._connection.ending or self._to.is_closing()

    def close(self) -> None:
        """See BaseTransport."""
        self._connection.close()

    def abort(self) -> None:
        """See WriteTransport."""
        self._to.abort()

    def pause_reading(self) -> None:
        """See ReadTransport."""
        self._connection.pause_inner()

    def resume_reading(self) -> None:
        """See ReadTransport."""
        self._connection.resume_inner()

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """See WriteTransport; what comes after the end is dropped."""
        if not self.is_closing():
            self._to.write(data)
