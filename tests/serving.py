"""Real servers on loopback, in the test's own event loop."""

from contextlib import asynccontextmanager
import socket

import anyio
import uvicorn

from tests.waiting import until

END_S = 20  # for requests under way; what still runs then would run for ever


@asynccontextmanager
async def served(make, **config):
    """The app that make(port) gives, served on a free port of 127.0.0.1; gives the port."""
    # The protocol is named because asyncio turns Nagle off only then, and a request would take 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            make(port), log_level="critical", **{"lifespan": "auto", "proxy_headers": False, **config}
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
            for connection in list(server.server_state.connections):
                connection.shutdown()
            with anyio.fail_after(END_S):
                await until(lambda: not server.server_state.connections and not server.server_state.tasks)
            await server.lifespan.shutdown()
