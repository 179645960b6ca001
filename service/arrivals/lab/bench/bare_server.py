"""The ceiling of everything that takes HTTP: uvicorn as the service runs it, under an application that does nothing.

`python -m arrivals.lab.bench.bare_server PORT`. A POST is read and answered 200; `GET /stream/SECONDS/SIZE`
writes events of that size for that long, as fast as they are taken.
"""

import asyncio
import gc
import sys
from time import monotonic
from typing import Any

import uvicorn

BACKLOG = 2048
HEADERS = [(b"content-type", b"application/json")]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A bare ASGI application."""
    if scope["path"].startswith("/stream/"):
        await _stream(scope["path"].split("/")[2:], send)
        return
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b'{"stored":true}'})


async def _stream(parts: list[str], send: Any) -> None:
    seconds, size = float(parts[0]), int(parts[1])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    text = b"event: generation.completed\ndata: " + b"x" * size + b"\n\n"
    number, until = 0, monotonic() + seconds
    while monotonic() < until:
        number += 1
        await send({"type": "http.response.body", "body": b"id: %d\n%b" % (number, text), "more_body": True})
        await asyncio.sleep(0)  # sending gives way only to a reader that is slow; all are to be written to in turn
    await send({"type": "http.response.body", "body": b""})


def main(port: int) -> None:
    """Serves until it is told to stop."""
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        backlog=BACKLOG,
        loop="uvloop",
        http="httptools",
    )
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
