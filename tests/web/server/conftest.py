"""Raw connections to the service, and webhooks as providers write them."""

import re

import anyio
import pytest

from arrivals.web.server.connection import Connection
from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET

DONE = (
    b'{"exec_id": "el-1", "status": "succeeded", "output": {"url": "https://storage.example.com/1.jpg"}, "error": ""}'
)


@pytest.fixture
def path(context):
    """The callback path of a generation of each::labs."""
    return context.callback_urls.url("eachlabs", "default", "gen_1").removeprefix(PUBLIC_URL)


@pytest.fixture
def webhook(path):
    """Makes a request as a provider writes it."""

    def make(body=DONE, secret=WEBHOOK_SECRET, more="", path=path, framing=None, version="1.1"):
        framing = framing or f"Content-Length: {len(body)}\r\n"
        head = f"POST {path} HTTP/{version}\r\nHost: x\r\nX-Webhook-Secret: {secret}\r\n{more}{framing}\r\n"
        return head.encode() + body

    return make


@pytest.fixture
async def stream(connected):
    """A peer that has sent nothing yet."""
    return await connected()


@pytest.fixture
def heard(monkeypatch):
    """Waits until so many pieces of data have been received; returns the connection that had the last."""
    count, more, last = 0, anyio.Event(), None
    receive = Connection.data_received

    def received(self, data):
        nonlocal count, more, last
        receive(self, data)
        count, last = count + 1, self
        more.set()
        more = anyio.Event()

    monkeypatch.setattr(Connection, "data_received", received)

    async def until(pieces):
        while count < pieces:
            await more.wait()
        return last

    return until


async def answers(stream, count):
    """So many answers: (status, headers, body) of each."""
    buffer, parsed = b"", []
    while len(parsed) < count:
        head, end, rest = buffer.partition(b"\r\n\r\n")
        said = re.search(rb"content-length: (\d+)", head)
        if not end or len(rest) < (length := int(said[1])):
            buffer += await stream.receive()
            continue
        parsed.append((int(head[9:12]), head.decode().split("\r\n")[1:], rest[:length]))
        buffer = rest[length:]
    return parsed


async def statuses(stream, said, count):
    """The status of each of so many answers."""
    await stream.send(said)
    return [status for status, _, _ in await answers(stream, count)]


async def read_to_end(stream):
    """Every byte until the connection ends."""
    received = b""
    try:
        while True:
            received += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return received


async def kept(client):
    """The bodies of all webhooks that are kept, as they came."""
    listed = (await client.get("/v1/webhooks")).json()["data"]
    return [(await client.get(f"/v1/webhooks/{row['id']}")).json()["body"].encode() for row in reversed(listed)]
