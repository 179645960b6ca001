"""A consumer of events that is cut off again and again misses none and sees none twice."""

from contextlib import asynccontextmanager
import random

import anyio
import httpx
import pytest

from arrivals.core.cursor import read_cursor
from arrivals.store import events
from arrivals.web.app import make_app
from tests.conftest import context_over
from tests.support.databases import reopened
from tests.support.examples import event
from tests.support.serving import served

KEY = "the-key-of-the-tests"
EVENTS, CUTS, WRITERS = 5000, 200, 8


@pytest.fixture
def rng():
    """Dice that fall the same every time."""
    return random.Random(4)


@asynccontextmanager
async def consuming(context):
    """Yields a client of the service over real HTTP."""
    async with (
        served(lambda _: make_app(context, KEY)) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {KEY}"},
            timeout=20,
            trust_env=False,
            verify=False,
        ) as client,
    ):
        yield client


async def write(store, names, most, rng):
    """Announces these events, some in each transaction."""
    left = list(names)
    while left:
        batch = [left.pop(0) for _ in range(min(len(left), rng.randint(1, most)))]
        async with store.transaction() as tx:
            await events.append(tx, [event(name, body=f'{{"id":"{name}"}}') for name in batch])
        store.notify("settled")
        await anyio.lowlevel.checkpoint()


class Reader:
    """A consumer of server-sent events: what it has seen, and where it goes on.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(self):
        self.seen = []
        self.position = "0"
        self.connections = 0

    async def read(self, client, most_bytes=None):
        """Reads over a connection that is cut after so many bytes, wherever that is, or to the last event."""
        self.connections += 1
        async with client.stream("GET", "/v1/events/stream", headers={"last-event-id": self.position}) as answer:
            buffer, size = b"", 0
            async for chunk in answer.aiter_raw():
                kept = chunk if most_bytes is None else chunk[: most_bytes - size]
                size += len(kept)
                *whole, buffer = (buffer + kept).split(b"\n\n")
                for block in whole:
                    self._hear(block.decode())
                if size == most_bytes or len(self.seen) >= EVENTS:
                    return

    def _hear(self, block):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        self.position = fields.get("id", self.position)
        if "data" in fields:
            self.seen.append(fields["data"])


@pytest.mark.timeout(60)
async def test_a_stream_cut_at_random_misses_none_and_repeats_none(context, rng):
    names = [f"{number:04}" for number in range(EVENTS)]
    reader = Reader()

    async with consuming(context) as client, anyio.create_task_group() as group:
        group.start_soon(write, context.store, names, 30, rng)
        while reader.connections < CUTS:
            # Less than a two-hundredth each time, so that there is always more to come; some end within an event.
            await reader.read(client, rng.randint(1, 2400))
        await reader.read(client)

    assert CUTS + 1 == reader.connections
    assert [f'{{"id":"{name}"}}' for name in names] == reader.seen


@pytest.mark.timeout(60)
async def test_a_list_read_while_eight_write_misses_none_and_repeats_none(store, clock, transport, upstream, rng):
    """Two processes on one database, four writers in each; the reader is cut off in the middle of 200 answers."""
    async with reopened(store, clock) as beside:
        names = [[f"{writer}-{number:03}" for number in range(EVENTS // WRITERS)] for writer in range(WRITERS)]
        seen, after, cuts = [], "0", 0

        async with (
            consuming(context_over(store, transport, clock, upstream.url)) as client,
            anyio.create_task_group() as group,
        ):
            for writer in range(WRITERS):
                group.start_soon(write, (store, beside)[writer % 2], names[writer], 20, rng)
            while len(seen) < EVENTS:
                query = f"/v1/events?after={after}&limit={rng.randint(1, 60)}&wait=10"
                async with client.stream("GET", query) as answer:
                    if cuts < CUTS and rng.random() < 0.7:
                        cuts += 1
                        await anext(answer.aiter_raw(rng.randint(1, 20)))
                        continue
                    page = httpx.Response(200, content=await answer.aread()).json()
                seen += [entry["id"] for entry in page["data"]]
                after = page["next"]

    assert CUTS == cuts
    assert EVENTS == read_cursor(after).position
    assert names == [[name for name in seen if name.startswith(f"{writer}-")] for writer in range(WRITERS)]
    assert len(seen) == len(set(seen)) == EVENTS
