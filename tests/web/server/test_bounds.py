"""Connections that cost their peer nothing cost us little; each with limits small enough to be reached at once.

Every bound holds on both ways in.
"""

from contextlib import suppress
from unittest.mock import patch

import anyio
import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from arrivals.web import request_body
from arrivals.web.callbacks import CallbackApp
from arrivals.web.request_body import HELD, body_of
from arrivals.web.server import limits
from arrivals.web.server.connection import Connection
from arrivals.web.server.connection_limit import Activity, Places, max_connections
from arrivals.web.server.front_door import front_door
from tests.support.serving import served
from tests.web.conftest import KEY
from tests.web.server.conftest import answers, read_to_end

HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
LIVE = HEAD + b"\r\n"
ORDER = b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % KEY.encode()


@pytest.fixture(params=["fast", "plain"])
def way(request):
    """Each way in turn."""
    return request.param


@pytest.fixture
def places_left():
    return 5


@pytest.fixture(name="places")
def few(places_left):
    """Five connections."""
    return places_left


@pytest.fixture
def soon(monkeypatch):
    """Shortens these bounds in time, and has the watch look all the time."""

    def shorten(**seconds):
        monkeypatch.setattr(limits, "LOOK_EVERY_S", 0.01)
        for name, value in seconds.items():
            monkeypatch.setattr(limits, name, value)

    return shorten


@pytest.fixture
async def application(base_url, way):
    """Serves another application with the same front door; returns its port."""
    async with anyio.create_task_group() as group:
        opened = []

        async def serve(app, most=5):
            door = CallbackApp(None, app)
            server = served(lambda _: door, http=front_door(None, most), ws="none", lifespan="off")
            opened.append(server)
            return await server.__aenter__()

        yield serve
        for server in opened:
            await server.__aexit__(None, None, None)
        group.cancel_scope.cancel()


def status_of(received):
    """The status of the only answer; None where there is none."""
    return int(received[9:12]) if received else None


async def ended_with(stream):
    """The status of the answer that comes before the connection ends."""
    return status_of(await read_to_end(stream))


async def answered(stream, said=LIVE):
    await stream.send(said)
    return (await answers(stream, 1))[0][0]


async def test_who_says_nothing_is_hung_up_on(connected, soon):
    soon(HEAD_S=0.02)

    assert 408 == await ended_with(await connected())
    assert 408 == await ended_with(await connected(HEAD))


async def test_the_rest_of_a_further_head_is_awaited_for_as_long(connected, soon):
    soon()
    stream = await connected()
    assert 200 == await answered(stream)
    soon(HEAD_S=0.02)

    await stream.send(HEAD)

    assert 408 == await ended_with(stream)


async def test_a_connection_is_not_kept_for_ever(stream, soon):
    soon(KEEP_ALIVE_S=0.02)
    assert 200 == await answered(stream)

    assert b"" == await read_to_end(stream)


@pytest.mark.parametrize(
    "said",
    [
        HEAD + b"X-One: " + b"x" * 2000,
        b"GET /" + b"x" * 2000,
        HEAD + b"".join(b"X-%d: %b\r\n" % (number, b"x" * 100) for number in range(50)) + b"\r\n",
    ],
    ids=["a header", "a URL", "many headers"],
)
async def test_a_head_that_never_ends_is_too_large(connected, monkeypatch, said):
    monkeypatch.setattr(limits, "HEAD_MAX_BYTES", 1000)

    assert 431 == await ended_with(await connected(said))


async def test_what_comes_behind_a_body_in_chunks_is_bounded_too(stream, soon):
    """Trailers without an end are part of a body that never is whole."""
    soon(GRACE_S=0.02, SLOWEST_BYTES_PER_S=1 << 40)
    await stream.send(ORDER + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")

    async def tell_without_end():
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                await stream.send(b"X-More: %s\r\n" % (b"x" * 100))

    async with anyio.create_task_group() as group:
        group.start_soon(tell_without_end)
        received = await read_to_end(stream)
        group.cancel_scope.cancel()

    assert status_of(received) in {None, 400, 408}


async def test_a_body_may_come_slowly_as_long_as_it_comes(connected, monkeypatch, heard):
    """The time that a body has grows with what has come of it."""
    monkeypatch.setattr(limits, "SLOWEST_BYTES_PER_S", 1)
    stream = await connected(ORDER + b"Content-Length: 100\r\n\r\n{")
    at_first = (await heard(1)).deadline

    await stream.send(b"{" * 98)

    assert pytest.approx(98) == (await heard(2)).deadline - at_first
    assert 400 == await answered(stream, b"{")


async def test_a_new_connection_takes_the_place_of_the_one_that_idled_for_longest(connected):
    first = await connected()
    others = [await connected() for _ in range(4)]
    for stream in (*others, first):
        assert 200 == await answered(stream)  # the first is now the one that was used last

    newest = await connected()

    assert b"" == await read_to_end(others[0])
    assert [200] * 5 == [await answered(stream) for stream in (first, newest, *others[1:])]


async def test_who_waits_for_bytes_makes_room_before_anybody_is_refused(connected):
    """Half a head, and half a body, are worth less than a peer with a whole request."""
    waiting = [await connected(ORDER + b"Content-Length: 9\r\n\r\n{")]
    waiting += [await connected(HEAD) for _ in range(4)]

    newest = await connected(LIVE)

    assert 200 == (await answers(newest, 1))[0][0]
    assert b"" == await read_to_end(waiting[0])


async def test_where_everybody_is_busy_nobody_is_thrown_out(connected, application):
    async def busy(scope, receive, send):
        if scope["path"] == "/wait":
            waiting.append(None)
            if len(waiting) == 2:
                full.set()
            await free.wait()
        await Response(b"ok")(scope, receive, send)

    waiting, full, free = [], anyio.Event(), anyio.Event()
    port = await application(busy, most=2)
    working = [await connected(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", port=port) for _ in range(2)]
    await full.wait()

    assert b"" == await read_to_end(await connected(port=port))
    free.set()
    assert [200, 200] == [(await answers(stream, 1))[0][0] for stream in working]


async def test_a_body_that_drips_is_not_awaited_for_ever(connected, soon):
    soon(GRACE_S=0.02)

    assert 408 == await ended_with(await connected(ORDER + b"Content-Length: 100\r\n\r\n{"))


async def test_a_webhook_that_drips_is_not_awaited_for_ever(connected, soon, webhook):
    soon(GRACE_S=0.02)

    assert 408 == await ended_with(await connected(webhook()[:-1]))


async def test_who_is_asked_late_for_a_body_is_not_called_slow(connected, soon, application, heard):
    """`Expect: 100-continue`: it sends nothing until the application wants it."""

    async def asks_late(scope, receive, send):
        body = await body_of(None, receive, 100)
        await Response(body)(scope, receive, send)

    port = await application(asks_late)
    stream = await connected(
        b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", port=port
    )
    assert (await stream.receive()).startswith(b"HTTP/1.1 100")

    assert 200 == await answered(stream, b"{}")


async def test_an_answer_before_the_body_is_the_last_and_is_seen(connected):
    """Bytes still sent are read for a moment: closed at once, the connection would take the answer with it."""
    said = b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"x" * 100_000
    stream = await connected(said)
    await stream.send(b"x" * 300_000)

    received = await read_to_end(stream)

    assert 401 == status_of(received)
    assert b"\r\nconnection: close\r\n" in received


async def test_who_was_answered_before_its_body_came_may_not_send_for_ever(connected, soon):
    soon(LINGER_S=0.02)
    stream = await connected(b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
    assert 401 == (await answers(stream, 1))[0][0]

    async def send_without_end():
        while True:
            await stream.send(b"x" * 1000)

    with pytest.raises(anyio.BrokenResourceError):
        await send_without_end()


async def large(scope, receive, send):
    """Answers with more than any buffer in between holds."""
    with suppress(ClientDisconnect):
        await body_of(None, receive, 1000)
        begun.append(scope)
        await Response(b"x" * 20_000_000)(scope, receive, send)


begun = []


async def test_who_takes_no_answer_is_cut_off(connected, application, soon):
    soon(GRACE_S=0.02, SLOWEST_BYTES_PER_S=1 << 40)
    begun.clear()
    port = await application(large)
    stream = await connected(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3, port=port)
    lost = anyio.Event()
    gone = Connection.connection_lost

    def leave(self, error):
        gone(self, error)
        lost.set()

    with patch.object(Connection, "connection_lost", leave):
        await lost.wait()
    await stream.aclose()

    assert 1 == len(begun)  # what it asked for besides waited for it to take the first


async def test_what_nobody_takes_is_bounded_over_all_connections(connected, application, monkeypatch):
    """The peer that has let an answer lie for longest is cut off."""
    begun.clear()
    monkeypatch.setattr(limits, "UNREAD_MAX_BYTES", 30_000_000)
    cut, more = [], anyio.Event()
    make_room = Connection.make_room

    def leaves(self):
        cut.append(self)
        more.set()
        make_room(self)

    monkeypatch.setattr(Connection, "make_room", leaves)
    port = await application(large, most=100)
    peers = [await connected(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", port=port) for _ in range(4)]

    await more.wait()

    assert len(cut) < 4
    for peer in peers:
        await peer.aclose()


async def test_who_does_not_read_makes_room_for_others(connected, application):
    begun.clear()

    async def app(scope, receive, send):
        if scope["path"] == "/":
            await large(scope, receive, send)
        await Response(b"ok")(scope, receive, send)

    port = await application(app, most=3)
    unread = [await connected(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", port=port) for _ in range(3)]
    for peer in unread:
        await peer.receive(1)

    assert 200 == await answered(await connected(port=port), b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
    for peer in unread:
        await peer.aclose()


async def test_what_is_asked_ahead_of_answers_waits_unread(connected, application):
    """Many requests may come at once; the application sees them one at a time."""
    requests, free = [], anyio.Event()

    async def counts(scope, receive, send):
        requests.append(scope)
        await free.wait()
        await Response(b"ok")(scope, receive, send)

    port = await application(counts)
    stream = await connected(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100, port=port)
    other = await connected(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", port=port)
    while len(requests) < 2:
        await anyio.lowlevel.checkpoint()

    assert 2 == len(requests)
    free.set()
    assert [200] * 100 == [status for status, _, _ in await answers(stream, 100)]
    assert 1 == len(await answers(other, 1))


async def test_who_asks_without_end_and_awaits_no_answer_is_served_no_further(connected, application, monkeypatch):
    monkeypatch.setattr(limits, "HEAD_MAX_BYTES", 1000)
    free = anyio.Event()

    async def waits(scope, receive, send):
        await free.wait()
        await Response(b"ok")(scope, receive, send)

    port = await application(waits)
    stream = await connected(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000, port=port)
    free.set()

    assert 1 == (await read_to_end(stream)).count(b"HTTP/1.1 200")


async def test_bodies_that_are_too_much_together_are_refused_one_by_one(connected, client, monkeypatch):
    monkeypatch.setattr(request_body, "TOGETHER_MAX_BYTES", 1000)
    slow = await connected(ORDER + b"Content-Length: 900\r\n\r\n" + b"{" * 600)
    while HELD.bytes < 600:
        await anyio.lowlevel.checkpoint()

    busy = await client.post("/v1/generations", content=b"{" * 500)
    await slow.send(b"{" * 300)
    freed = (await answers(slow, 1))[0][0]
    after = await client.post("/v1/generations", content=b"{" * 500)

    assert (503, "busy", "5") == (busy.status_code, busy.json()["code"], busy.headers["retry-after"])
    assert [400, 400] == [freed, after.status_code]
    assert 0 == HELD.bytes


async def test_what_has_come_of_webhooks_counts_too(connected, webhook, monkeypatch, heard):
    monkeypatch.setattr(request_body, "TOGETHER_MAX_BYTES", 1000)
    said = webhook(b"x" * 2000)
    stream = await connected(said[:-1])

    assert 503 == await ended_with(stream)
    while HELD.bytes:
        await anyio.lowlevel.checkpoint()


def test_half_of_the_files_are_for_connections():
    assert 16 <= max_connections() <= limits.MAX_CONNECTIONS


class Placed:
    """A connection as its place sees it."""

    def __init__(self, standing):
        self.standing, self.left, self.deadline = standing, False, float("inf")

    def make_room(self):
        """Records that it has to go."""
        self.left = True

    def overdue(self):
        """Records that its time is over."""
        self.left = True


async def test_room_is_made_by_who_costs_its_peer_least():
    taken = Places(4)
    order = [Activity.IDLE, Activity.WAITING, Activity.UNREAD, Activity.WORKING]
    made = [Placed(standing) for standing in reversed(order)]
    for placed in made:
        taken.enter(placed)
    left = []
    for _ in range(3):
        taken.enter(Placed(Activity.WORKING))
        left.append(next(placed.standing for placed in made if placed.left and placed.standing not in left))

    assert order[:3] == left
    last = Placed(Activity.WORKING)
    taken.enter(last)
    assert last.left
    assert 4 == len(taken)
