"""What a connection says around a webhook that is taken on the doorstep; each answer comes, in order, and once."""

from contextlib import suppress
import json
import re

import anyio
import pytest

from service.flow import receive
from service.providers import eachlabs
from service.web import callbacks, connections, doorstep
from service.web.connections import Guarded, guarded
from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET
from tests.web.conftest import KEY

DONE = (
    b'{"exec_id": "el-1", "status": "succeeded", "output": {"url": "https://storage.example.com/1.jpg"}, "error": ""}'
)
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def path(tools):
    return tools.callbacks.url("eachlabs", "default", "gen_1").removeprefix(PUBLIC_URL)


@pytest.fixture
def webhook(path):
    """Makes a request as a provider writes it."""

    def make(body=DONE, secret=WEBHOOK_SECRET, more="", path=path, framing=None, version="1.1"):
        framing = framing or f"Content-Length: {len(body)}\r\n"
        head = f"POST {path} HTTP/{version}\r\nHost: x\r\nX-Webhook-Secret: {secret}\r\n{more}{framing}\r\n"
        return head.encode() + body

    return make


@pytest.fixture
async def stream(base_url):
    async with await anyio.connect_tcp("127.0.0.1", int(base_url.rpartition(":")[2])) as connection:
        yield connection


@pytest.fixture
def by_uvicorn(monkeypatch):
    """How many requests were handed to uvicorn."""
    handed = []
    hand_over = Guarded._hand_over
    monkeypatch.setattr(Guarded, "_hand_over", lambda self: (handed.append(self.url), hand_over(self))[1])
    return handed


async def answers(stream, count):
    """So many answers: (status, headers, body) of each."""
    told, found = b"", []
    while len(found) < count:
        head, end, rest = told.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not end or len(rest) < (length := int(length[1])):
            told += await stream.receive()
            continue
        found.append((int(head[9:12]), head.decode().split("\r\n")[1:], rest[:length]))
        told = rest[length:]
    return found


async def statuses(stream, said, count):
    await stream.send(said)
    return [status for status, _, _ in await answers(stream, count)]


async def kept(client):
    """The bodies of all webhooks that are kept, as they came."""
    listed = (await client.get("/v1/webhooks")).json()["data"]
    return [(await client.get(f"/v1/webhooks/{one['id']}")).json()["body"].encode() for one in reversed(listed)]


async def test_a_whole_webhook_is_answered_from_the_doorstep(client, stream, webhook, by_uvicorn):
    await stream.send(webhook())
    ((status, headers, body),) = await answers(stream, 1)

    assert (200, b"") == (status, body)
    assert "content-length: 0" == headers[-1]
    assert [401] == await statuses(stream, webhook(secret="guess"), 1)
    assert [] == by_uvicorn
    assert [200] == await statuses(stream, LIVE, 1)
    assert [DONE] * 2 == await kept(client)


async def test_a_webhook_may_come_in_pieces(client, stream, webhook, by_uvicorn):
    said = webhook()
    for piece in (said[:10], said[10:-50], said[-50:-1]):
        await stream.send(piece)
        await anyio.wait_all_tasks_blocked()

    assert [200] == await statuses(stream, said[-1:], 1)
    assert [] == by_uvicorn
    assert [DONE] == await kept(client)


async def test_a_webhook_may_come_in_chunks(client, stream, webhook):
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in DONE) + b"0\r\n\r\n"

    assert [200] == await statuses(stream, webhook(chunks, framing="Transfer-Encoding: chunked\r\n"), 1)
    assert [DONE] == await kept(client)


async def test_a_large_webhook_is_uvicorns_to_take(client, stream, webhook, by_uvicorn):
    """So that a body nobody reads is not taken into memory without end."""
    large = json.dumps({"exec_id": "el-1", "status": "succeeded", "logs": "x" * 300_000}).encode()

    assert [200, 200] == await statuses(stream, webhook(large), 1) + await statuses(stream, webhook(), 1)
    assert [large, DONE] == await kept(client)
    assert 1 == len([url for url in by_uvicorn if url.startswith(b"/callbacks/")])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"more": "Connection: close\r\n"}, 200),
        ({"version": "1.0"}, 200),
        ({"secret": "guess", "more": "Connection: close\r\n"}, 401),
    ],
)
async def test_what_asks_for_more_is_uvicorns_to_take(client, stream, webhook, by_uvicorn, change, status):
    assert [status] == await statuses(stream, webhook(**change), 1)
    assert 1 == len(by_uvicorn)
    assert [DONE] == await kept(client)


@pytest.mark.parametrize("offered", ["h2c", "websocket", "h2c, websocket"])
async def test_an_offer_to_speak_another_protocol_is_declined_and_the_body_is_read(client, stream, webhook, offered):
    """As Java's client makes it; the parser alone would lose the body."""
    offer = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {offered}\r\nHTTP2-Settings: AAMAAABk\r\n"
    head, _, body = webhook(DONE + b"  ", more=offer).partition(b"\r\n\r\n")

    await stream.send(head + b"\r\n\r\n" + body[:-1])
    await anyio.wait_all_tasks_blocked()
    assert [200, 200, 200] == await statuses(stream, body[-1:] + webhook(more=offer) + LIVE, 3)
    order = webhook(b"{}", path="/v1/generations", more=offer + f"Authorization: Bearer {KEY}\r\n")
    assert [422] == await statuses(stream, order, 1)
    assert [DONE, DONE + b"  "] == sorted(await kept(client))


async def test_many_offers_in_a_row_are_declined(stream):
    asked = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

    assert [200] * 200 == await statuses(stream, asked * 200, 200)


async def test_a_tunnel_is_not_dug(stream):
    assert [405] == await statuses(stream, b"CONNECT /health/live HTTP/1.1\r\nHost: x\r\n\r\n", 1)


async def test_who_asks_before_it_sends_is_told_to_go_on(client, stream, webhook):
    head, _, body = webhook(more="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    await stream.send(head + b"\r\n\r\n")
    assert (await stream.receive()).startswith(b"HTTP/1.1 100")

    assert [200] == await statuses(stream, body, 1)
    assert [DONE] == await kept(client)


async def test_answers_come_in_the_order_of_what_was_asked(client, stream, webhook, path):
    """What comes behind a webhook waits for it, whoever takes it."""
    unknown = webhook(path=path + "x")
    said = [webhook(), LIVE, unknown, webhook(DONE + b" "), webhook(path=path + "?a=b"), webhook(secret="guess"), LIVE]

    assert [200, 200, 404, 200, 200, 401, 200] == await statuses(stream, b"".join(said), 7)
    assert sorted([DONE, DONE + b" ", DONE, DONE]) == sorted(await kept(client))


@pytest.mark.parametrize(
    "path", ["/callbacks/", "/callbacks/eachlabs", "/callbacks//x", "/callbacks/a/b/c", "/callback/a/b"]
)
async def test_what_leads_nowhere_is_told_so(client, stream, webhook, path):
    ((status, _, body),) = (await stream.send(webhook(path=path)), await answers(stream, 1))[1]

    assert (404, "no_such_path") == (status, json.loads(body)["code"])


async def test_a_refusal_that_closes_is_the_last_answer(tools, stream, webhook, monkeypatch):
    monkeypatch.setattr(doorstep, "HIGH_WATER_LIMIT", 1 << 30)
    large = webhook(b"x" * (tools.limits.webhook_max_bytes + 1))

    assert [413] == await statuses(stream, large, 1)
    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
        await stream.receive()


async def test_a_broken_frame_is_400(stream, webhook):
    await stream.send(webhook(b"nonsense\r\n", framing="Transfer-Encoding: chunked\r\n"))

    assert (await stream.receive()).startswith(b"HTTP/1.1 400")
    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
        await stream.receive()


async def test_one_that_fails_here_hurts_no_other(client, base_url, webhook, monkeypatch):
    """Taken in one go with its neighbors; what goes wrong is told without detail."""

    def verify(told, secrets):
        if told.body == b"{}":
            raise ZeroDivisionError("a secret")
        return verified(told, secrets)

    verified = eachlabs.verify
    monkeypatch.setattr(eachlabs, "verify", verify)
    port = int(base_url.rpartition(":")[2])
    streams = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(3)]
    for stream, body in zip(streams, (DONE, b"{}", DONE), strict=True):
        await stream.send(webhook(body))
    told = [(await answers(stream, 1))[0] for stream in streams]
    for stream in streams:
        await stream.aclose()

    assert [200, 500, 200] == [status for status, _, _ in told]
    assert b"a secret" not in told[1][2]
    assert [DONE] * 2 == await kept(client)


async def test_who_hangs_up_early_is_kept_nonetheless(tools, client, stream, webhook):
    heard = tools.store.heard("read")
    await stream.send(webhook())
    await stream.aclose()
    await tools.store.wait("read", heard, 5)

    assert [DONE] == await kept(client)


async def test_a_server_that_ends_answers_what_it_took_and_closes(stream, webhook, monkeypatch):
    """A connection that is told to shut down while a webhook is on its way to the disk."""
    put = doorstep.Door.put

    def shut_down(door, letter):
        letter.answer.func.__self__.shutdown()
        put(door, letter)

    monkeypatch.setattr(doorstep.Door, "put", shut_down)
    await stream.send(webhook())
    ((status, headers, _),) = await answers(stream, 1)

    assert (200, True) == (status, "connection: close" in headers)
    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
        await stream.receive()


async def test_what_cannot_even_be_logged_is_answered(client, base_url, webhook, path, monkeypatch):
    """The disk is full of log lines: whoever waits is not left without a word, nor is anybody else of that moment."""

    class Full:
        def __getattr__(self, _name):
            raise OSError("no space left on device")

    port = int(base_url.rpartition(":")[2])
    monkeypatch.setattr(receive, "log", Full())
    monkeypatch.setattr(callbacks, "problem_of", lambda error: Full().of(error))
    streams = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(4)]
    said = [webhook(path=path + "x"), webhook(DONE), webhook(secret="guess"), webhook(b'{"challenge": "abc"}')]
    for stream, one in zip(streams, said, strict=True):
        await stream.send(one)
    told = [(await answers(stream, 1))[0] for stream in streams]
    for stream in streams:
        await stream.aclose()

    assert [500, 500, 500, 200] == [status for status, _, _ in told]
    assert [True, True, True, False] == ["connection: close" in headers for _, headers, _ in told]


async def test_crumbs_are_not_gathered(stream, webhook, path):
    """Each piece of a body costs more than the few bytes that it may hold."""
    crumbs = webhook(b"2\r\nab\r\n" * 1000, path=path + "x", framing="Transfer-Encoding: chunked\r\n")

    assert [404] == await statuses(stream, crumbs, 1)


async def test_a_body_that_is_declared_too_large_is_not_awaited(tools, stream, webhook):
    framing = f"Content-Length: {tools.limits.webhook_max_bytes + 1}\r\n"

    assert [413] == await statuses(stream, webhook(b"", framing=framing), 1)


async def test_what_comes_behind_a_body_is_no_header(client, stream, webhook):
    """RFC 9110 section 6.5.1: it could vouch for what it did not come with."""
    chunks = b"%x\r\n%b\r\n0\r\nX-Webhook-Secret: %b\r\n\r\n" % (len(DONE), DONE, WEBHOOK_SECRET.encode())
    said = webhook(chunks, secret="guess", framing="Transfer-Encoding: chunked\r\nTrailer: X-Webhook-Secret\r\n")

    assert [401] == await statuses(stream, said, 1)
    assert [401] == await statuses(stream, said.replace(b"X-Webhook-Secret: guess\r\n", b""), 1)


async def test_an_old_client_that_offers_another_protocol_is_hung_up_on(stream):
    """HTTP/1.0: it reads until the end."""
    await stream.send(b"GET /health/live HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    ((status, headers, _),) = await answers(stream, 1)

    assert (200, True) == (status, "connection: close" in headers)
    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
        await stream.receive()


async def test_a_server_that_ends_closes_behind_a_large_webhook_too(stream, webhook, monkeypatch):
    heard, hear = [], Guarded.data_received
    monkeypatch.setattr(Guarded, "data_received", lambda self, data: (hear(self, data), heard.append(self))[0])
    await stream.send(webhook(b"ea60\r\n" + b"x" * 60_000 + b"\r\n", framing="Transfer-Encoding: chunked\r\n"))
    while not heard:
        await anyio.wait_all_tasks_blocked()
    heard[0].shutdown()
    await stream.send(b"186a0\r\n" + b" " * 100_000 + b"\r\n0\r\n\r\n")
    ((status, headers, _),) = await answers(stream, 1)

    assert (200, True) == (status, "connection: close" in headers)


async def test_who_asks_for_ever_and_awaits_no_answer_is_hung_up_on(stream, monkeypatch):
    monkeypatch.setattr(connections, "QUEUE_MOST", 20)
    await stream.send(LIVE * 22)
    told = b""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            told += await stream.receive()

    assert b"HTTP/1.1 400" in told
    assert told.count(b"HTTP/1.1") < 22


@pytest.fixture
def protocol():
    """As the service, with the fewest places."""
    return guarded(4)
