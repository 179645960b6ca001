"""Requests by the fast way and by the plain one; each answer comes, in order, and once."""

import json
from pathlib import Path

import anyio
import pytest

from arrivals.flow.observation import receive
from arrivals.providers import eachlabs
from arrivals.web import callbacks
from arrivals.web.server.connection import Connection
from arrivals.web.server.tested_versions import is_tested
from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET
from tests.web.conftest import KEY
from tests.web.server.conftest import DONE, answers, kept, read_to_end, statuses

AUTHORIZATION = f"Authorization: Bearer {KEY}\r\n".encode()
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FIXTURES = Path(__file__).parents[3] / "fixtures"


@pytest.fixture(params=["fast", "plain"])
def way(request):
    """Each way in turn."""
    return request.param


@pytest.fixture
def came(monkeypatch):
    """The ways by which webhooks came to the handler."""
    ways, accept = [], callbacks.CallbackHandler.accept
    monkeypatch.setattr(
        callbacks.CallbackHandler,
        "accept",
        lambda handler, webhook: (ways.append(webhook.way), accept(handler, webhook))[1],
    )
    return ways


async def test_small_webhooks_come_by_the_way_that_was_chosen(client, stream, webhook, way, came):
    assert [200, 401, 200] == await statuses(stream, webhook() + webhook(secret="guess") + LIVE, 3)

    assert [way, way] == came
    assert [DONE] * 2 == await kept(client)


async def test_a_webhook_may_come_in_pieces(client, stream, webhook, way, came, heard):
    said = webhook()
    for number, piece in enumerate((said[:10], said[10:-50], said[-50:-1]), 1):
        await stream.send(piece)
        await heard(number)

    assert [200] == await statuses(stream, said[-1:], 1)
    assert ([way], [DONE]) == (came, await kept(client))


async def test_a_webhook_may_come_byte_by_byte_and_others_behind_it(client, stream, webhook):
    for byte in webhook():
        await stream.send(bytes([byte]))

    assert [200, 200, 200] == await statuses(stream, webhook(DONE + b" ") + LIVE, 3)
    assert sorted([DONE, DONE + b" "]) == sorted(await kept(client))


@pytest.mark.parametrize("size", [1, 7])
async def test_a_webhook_may_come_in_chunks(client, stream, webhook, size, came):
    parts = [DONE[at : at + size] for at in range(0, len(DONE), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    said = webhook(chunks, framing="Transfer-Encoding: chunked\r\n")

    assert [200, 200] == await statuses(stream, said + webhook(), 2)
    assert ("plain", [DONE] * 2) == (came[0], await kept(client))


async def test_chunks_that_break_in_the_midst_of_a_blank_line_are_followed(client, stream, webhook, heard):
    """The bytes behind them are another request, wherever the data was cut."""
    said = webhook(b"5\r\n\r\n\r\n\r\r\n0\r\n\r\n", framing="Transfer-Encoding: chunked\r\n")
    await stream.send(said[:-1])
    await heard(1)

    assert [200, 200] == await statuses(stream, said[-1:] + LIVE, 2)


async def test_a_large_webhook_goes_the_plain_way(client, stream, webhook, came):
    large = json.dumps({"exec_id": "el-1", "status": "succeeded", "logs": "x" * 300_000}).encode()

    assert [200, 200] == await statuses(stream, webhook(large), 1) + await statuses(stream, webhook(), 1)
    assert [large, DONE] == await kept(client)
    assert "plain" == came[0]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"more": "Connection: close\r\n"}, 200),
        ({"version": "1.0"}, 200),
        ({"secret": "guess", "more": "Connection: close\r\n"}, 401),
    ],
)
async def test_what_asks_for_more_goes_the_plain_way(client, stream, webhook, came, change, status):
    assert [status] == await statuses(stream, webhook(**change), 1)
    assert (["plain"], [DONE]) == (came, await kept(client))


@pytest.mark.parametrize("offered", ["h2c", "websocket", "h2c, websocket"])
async def test_an_offer_to_speak_another_protocol_is_passed_over_and_the_body_is_read(
    client, stream, webhook, offered, heard
):
    """Java's client makes such an offer; uvicorn's faster parser alone would lose the body."""
    offer = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {offered}\r\nHTTP2-Settings: AAMAAABk\r\n"
    said = webhook(DONE + b"  ", more=offer)

    await stream.send(said[:-1])
    await heard(1)
    assert [200, 200, 200] == await statuses(stream, said[-1:] + webhook(more=offer) + LIVE, 3)
    order = webhook(b"{}", path="/v1/generations", more=offer + f"Authorization: Bearer {KEY}\r\n")
    chunked = webhook(b"2\r\n{}\r\n0\r\n\r\n", path="/v1/generations", framing="Transfer-Encoding: chunked\r\n",
                      more=offer + f"Authorization: Bearer {KEY}\r\n")  # fmt: skip
    assert [422, 422, 200] == await statuses(stream, order + chunked + LIVE, 3)
    assert [DONE, DONE + b"  "] == sorted(await kept(client))


async def test_many_offers_in_a_row_are_passed_over(stream):
    offer = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

    assert [200] * 200 == await statuses(stream, offer * 200, 200)


async def test_a_tunnel_is_not_dug(stream):
    assert [405] == await statuses(stream, b"CONNECT /health/live HTTP/1.1\r\nHost: x\r\n\r\n", 1)


async def test_who_asks_before_it_sends_is_told_to_go_on(client, stream, webhook):
    head, _, body = webhook(more="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    await stream.send(head + b"\r\n\r\n")
    assert (await stream.receive()).startswith(b"HTTP/1.1 100")

    assert [200] == await statuses(stream, body, 1)
    assert [DONE] == await kept(client)


async def test_answers_come_in_the_order_of_what_was_asked(client, stream, webhook, path):
    """A request waits for those before it, whichever way they take. An address that is nobody's is the last word."""
    said = [webhook(), LIVE, webhook(DONE + b" "), webhook(path=path + "?a=b"), webhook(secret="guess"), LIVE]
    unknown = webhook(path=path + "x")

    assert [200, 200, 200, 200, 401, 200, 404] == await statuses(stream, b"".join([*said, unknown, LIVE]), 7)
    assert b"" == await read_to_end(stream)
    assert sorted([DONE, DONE + b" ", DONE, DONE]) == sorted(await kept(client))


@pytest.mark.parametrize(
    "path", ["/callbacks/", "/callbacks/eachlabs", "/callbacks//x", "/callbacks/a/b/c", "/callback/a/b"]
)
async def test_what_leads_nowhere_is_told_so(client, stream, webhook, path):
    ((status, _, body),) = (await stream.send(webhook(path=path)), await answers(stream, 1))[1]

    assert (404, "no_such_path") == (status, json.loads(body)["code"])


async def test_an_address_that_is_nobodys_is_answered_before_a_body_is_waited_for(stream, webhook, path):
    said = webhook(b"x", path=path + "x", framing="Content-Length: 60000\r\n")

    assert [404] == await statuses(stream, said, 1)
    await stream.send(b"x" * 100_000)
    assert b"" == await read_to_end(stream)


async def test_a_refusal_that_closes_is_the_last_answer(context, stream, webhook):
    large = webhook(b"x" * (context.policy.limits.webhook_max_bytes + 1))

    assert [413] == await statuses(stream, large, 1)
    assert b"" == await read_to_end(stream)


async def test_a_broken_frame_is_400(stream, webhook):
    await stream.send(webhook(b"nonsense\r\n", framing="Transfer-Encoding: chunked\r\n"))

    assert (await read_to_end(stream)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\x16\x03\x01\r\n\r\n" * 3])
async def test_what_is_hardly_http_is_400_and_the_end(stream, said):
    await stream.send(said + LIVE)

    received = await read_to_end(stream)
    assert received.startswith(b"HTTP/1.1 400")
    assert 1 == received.count(b"HTTP/1.1")


async def test_blank_lines_before_a_request_are_passed_over(client, stream, webhook):
    """RFC 9112 section 2.2; any number of them, and alone they are no request."""
    assert [200, 200] == await statuses(stream, b"\r\n" * 1000 + webhook() + b"\r\n\r\n" + LIVE + b"\r\n", 2)
    await stream.send(b"\r\n" * 10_000)
    assert [200] == await statuses(stream, LAST, 1)


async def test_one_that_fails_here_hurts_no_other(client, connected, webhook, monkeypatch):
    """The three are taken in one go; what goes wrong is told without detail."""

    def verify(request, secrets):
        if request.body == b"{}":
            raise ZeroDivisionError("a secret")
        return verified(request, secrets)

    verified = eachlabs.verify
    monkeypatch.setattr(eachlabs, "verify", verify)
    streams = [await connected(webhook(body)) for body in (DONE, b"{}", DONE)]
    replies = [(await answers(stream, 1))[0] for stream in streams]

    assert [200, 500, 200] == [status for status, _, _ in replies]
    assert b"a secret" not in replies[1][2]
    assert [DONE] * 2 == await kept(client)


async def test_who_hangs_up_early_is_kept_nonetheless(context, client, stream, webhook):
    heard = context.store.version("read")
    await stream.send(webhook())
    await stream.aclose()
    await context.store.wait("read", heard, 5)

    assert [DONE] == await kept(client)


async def test_a_server_that_ends_answers_what_it_took_and_closes(stream, webhook, monkeypatch):
    """A connection that is told to shut down while a webhook is on its way to the disk."""
    begun = []
    accept = callbacks.CallbackHandler.accept

    def shut_down(handler, taken):
        for connection in begun:
            connection._inner.protocols[0].shutdown()
        accept(handler, taken)

    feed = Connection.data_received
    monkeypatch.setattr(Connection, "data_received", lambda self, data: (begun.append(self), feed(self, data))[1])
    monkeypatch.setattr(callbacks.CallbackHandler, "accept", shut_down)
    await stream.send(webhook())
    ((status, headers, _),) = await answers(stream, 1)

    assert (200, True) == (status, "connection: close" in headers)
    assert b"" == await read_to_end(stream)


async def test_a_server_that_ends_waits_for_a_webhook_that_has_begun_to_come(client, stream, webhook, monkeypatch):
    begun = []
    feed, said = Connection.data_received, webhook()
    more = anyio.Event()
    monkeypatch.setattr(
        Connection, "data_received", lambda self, data: (feed(self, data), begun.append(self), more.set())[0]
    )
    await stream.send(said[:20])
    await more.wait()
    begun[0]._inner.protocols[0].shutdown()

    await stream.send(said[20:])
    ((status, headers, _),) = await answers(stream, 1)

    assert (200, True) == (status, "connection: close" in headers)
    assert [DONE] == await kept(client)


async def test_what_cannot_even_be_logged_is_answered(client, connected, webhook, monkeypatch):
    """The disk is full of log lines: whoever waits is not left without a word, nor is anybody else of that moment."""

    class Full:
        def __getattr__(self, _name):
            raise OSError("no space left on device")

    monkeypatch.setattr(receive, "log", Full())
    monkeypatch.setattr(callbacks, "problem_of", lambda error: Full().of(error))
    said = [webhook(DONE), webhook(secret="guess"), webhook(b'{"challenge": "abc"}')]
    replies = [(await answers(await connected(request), 1))[0] for request in said]

    assert [500, 500, 200] == [status for status, _, _ in replies]
    assert [True, True, False] == ["connection: close" in headers for _, headers, _ in replies]


async def test_a_body_that_is_declared_too_large_is_not_awaited(context, stream, webhook):
    framing = f"Content-Length: {context.policy.limits.webhook_max_bytes + 1}\r\n"

    assert [413] == await statuses(stream, webhook(b"", framing=framing), 1)


async def test_what_comes_behind_a_body_is_no_header(client, stream, webhook):
    """RFC 9110 section 6.5.1: it could vouch for what it did not come with."""
    chunks = b"%x\r\n%b\r\n0\r\nX-Webhook-Secret: %b\r\n\r\n" % (len(DONE), DONE, WEBHOOK_SECRET.encode())
    said = webhook(chunks, secret="guess", framing="Transfer-Encoding: chunked\r\nTrailer: X-Webhook-Secret\r\n")

    assert [401] == await statuses(stream, said, 1)
    assert [401] == await statuses(stream, said.replace(b"X-Webhook-Secret: guess\r\n", b""), 1)


async def test_an_old_client_that_offers_another_protocol_is_hung_up_on(stream):
    """An HTTP/1.0 client reads until the end."""
    await stream.send(b"GET /health/live HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    ((status, headers, _),) = await answers(stream, 1)

    assert (200, True) == (status, "connection: close" in [header.lower() for header in headers])
    assert b"" == await read_to_end(stream)


async def test_old_client_gets_a_stream_without_chunks(stream):
    """HTTP/1.0 has none; the stream ends with its connection."""
    await stream.send(b"GET /v1/events/stream HTTP/1.0\r\n%b\r\n" % AUTHORIZATION)
    received = b""
    while b"\n\n" not in received:
        received += await stream.receive()

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body.startswith(b"retry: 1000\nid: ")


def fixture_webhooks():
    """(provider, the headers of its own, body) of every webhook of the fixtures."""
    for path in sorted(FIXTURES.glob("*/*webhook*.http")):
        head, _, body = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
        own = [line for line in head.split(b"\n")[1:] if not line.lower().startswith((b"content-length", b"host"))]
        yield path.stem, path.parent.name, b"".join(line + b"\r\n" for line in own), body


@pytest.fixture
def conversations(context, webhook, path):
    """Every conversation above and in the fixtures, by name; each ends its connection."""
    offer = "Connection: Upgrade\r\nUpgrade: h2c\r\n"
    own = {
        "good": webhook(), "forged": webhook(secret="guess"), "empty": webhook(b""),
        "challenge": webhook(b'{"challenge": "abc"}'), "challenge of no text": webhook(b'{"challenge": "\xff"}'),
        "unknown": webhook(path=path + "x"), "provider": webhook(path=path.replace("eachlabs", "runblob")),
        "nobody": webhook(path=path.replace("eachlabs", "nobody")), "query": webhook(path=path + "?a=b"),
        "nowhere": webhook(path="/callbacks/a/b/c"), "escaped": webhook(path=path.replace("eachlabs", "%65achlabs")),
        "offer": webhook(more=offer), "close": webhook(more="Connection: close\r\n"), "old": webhook(version="1.0"),
        "twice": webhook(framing="Content-Length: 3\r\nContent-Length: 3\r\n"),
        "both": webhook(b"0\r\n\r\n", framing="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        "odd length": webhook(framing="Content-Length: +3\r\n"), "no length": webhook(b"", framing="X-A: b\r\n"),
        "chunked": webhook(b"2\r\n{}\r\n0\r\n\r\n", framing="Transfer-Encoding: chunked\r\n"),
        "too large": webhook(b"x" * (context.policy.limits.webhook_max_bytes + 1)), "large": webhook(b"x" * 100_000),
        "edge": webhook(b"x" * 65536), "beyond": webhook(b"x" * 65537),
        "lower": webhook().replace(b"Host", b"hOST"), "folded": webhook(more="X-A: b\r\n c\r\n"),
        "options": b"OPTIONS %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode(),
        "get": b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode(),
        "get of nobody": b"GET %bx HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode(),
        "head": b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode(),
        "slash": webhook(path=path + "/"), "two slashes": webhook(path=path + "//"),
        "slash and query": webhook(path=path + "/?a=b"), "slash of nobody": webhook(path=path + "x/"),
        "get with a slash": b"GET %b/ HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode(),
        "older": b"GET /openapi.json HTTP/1.0\r\n\r\n",
        "older and kept": b"GET /health/live/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "head of a stream": b"HEAD /v1/events/stream HTTP/1.1\r\nHost: x\r\n%b\r\n" % AUTHORIZATION,
        "older head of a stream": b"HEAD /v1/events/stream HTTP/1.0\r\n%b\r\n" % AUTHORIZATION,
        "several": webhook() + webhook(secret="guess") + LIVE + webhook(DONE + b" "),
    }  # fmt: skip
    for name, provider, headers, body in fixture_webhooks():
        url = context.callback_urls.url(provider, "default", "gen_1").removeprefix(PUBLIC_URL).encode()
        own[name] = b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (url, headers, len(body), body)
    return own


@pytest.fixture(scope="module")
def first_answers():
    """The answers to each conversation by the first way, per database."""
    return {}


async def test_every_conversation_is_answered_alike_by_both_ways(
    connected, conversations, store, first_answers, request
):
    """The answers are alike to the byte, but for the moment in `date` and a new `x-request-id`."""
    here = {}
    for name, said in conversations.items():
        answer = await read_to_end(await connected(said + LAST))
        here[name] = b"\r\n".join(
            line for line in answer.split(b"\r\n") if not line.startswith((b"date: ", b"x-request-id: "))
        )
    assert len(here) > 30
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in here.values())

    assert here == first_answers.setdefault(type(store).__name__, here)


@pytest.mark.parametrize(
    ("version", "tested"), [("0.54.0", True), ("0.53.1", True), ("0.52.9", False), ("1.0.0", False), ("dev", False)]
)
def test_only_versions_that_were_tried_take_the_fast_way(version, tested):
    assert tested == is_tested(version)
