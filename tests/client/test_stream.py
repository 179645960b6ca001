"""Events through the client: no gap and no repeat, wherever a connection breaks."""

from itertools import islice
import random

import anyio
import pytest

from arrivals.client import Client, Heard, ServiceError, Unreachable
from arrivals.client.stream import LONGEST_WAIT_S, _wait_s, events_of
from arrivals.core.event import EventType
from tests.client.conftest import KEY
from tests.support.upstream import Upstream


def read(stream, count):
    """So many events; the stream is closed then."""
    with stream:
        return list(islice(stream, count))


def ids(heard):
    return [message.event["id"] for message in heard]


@pytest.mark.parametrize("seed", range(3))
async def test_events_are_missed_never_and_seen_once_though_the_connection_is_cut_at_random(
    wire, calling, announce, seed
):
    """Cut within heads, blocks and events, while events flow."""
    rng, written = random.Random(seed), []
    wire.allowances = [4000, *(rng.randrange(400, 4000) for _ in range(30)), 100, 0]

    async def write():
        for first in range(0, 400, 8):
            written.extend(await announce(range(first, first + 8)))

    with Client(wire.url, KEY) as client:
        stream = await calling(client.events)
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            heard = await calling(read, stream, 400)

    assert written == ids(heard)
    assert list(range(1, 401)) == [position(message.cursor) for message in heard]
    assert wire.cuts >= 10
    assert "a\u2028b\x85\nc" == heard[-1].event["data"]["text"]


def position(cursor):
    return int(cursor.rpartition("-")[2])


async def test_cursor_of_another_epoch_is_refused_and_not_resumed(client, calling, announce):
    await announce(range(3))

    with pytest.raises(ServiceError, match="restored from a backup") as refused:
        await calling(client.events, "0123abcd-2")

    assert (409, "cursor_unknown") == (refused.value.status, refused.value.code)


async def test_stream_begins_when_it_is_asked_for_and_not_when_it_is_read(client, calling, announce):
    await announce(range(5))
    stream = await calling(client.events)
    expected = await announce([5, 6])

    assert 5 == position(stream.cursor)
    assert expected == ids(await calling(read, stream, 2))
    assert 7 == position(stream.cursor)


async def test_cursor_of_any_event_goes_on_behind_it(client, calling, announce):
    await announce(range(6))
    first = await calling(read, await calling(client.events, "0"), 3)

    assert ["evt_00003"] == ids(await calling(read, await calling(client.events, first[-1].cursor), 1))


async def test_what_is_there_is_read_to_its_end_when_nobody_follows(client, calling, announce):
    written = await announce(range(250))

    heard = await calling(lambda: list(client.events(follow=False)))
    assert written == ids(heard)
    assert written[240:] == ids(await calling(lambda: list(client.events(heard[239].cursor, follow=False))))
    assert [] == await calling(lambda: list(client.events(heard[-1].cursor, follow=False)))


async def test_events_are_filtered(client, calling, announce):
    await announce([1])
    await announce([2], EventType.COMPLETED)

    completed = await calling(lambda: list(client.events(type="generation.completed", follow=False)))
    assert ["evt_00002"] == ids(completed)
    assert [] == await calling(lambda: list(client.events(generation="gen_9", follow=False)))


async def test_stream_tells_that_it_was_cut_and_is_back(wire, calling, announce):
    changes = []
    wire.allowances = [800, 0]
    with Client(wire.url, KEY) as client:
        hear = {
            "on_lost": lambda error: changes.append(type(error).__name__),
            "on_back": lambda: changes.append("back"),
        }
        stream = await calling(client.events, **hear)
        written = await announce(range(10))
        assert written == ids(await calling(read, stream, 10))
    assert ["RemoteProtocolError", "back"] == changes


async def test_closed_stream_is_over(client, calling, announce):
    await announce(range(3))
    stream = await calling(client.events, "0")
    assert "evt_00000" == (await calling(next, stream)).event["id"]
    stream.close()
    assert [] == list(stream)


async def test_what_the_service_refuses_is_raised_at_once(client, base_url, calling):
    with pytest.raises(ServiceError, match="must be one of") as refused:
        await calling(client.events, type="generation.done")
    assert (422, "invalid_request") == (refused.value.status, refused.value.code)
    with Client(base_url, "another-key") as stranger, pytest.raises(ServiceError) as refused:
        await calling(stranger.events)
    assert 401 == refused.value.status


async def test_service_that_is_not_there_is_told_at_once(wire, calling):
    wire.allowances = [0, 10, 150]
    with Client(wire.url, KEY) as client:
        for _ in range(3):
            with pytest.raises(Unreachable, match="nothing answers at"):
                await calling(client.events)


def sse(*blocks):
    return (200, b"".join(blocks), {"content-type": "text/event-stream"})


@pytest.mark.parametrize("status", [401, 404])
async def test_refusal_while_resuming_ends_the_stream(listener, calling, status):
    """A key that was revoked is not asked with forever."""
    assert isinstance(listener, Upstream)
    listener.answers = [
        sse(b'id: 7\ndata: {"id": "evt_1", "type": "ping", "timestamp": "", "data": {}}\n\n'), (503, {}),
        (429, {}), (status, {"code": "key_invalid", "detail": "revoked"}),
    ]  # fmt: skip
    with Client(listener.url, KEY) as client:
        stream = await calling(client.events)
        assert Heard("7", {"id": "evt_1", "type": "ping", "timestamp": "", "data": {}}) == await calling(next, stream)
        with pytest.raises(ServiceError, match="revoked"):
            await calling(next, stream)
    assert [None, "7", "7", "7"] == [request.headers.get("last-event-id") for request in listener.requests]


async def test_other_server_is_not_taken_for_a_stream(listener, calling):
    listener.answers = [(200, {"status": "fine"})]
    with (
        Client(listener.url, KEY) as client,
        pytest.raises(ServiceError, match="is this the URL of an Arrivals service"),
    ):
        await calling(client.events)


WRITTEN = b": hello\n\nid: 1\r\nevent: x\r\ndata: a\r\ndata:b\r\n\r\nretry: 5\nid:2\n\n\n\ndata:  c\rid: 3\r\rdata: cut"
BLOCKS = [(None, None), ("1", b"a\nb"), ("2", None), ("3", b" c")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_blocks_are_read_whole_however_they_come(size):
    """By https://html.spec.whatwg.org/multipage/server-sent-events.html, in pieces of any size."""
    chunks = [WRITTEN[start : start + size] for start in range(0, len(WRITTEN), size)]
    assert BLOCKS == [(event.id, event.data) for event in events_of(chunks)]


def test_pauses_grow_to_a_bound_and_differ():
    assert 0.0 == _wait_s(0)
    assert all(0.0 < _wait_s(misses) <= LONGEST_WAIT_S for misses in (1, 2, 5, 10, 10**6))
    assert 1 < len({_wait_s(3) for _ in range(10)})
