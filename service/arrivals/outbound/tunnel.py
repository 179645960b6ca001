"""The way through a proxy: until its tunnel stands, nothing of a call was sent, whatever went wrong."""

from types import SimpleNamespace

import aiohttp


class NoTunnel(OSError):
    """The proxy refused to lead to a host, or hung up before it did."""


def connections_noted() -> aiohttp.TraceConfig:
    """Appends to the list that a request brings as `trace_request_ctx` once its connection stands."""
    noted = aiohttp.TraceConfig()
    noted.on_connection_create_end.append(_note)
    noted.on_connection_reuseconn.append(_note)
    return noted


async def _note(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.append(True)


def no_tunnel(error: aiohttp.ClientError, *, connected: bool) -> NoTunnel | None:
    """The error if it was the proxy's, before anything of the call was sent; None for any other."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return NoTunnel(f"the proxy answered HTTP {error.status}")
    broken = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientResponseError)
    if broken and not connected and not isinstance(error, aiohttp.ClientConnectorError):
        return NoTunnel("the proxy hung up, or spoke no HTTP")
    return None
