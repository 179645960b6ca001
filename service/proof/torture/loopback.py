"""Ports that stay free while their owner is dead, and requests to somebody who may die while he answers."""

import secrets
import socket
from typing import Any

import httpx

LOWEST, PORTS = 20_000, 12_000  # below those that systems give to outgoing connections


def quiet_port() -> int:
    """A port that nobody listens on, and that no connection is given by itself while nobody does."""
    while True:
        port = LOWEST + secrets.randbelow(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


async def request(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> httpx.Response:
    """The answer. Raises httpx.HTTPError, also where httpx itself stumbles.

    A connection that dies while it is made has no socket any more when httpcore, over anyio, asks for its peer.
    """
    try:
        return await client.request(method, url, **more)
    except AttributeError as error:
        raise httpx.ConnectError(f"the connection died while it was made: {error}") from error
