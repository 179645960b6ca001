"""The transport as uvicorn's protocol sees it: what it writes passes by us, and reading is paused for us too."""

import asyncio
from typing import Any, Protocol


class Relayed(Protocol):
    """The connection that stands between the socket and uvicorn; `ending`: it says no more."""

    ending: bool

    def pause_inner(self) -> None:
        """Nothing more can be taken by uvicorn just now: it has enough of a body that nobody reads."""
        ...

    def resume_inner(self) -> None:
        """More can be taken."""
        ...

    def close(self) -> None:
        """No more is wanted of the connection."""
        ...


class Relay(asyncio.Transport):
    """Everything goes to the socket's own transport, but what says how fast to read and when to end."""

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
        """See WriteTransport; what comes after the end was for nobody."""
        if not self.is_closing():
            self._to.write(data)
