"""The event stream: resumed without gap or repeat, alive when nothing happens, and no slower for one slow reader."""

import asyncio
from contextlib import asynccontextmanager
import re
import socket
from typing import Any

import anyio
import httpx
import pytest

from arrivals.core.cursor import BEGINNING
from arrivals.core.event import EventType
from arrivals.store import events as stored_events
from arrivals.web import sse_response
from arrivals.web.api import event_stream as web_events
from arrivals.web.app import make_app
from tests.conftest import context_over, run_worker
from tests.support.databases import reopened
from tests.support.eventually import until
from tests.support.examples import announce, epoch_of, event, keep, scheduled
from tests.support.serving import served
from tests.web.conftest import KEY

HEADERS = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
def announced(context):
    """Announces events under these names."""

    async def tell(*names, **changed):
        await announce(context.store, *(event(name, **changed) for name in names))
        context.store.notify("settled")

    return tell


class Blocks:
    """The blocks of a stream, each as its fields by name; a comment's name is `comment`."""

    def __init__(self, answer):
        self.answer, self.first = answer, {}
        self._lines = answer.aiter_lines()

    async def next_block(self):
        """The next block."""
        block = {}
        while line := await anext(self._lines):
            name, _, value = line.partition(":")
            block[name or "comment"] = value.strip()
        return block

    async def ids(self, count):
        """The event ids of the next blocks."""
        return [(await self.next_block())["data"] for _ in range(count)]


@asynccontextmanager
async def listening(client, query="", **headers):
    """A stream from its beginning; the first block, which says where it stands, is read."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.stream("GET", f"/v1/events/stream{query}", headers=named) as answer:
        assert 200 == answer.status_code, await answer.aread()
        blocks = Blocks(answer)
        blocks.first = await blocks.next_block()
        yield blocks


def body_of(name):
    return event(name).body


async def test_each_event_is_a_block_with_its_cursor_its_type_and_itself(client, context, announced):
    await announced("1", body='{"id":"evt_1","data":"☂"}')

    async with listening(client, "?after=0") as stream:
        assert {
            "id": f"{await epoch_of(context.store)}-1",
            "event": "generation.completed", "data": '{"id":"evt_1","data":"☂"}',
        } == await stream.next_block()  # fmt: skip
        assert "text/event-stream" in stream.answer.headers["content-type"]
        assert "no-store" == stream.answer.headers["cache-control"]


async def test_a_block_is_the_event_as_it_is_listed(client, context, upstream, ordered):
    await ordered()
    upstream.answers.append((400, {"error": "no"}))
    await run_worker(context, "submit")

    async with listening(client, "?after=0") as stream:
        block = await stream.next_block()

    listed = (await client.get("/v1/events")).content
    assert block["data"].encode() in listed
    assert "generation.failed" == block["event"]


async def test_without_a_cursor_it_starts_at_the_end(client, context, announced):
    await announced("old")

    async with listening(client) as stream:
        await announced("new", body="new")
        assert ["new"] == await stream.ids(1)
        assert f"{await epoch_of(context.store)}-1" == stream.first["id"]
        assert int(stream.first["retry"]) > 0


async def test_from_the_beginning_everything_is_told_and_then_what_comes(client, announced):
    """There is more than one page of events."""
    names = [f"{number:03}" for number in range(web_events.PAGE + 50)]
    for name in names:
        await announced(name, body=name)

    async with listening(client, "?after=0") as stream:
        assert names == await stream.ids(len(names))
        await announced("new", body="new")
        assert ["new"] == await stream.ids(1)


async def test_where_a_reader_stopped_it_goes_on(client, announced):
    await announced("1", body="1")
    async with listening(client) as stream:
        position = stream.first["id"]
    await announced("2", body="2")
    async with listening(client, last_event_id=position) as stream:
        block = await stream.next_block()
        assert "2" == block["data"]
    await announced("3", body="3")

    async with listening(client, last_event_id=block["id"]) as stream:
        assert ["3"] == await stream.ids(1)


async def test_where_it_stopped_counts_more_than_where_it_once_began(client, context, announced):
    """A reader that reconnects asks for the same address again."""
    for name in "123":
        await announced(name, body=name)

    async with listening(client, "?after=0", last_event_id=f"{await epoch_of(context.store)}-2") as stream:
        assert ["3"] == await stream.ids(1)


async def test_it_resumes_without_gap_or_repeat_over_a_restart(context, clock, transport, upstream):
    """Events are announced while the service is away, too."""
    heard, position = [], "0"
    for run in range(3):
        async with reopened(context.store, clock) as store:
            restarted = context_over(store, transport, clock, upstream.url)
            await announce(store, *(event(f"{run}-{number}", body=f"{run}-{number}") for number in range(3)))
            async with (
                served(lambda _, restarted=restarted: make_app(restarted, KEY)) as port,
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}", headers=HEADERS, trust_env=False, verify=False
                ) as client,
                listening(client, last_event_id=position) as stream,
            ):
                for _ in range(2 if run < 2 else 5):
                    block = await stream.next_block()
                    heard.append(block["data"])
                    position = block["id"]

    assert [f"{run}-{number}" for run in range(3) for number in range(3)] == heard


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=generation.failed", ["2"]),
        ("type=generation.*", ["1", "2", "3"]),
        ("type=ping", ["4"]),
        ("generation=gen_3", ["3"]),
        ("provider=vtrix", ["3"]),
        ("model=a", ["3"]),
        ("provider=runblob&type=generation.completed", ["1"]),
        ("", ["1", "2", "3", "4"]),
    ],
)
async def test_only_what_the_filters_name_is_told_and_listed(client, context, announced, query, expected):
    await keep(context.store, scheduled("1"), scheduled("3", provider="vtrix", model="a"))
    await announced("1", body='"1"')
    await announced("2", body='"2"', type=EventType.FAILED)
    await announced("3", body='"3"', generation_id="gen_3")
    await announced("4", body='"4"', type=EventType.PING, generation_id="evt_4")

    listed = (await client.get(f"/v1/events?after=0&{query}")).json()["data"]
    async with listening(client, f"?after=0&{query}") as stream:
        streamed = await stream.ids(len(expected))

    assert expected == listed
    assert [f'"{name}"' for name in expected] == streamed


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("after=x", {}, "after"),
        ("after=-1", {}, "after"),
        ("after=²", {}, "after"),
        ("after=9999999999999999999", {}, "after"),
        ("", {"last-event-id": "evt_1"}, "Last-Event-ID"),
        ("", {"last-event-id": ""}, "Last-Event-ID"),
        ("type=done", {}, "type"),
        ("type=*", {}, "type"),
        ("color=red", {}, "color"),
    ],
)
async def test_a_bad_cursor_or_filter_names_the_field(client, query, headers, field):
    answer = await client.get(f"/v1/events/stream?{query}", headers=headers)

    assert (422, field) == (answer.status_code, answer.json()["errors"][0]["field"])


async def test_when_there_is_nothing_to_say_it_says_that(client, announced, monkeypatch):
    monkeypatch.setattr(web_events, "HEARTBEAT_S", 0)

    async with listening(client) as stream:
        assert {"comment": "nothing new"} == await stream.next_block()
        await announced("1", body="1")
        while "data" not in (block := await stream.next_block()):
            assert {"comment": "nothing new"} == block
        assert "1" == block["data"]


async def test_one_who_wants_none_of_it_hears_heartbeats_too(client, announced, monkeypatch):
    monkeypatch.setattr(web_events, "HEARTBEAT_S", 0)

    async with listening(client, "?type=ping&after=0") as stream:
        await announced("1")
        assert [{"comment": "nothing new"}] * 2 == [await stream.next_block() for _ in range(2)]


class Counting:
    """A database that counts how often it is read."""

    def __init__(self, inner):
        self._inner = inner
        self.readings = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    @asynccontextmanager
    async def reading(self):
        """Reads as the real database does."""
        self.readings += 1
        async with self._inner.reading() as tx:
            yield tx


async def test_what_nobody_here_wants_is_looked_at_once(store, transport, clock, upstream):
    """Each ring is worth one look, however much stands there that is not wanted."""
    counting = Counting(store)
    context = context_over(counting, transport, clock, upstream.url)
    wanted = stored_events.EventFilter(type="ping")
    pages: Any = web_events._pages(context, BEGINNING, wanted)  # an iterator to its caller; a generator can be closed
    await anext(pages)
    rings = 5

    async def unwanted():
        for notify in range(rings):
            await announce(store, *(event(f"{notify}-{number}") for number in range(300)))
            store.notify("settled")
            await until(lambda seen=counting.readings: counting.readings > seen)
        await announce(store, event("ping", type=EventType.PING, body="the ping"))
        store.notify("settled")

    async with anyio.create_task_group() as group:
        group.start_soon(unwanted)
        page = await anext(pages)
    await pages.aclose()

    assert f"id: {await epoch_of(store)}-1501\nevent: ping\ndata: the ping\n\n".encode() == page
    assert counting.readings <= 2 * (rings + 2)


@pytest.fixture
def dropped():
    """Set when the service has let go of the reader that calls itself slow."""
    return anyio.Event()


@pytest.fixture
async def port(context, dropped):
    app = make_app(context, KEY)

    async def watched(scope, receive, send):
        await app(scope, receive, send)
        if (b"x-reader", b"slow") in scope.get("headers", ()):
            dropped.set()

    async with served(lambda _: watched) as bound:
        yield bound


async def slow_reader(port):
    """A connection that asked for the stream, and of which nothing is read."""
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1024)
    lines = ("GET /v1/events/stream?after=0 HTTP/1.1", "Host: x", "X-Reader: slow", f"Authorization: Bearer {KEY}")
    writer.write("\r\n".join((*lines, "", "")).encode())
    return reader, writer


async def test_a_reader_that_does_not_read_is_dropped_without_cost_to_another(
    context, port, dropped, announced, monkeypatch
):
    """The events that it missed reach it when it comes again."""
    monkeypatch.setattr(sse_response, "SLOWEST_S", 1.0)
    names = [f"{number:03}" for number in range(2 * web_events.PAGE)]
    padding = "x" * 60_000
    await announce(context.store, *(event(name, body=f"{name}{padding}") for name in names))

    reader, writer = await slow_reader(port)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=HEADERS, trust_env=False, verify=False
    ) as client:
        async with listening(client, "?after=0") as quick:
            assert names == [body[:3] for body in await quick.ids(len(names))]
            await dropped.wait()
            await announced("new", body="new")
            assert ["new"] == await quick.ids(1)

        cut = (await reader.read()).decode()
        writer.close()
        whole = [block for block in cut.split("\n\n")[:-1] if "\ndata: " in block]
        last = len(whole)
        assert last < len(names)
        cursor = re.findall(r"^id: (\S+)$", "\n".join(whole), re.MULTILINE)[-1]
        async with listening(client, last_event_id=cursor) as again:
            assert names[last] == (await again.ids(1))[0][:3]


async def test_a_reader_that_goes_away_leaves_nothing_behind(port, dropped, announced):
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=HEADERS | {"x-reader": "slow"}, trust_env=False, verify=False
    ) as client:
        async with listening(client) as stream:
            await announced("1", body="1")
            assert ["1"] == await stream.ids(1)

        await dropped.wait()


async def test_a_stream_ends_cleanly_when_the_service_is_told_to_end(client, context, announced):
    """Its last block is whole, and its reader resumes behind it."""
    await announced("1")
    async with listening(client, "?after=0") as stream:
        assert "generation.completed" == (await stream.next_block())["event"]
        context.end_waits()
        assert [] == [line async for line in stream._lines]
