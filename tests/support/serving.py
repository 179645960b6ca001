"""Real servers on loopback, in the test's own event loop."""

import asyncio
from contextlib import asynccontextmanager
import socket

import anyio
import uvicorn

from tests.support.eventually import until

PATIENCE_S = 0.5  # with requests under way, as uvicorn has at its end; nobody is left who waits for their answers
END_S = 20  # for what was cancelled; whatever is still there then would stay forever


@asynccontextmanager
async def served(make, **settings):
    """The app that make(port) gives, served on a free port of 127.0.0.1; gives the port."""
    # The protocol is named because asyncio turns Nagle off only then, and a request would take 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            make(port), log_level="critical", **{"lifespan": "auto", "proxy_headers": False, **settings}
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # The steps of Server.serve() without its loop and its pauses, and without its hold on the signals.
        await server.startup(sockets=[listener])
        try:
            yield port
        finally:
            for listening in server.servers:
                listening.close()
            await _ended(server.server_state)
            await server.lifespan.shutdown()


async def _ended(state):
    """No request is under way any more and no connection open: a held one would go on into the next test."""
    for connection in list(state.connections):
        connection.shutdown()
    under_way = set(state.tasks)
    if under_way:
        await asyncio.wait(under_way, timeout=PATIENCE_S)
    for task in state.tasks:
        task.cancel()
    for connection in list(state.connections):
        connection.transport.abort()
    with anyio.fail_after(END_S):
        await until(lambda: not state.connections and not state.tasks)
