"""uvicorn's side of a connection: protocols made by their three arguments and used as asyncio uses any."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from arrivals.web.server.current import CURRENT, Answering


class Inner:
    """Two readers of the same connection, which get whole requests, one at a time.

    The faster one loses the body behind an offer of another protocol, the other one does not; it is made when it is
    needed. Java's own client offers HTTP/2 with every request that goes over http://.
    """

    def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
        self._how = {"config": config, "server_state": server_state, "app_state": app_state}
        self.protocols: list[asyncio.Protocol] = [HttpToolsProtocol(**self._how)]

    def made(self, transport: asyncio.Transport) -> None:
        """The connection is made."""
        self._transport = transport
        self.protocols[0].connection_made(transport)

    def lost(self, error: Exception | None) -> None:
        """The connection is lost."""
        for protocol in self.protocols:
            protocol.connection_lost(error)

    def take(self, piece: bytes, connection: Answering, *, offers: bool) -> None:
        """More of a request. Whoever answers what it begins knows by which connection it came."""
        if offers and len(self.protocols) == 1:
            self.protocols.append(H11Protocol(**self._how))
            self.protocols[1].connection_made(self._transport)
        token = CURRENT.set(connection)
        try:
            self.protocols[int(offers)].data_received(piece)
        finally:
            CURRENT.reset(token)

    def pause(self) -> None:
        """The peer does not take at once what is written."""
        for protocol in self.protocols:
            protocol.pause_writing()

    def resume(self) -> None:
        """All of it is taken."""
        for protocol in self.protocols:
            protocol.resume_writing()
