"""The app over real HTTP, a client of it in a thread, and a wire between them that can be cut."""

from contextlib import asynccontextmanager
from functools import partial

import anyio
from anyio.to_thread import run_sync
import pytest

from arrivals.client import Client
from arrivals.core.event import Event, EventType
from arrivals.core.wire import to_json
from arrivals.store import events
from arrivals.web.app import make_app
from tests.conftest import START
from tests.support.serving import served

KEY = "the-key-of-the-tests"


@pytest.fixture
async def port(context):
    async with served(lambda _: make_app(context, KEY)) as port:
        yield port


@pytest.fixture
def base_url(port):
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def client(base_url):
    with Client(base_url, KEY, timeout_s=5) as client:
        yield client


@pytest.fixture
def calling():
    """Runs what blocks in a thread, while the service goes on in this one."""

    async def call(function, *arguments, **options):
        return await run_sync(partial(function, *arguments, **options), abandon_on_cancel=True)

    return call


@pytest.fixture
def announce(store):
    """Events about nothing much, numbered, committed together; their ids."""

    async def write(numbers, event_type=EventType.FAILED):
        made = [
            Event(
                id=f"evt_{number:05d}",
                type=event_type,
                generation_id=f"gen_{number}",
                at=START,
                # A line separator of Unicode is no end of a line here.
                body=to_json({"id": f"evt_{number:05d}", "type": event_type, "data": {"text": "a\u2028b\x85\nc"}}),
            )
            for number in numbers
        ]
        async with store.transaction() as tx:
            await events.append(tx, made)
        store.notify("settled")
        return [event.id for event in made]

    return write


class Wire:
    """Passes bytes on to a port; each connection is cut after the next number of `allowances` (None: never)."""

    def __init__(self, target):
        self.target, self.allowances, self.cuts, self.url = target, [], 0, ""

    async def serve(self, near):
        """One connection."""
        allowance = self.allowances.pop(0) if self.allowances else None
        if allowance == 0:
            self.cuts += 1
            await near.aclose()
            return
        async with near, await anyio.connect_tcp("127.0.0.1", self.target) as far, anyio.create_task_group() as group:
            group.start_soon(self._pass, near, far, None, group.cancel_scope)
            group.start_soon(self._pass, far, near, allowance, group.cancel_scope)

    async def _pass(self, source, sink, allowance, scope):
        try:
            async for chunk in source:
                part = chunk if allowance is None else chunk[:allowance]
                await sink.send(part)
                if allowance is not None:
                    allowance -= len(part)
                    if allowance <= 0:
                        self.cuts += 1
                        break
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        scope.cancel()


@asynccontextmanager
async def wired(target):
    """A wire to this port."""
    wire = Wire(target)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        wire.url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        group.start_soon(listener.serve, wire.serve)
        yield wire
        group.cancel_scope.cancel()


@pytest.fixture
async def wire(port):
    async with wired(port) as wire:
        yield wire
