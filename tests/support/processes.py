"""Peers on real sockets that behave as badly as a test wants, and the calls that meet them."""

from contextlib import asynccontextmanager

import anyio

from arrivals.core.http import HttpCall

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
VERBS = ("send", "submit", "deliver")


def call_of(url, method="POST", **more):
    """A call with a body."""
    return HttpCall(method=method, url=url, body=b"" if method == "GET" else b"{}", **more)


async def say(transport, verb, url, timeout_s=5.0, method="POST"):
    """The call by that verb."""
    if verb == "deliver":
        return await transport.deliver(call_of(url, method), timeout_s, 100)
    return await getattr(transport, verb)(call_of(url, method), timeout_s)


class Peer:
    """A scripted server: `answers` are written to one request after another, then the connection is closed."""

    def __init__(self, *answers, hangs=False):
        self.answers, self.hangs = answers, hangs
        self.connections, self.requests = 0, []
        self.closed = anyio.Event()

    async def __call__(self, stream):
        """One connection."""
        self.connections += 1
        async with stream:
            for answer in self.answers:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += await stream.receive()
                self.requests.append(request)
                await stream.send(answer)
            if self.hangs:
                await anyio.sleep_forever()
        self.closed.set()


@asynccontextmanager
async def listening(peer, host="127.0.0.1", scheme="http", port=0):
    """The URL of the peer while it listens."""
    listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, peer)
        yield f"{scheme}://{host}:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        group.cancel_scope.cancel()


async def ignore(stream):
    """A peer that reads nothing and says nothing."""
    async with stream:
        await anyio.sleep_forever()


async def hang_up(stream):
    """A peer that closes at once."""
    await stream.aclose()


async def read_and_hang_up(stream):
    """A peer that takes the request and closes."""
    async with stream:
        await stream.receive()
