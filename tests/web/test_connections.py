"""Connections that cost their peer nothing cost us little; each with limits small enough to be reached at once."""

from contextlib import suppress

import anyio
import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from service.web import connections, intake
from service.web.app import make_app
from service.web.connections import Guarded, guarded, most_connections
from service.web.intake import body_of
from tests.serving import served
from tests.web.conftest import KEY

HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
FIRST = b"HTTP/1.1 "


@pytest.fixture
async def few(tools):
    """The service with five places; its port."""
    async with served(lambda _: make_app(tools, KEY), http=guarded(5)) as port:
        yield port


@pytest.fixture
async def connected():
    """Makes peers that have said this; they are gone with the test."""
    made = []

    async def connect(port, said=b""):
        made.append(await anyio.connect_tcp("127.0.0.1", port))
        if said:
            await made[-1].send(said)
        return made[-1]

    yield connect
    for stream in made:
        await stream.aclose()


async def heard(stream):
    """All that it is told until the connection ends; the status, or None for none."""
    told = b""
    try:
        while True:
            told += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return int(told[len(FIRST) :][:3]) if told else None


def told_when(happened, method):
    """The method, and an event that is set when it was called."""

    def called(self):
        method(self)
        happened.set()

    return called


async def answered(stream, said=HEAD + b"\r\n"):
    """The status of one answer."""
    await stream.send(said)
    return int((await stream.receive())[len(FIRST) :][:3])


async def test_who_says_nothing_is_hung_up_on(connected, few, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_S", 0.05)

    assert 408 == await heard(await connected(few))
    assert 408 == await heard(await connected(few, HEAD))


async def test_the_rest_of_a_further_head_is_awaited_for_as_long(connected, few, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_S", 0.05)
    stream = await connected(few)
    assert 200 == await answered(stream)

    await stream.send(HEAD)

    assert 408 == await heard(stream)


async def test_a_head_that_never_ends_is_too_large(connected, few, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_MAX_BYTES", 1000)

    assert 431 == await heard(await connected(few, HEAD + b"X-One: " + b"x" * 2000))
    assert 431 == await heard(await connected(few, b"GET /" + b"x" * 2000))
    many = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 100) for number in range(50))
    assert 400 == await heard(await connected(few, HEAD + many + b"\r\n"))


async def test_what_comes_behind_a_body_in_chunks_is_bounded_too(connected, few, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_MAX_BYTES", 1000)
    head = b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    key = b"Authorization: Bearer " + KEY.encode() + b"\r\n\r\n2\r\n{}\r\n"
    stream = await connected(few, head + key + b"0\r\n")

    async def tell_without_end():
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                await stream.send(b"X-More: %s\r\n" % (b"x" * 100))

    async with anyio.create_task_group() as group:
        group.start_soon(tell_without_end)
        told = await stream.receive()
        group.cancel_scope.cancel()

    assert told.startswith(FIRST + b"431")
    assert b"head_too_large" in told


async def test_a_body_may_come_slowly_as_long_as_it_comes(connected, few, monkeypatch):
    """The time that a body has grows with what has come of it."""
    monkeypatch.setattr(connections, "GRACE_S", 0.05)
    monkeypatch.setattr(connections, "SLOWEST_BYTES_PER_S", 1)
    head = b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: Bearer %s\r\n\r\n"
    stream = await connected(few, head % KEY.encode() + b"{" * 99)
    waited = anyio.Event()
    monkeypatch.setattr(Guarded, "_too_slow", told_when(waited, Guarded._too_slow))

    await waited.wait()
    await stream.send(b"{")

    assert (await stream.receive()).startswith(FIRST + b"400")


async def test_a_new_connection_takes_the_place_of_the_one_that_idled_for_longest(connected, few):
    first = await connected(few)
    others = [await connected(few) for _ in range(4)]
    assert 200 == await answered(first)  # it is now the one that was used last

    newest = await connected(few)

    assert None is await heard(others[0])
    assert [200] * 5 == [await answered(stream) for stream in (first, newest, *others[1:])]


async def test_where_everybody_is_busy_nobody_is_thrown_out(connected):
    async def busy(scope, receive, send):
        if scope["path"] == "/wait":
            waiting.append(None)
            await free.wait()
        await Response(b"ok")(scope, receive, send)

    waiting, free = [], anyio.Event()
    async with served(lambda _: busy, http=guarded(2), lifespan="off") as port:
        working = [await connected(port, b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(2)]
        while len(waiting) < 2:
            await anyio.wait_all_tasks_blocked()
        assert None is await heard(await connected(port))
        free.set()
        assert [200, 200] == [int((await stream.receive())[len(FIRST) :][:3]) for stream in working]


async def test_a_body_that_drips_is_not_awaited_for_ever(connected, few, client, monkeypatch):
    monkeypatch.setattr(connections, "GRACE_S", 0.05)
    head = b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: Bearer %s\r\n\r\n{"

    assert 408 == await heard(await connected(few, head % KEY.encode()))


async def test_a_webhook_that_drips_is_not_awaited_for_ever(connected, few, tools, monkeypatch):
    monkeypatch.setattr(connections, "GRACE_S", 0.05)
    path = tools.callbacks.url("eachlabs", "default", "gen_1").partition("example.com")[2]
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{"

    assert 408 == await heard(await connected(few, head.encode()))


async def test_who_is_asked_late_for_a_body_is_not_called_slow(connected, monkeypatch):
    """`Expect: 100-continue`: it sends nothing until the application wants it."""

    async def asks_late(scope, receive, send):
        await looked.wait()
        await Response(await body_of(None, receive, 100))(scope, receive, send)

    monkeypatch.setattr(connections, "GRACE_S", 0.02)
    looked = anyio.Event()
    monkeypatch.setattr(Guarded, "_too_slow", told_when(looked, Guarded._too_slow))
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    async with served(lambda _: asks_late, http=guarded(5), lifespan="off") as port:
        stream = await connected(port, head)
        assert (await stream.receive()).startswith(FIRST + b"100")
        assert 200 == await answered(stream, b"{}")


async def test_who_was_answered_before_its_body_came_may_not_idle_for_ever(connected, few, monkeypatch):
    """Uvicorn forgets how long a connection may idle when the rest comes."""
    monkeypatch.setattr(connections, "HEAD_S", 0.05)
    stream = await connected(few)
    assert 401 == await answered(stream, b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")

    await stream.send(b"{}")

    assert await heard(stream) in {None, 408}


async def test_who_takes_no_answer_is_not_held_for_ever(connected, monkeypatch):
    """What it sent of a second request is let go, though what it was told first still stands in the buffers."""

    async def large(scope, receive, send):
        with suppress(ClientDisconnect):
            await body_of(None, receive, 1000)
            await Response(b"x" * 20_000_000)(scope, receive, send)

    monkeypatch.setattr(connections, "GRACE_S", 0.05)
    monkeypatch.setattr(connections, "SLOWEST_BYTES_PER_S", 1 << 40)
    async with served(lambda _: large, http=guarded(5), lifespan="off") as port:
        second = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n" + b"{" * 600
        await connected(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + second)
        while not intake._HELD.bytes:
            await anyio.wait_all_tasks_blocked()
        while intake._HELD.bytes:
            await anyio.wait_all_tasks_blocked()


async def test_bodies_that_are_too_much_together_are_refused_one_by_one(connected, few, client, monkeypatch):
    monkeypatch.setattr(intake, "TOGETHER_MAX_BYTES", 1000)
    head = b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\nAuthorization: Bearer %s\r\n\r\n"
    slow = await connected(few, head % KEY.encode() + b"{" * 600)
    while not intake._HELD.bytes:
        await anyio.wait_all_tasks_blocked()

    busy = await client.post("/v1/generations", content=b"{" * 500)
    await slow.send(b"{" * 300)
    freed = int((await slow.receive())[len(FIRST) :][:3])
    after = await client.post("/v1/generations", content=b"{" * 500)

    assert (503, "busy", "5") == (busy.status_code, busy.json()["code"], busy.headers["retry-after"])
    assert [400, 400] == [freed, after.status_code]
    assert 0 == intake._HELD.bytes


def test_half_of_the_files_are_for_connections():
    assert 16 <= most_connections() <= connections.MOST
