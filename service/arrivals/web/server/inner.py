"""uvicorn's side of a connection: protocols made from their three arguments and driven as asyncio drives any."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from arrivals.web.server.current import CURRENT, Answering


class Inner:
    """Two protocols for the same connection, which get whole requests, one at a time.

    The faster one loses the body after an offer of another protocol, and answers HTTP/1.0 in chunks, which it does not
    have. The other one does neither; it is made on demand. Java's own client offers HTTP/2 with every request over
    http://.
    """

    def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
        self._options = {"config": config, "server_state": server_state, "app_state": app_state}
        self.protocols: list[asyncio.Protocol] = [HttpToolsProtocol(**self._options)]

    def made(self, transport: asyncio.Transport) -> None:
        """Called when the connection is made."""
        self._transport = transport
        self.protocols[0].connection_made(transport)

    def lost(self, error: Exception | None) -> None:
        """Called when the connection is lost."""
        for protocol in self.protocols:
            protocol.connection_lost(error)

    def take(self, piece: bytes, connection: Answering, *, unusual: bool) -> None:
        """Passes on more of a request; the code that answers it finds the connection in `CURRENT`."""
        if unusual and len(self.protocols) == 1:
            self.protocols.append(H11Protocol(**self._options))
            self.protocols[1].connection_made(self._transport)
        token = CURRENT.set(connection)
        try:
            self.protocols[int(unusual)].data_received(piece)
        finally:
            CURRENT.reset(token)

    def pause(self) -> None:
        """Called when the peer does not take at once what is written."""
        for protocol in self.protocols:
            protocol.pause_writing()

    def resume(self) -> None:
        """Called when the peer has taken all of it."""
        for protocol in self.protocols:
            protocol.resume_writing()
