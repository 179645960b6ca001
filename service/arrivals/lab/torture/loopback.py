"""Requests to a process that may die while it answers."""

from typing import Any

import httpx


async def request(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> httpx.Response:
    """Sends a request. Raises httpx.HTTPError, also where httpx itself stumbles.

    A connection that dies while it is made has no socket any more when httpcore, over anyio, asks for its peer.
    """
    try:
        return await client.request(method, url, **more)
    except AttributeError as error:
        raise httpx.ConnectError(f"the connection died while it was made: {error}") from error
