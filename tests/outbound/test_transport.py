"""The only way out: NotSent is certain, NoAnswer is not."""

import gzip
import ipaddress
import socket

import anyio
import pytest

from arrivals.core.http import HttpReply
from arrivals.core.wire import from_json
from arrivals.outbound import bodies
from arrivals.outbound import transport as room
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import NoAnswer, NotSent, Reason, Transport
from tests.support.processes import OK, VERBS, Peer, call_of, hang_up, ignore, listening, read_and_hang_up, say

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@pytest.mark.parametrize("verb", VERBS)
async def test_reply_comes_back_whole(transport, verb):
    peer = Peer(b"HTTP/1.1 418 No\r\nX-One: a\r\nx-one: b\r\ncontent-length: 3\r\n\r\n\x00\xff!")
    async with listening(peer) as url:
        reply = await say(transport, verb, f"{url}/path?q=1")
    headers = {"x-one": "a, b", "content-length": "3"}
    assert HttpReply(http_status=418, headers=headers, body=b"\x00\xff!") == reply
    (request,) = peer.requests
    assert request.startswith(b"POST /path?q=1 HTTP/1.1\r\n")
    assert b"\r\nuser-agent: arrivals\r\n" in request.lower()


async def test_headers_and_body_go_out_as_given(transport, upstream):
    upstream.answers = [200]
    await transport.submit(call_of(upstream.url, headers={"Authorization": "Bearer key", "x-empty": ""}))
    (request,) = upstream.requests
    assert ("POST", b"{}", "Bearer key", "") == (
        request.method, request.body, request.headers["authorization"], request.headers["x-empty"],
    )  # fmt: skip


# ---------------------------------------------------------------- surely not sent


@pytest.mark.parametrize("verb", VERBS)
async def test_refused_connection_is_not_sent(transport, verb):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent) as caught:
            await say(transport, verb, f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert Reason.CONNECT == caught.value.reason


@pytest.mark.parametrize("verb", VERBS)
async def test_name_nobody_has_is_not_sent(transport, verb):
    with pytest.raises(NotSent) as caught:
        await say(transport, verb, "https://nonexistent.invalid")
    assert Reason.DNS == caught.value.reason


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"], ids=["long", "empty"])
async def test_impossible_name_is_not_sent(transport, host):
    with pytest.raises(NotSent) as caught:
        await say(transport, "deliver", f"https://{host}")
    assert Reason.DNS == caught.value.reason


@pytest.mark.parametrize("verb", VERBS)
async def test_tls_to_a_plain_port_is_not_sent(transport, verb):
    async def speak(stream):
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 this is a plain HTTP server\r\n\r\n")

    async with listening(speak, scheme="https") as url:
        with pytest.raises(NotSent) as caught:
            await say(transport, verb, url)
    assert Reason.TLS == caught.value.reason


@pytest.mark.parametrize("verb", VERBS)
async def test_peer_that_hangs_up_before_tls_is_not_sent(transport, verb):
    async with listening(hang_up, scheme="https") as url:
        with pytest.raises(NotSent) as caught:
            await say(transport, verb, url)
    assert Reason.CONNECT == caught.value.reason


@pytest.mark.parametrize("verb", VERBS)
async def test_connection_that_takes_too_long_is_not_sent(monkeypatch, verb):
    monkeypatch.setattr(room, "CONNECT_TIMEOUT_S", 0.02)
    transport = Transport(OutboundPolicy([LOOPBACK]))
    async with listening(ignore, scheme="https") as url:
        with pytest.raises(NotSent) as caught:
            await say(transport, verb, url)
    await transport.close()
    assert Reason.TIMEOUT == caught.value.reason


@pytest.mark.parametrize("url", ["", "no url", "http://[::1", "ftp://127.0.0.1/", "http://127.1/", "https://a\\b/"])
@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_no_url_is_not_sent(transport, verb, url):
    with pytest.raises(NotSent) as caught:
        await say(transport, verb, url)
    assert caught.value.reason in (Reason.CONNECT, Reason.BLOCKED)


# ---------------------------------------------------------------- nobody knows


@pytest.mark.parametrize("peer", [hang_up, read_and_hang_up])
@pytest.mark.parametrize("verb", VERBS)
async def test_server_that_closes_without_an_answer_leaves_it_unknown(transport, verb, peer):
    """The adapter calls this a connect timeout; believing that would pay twice."""
    async with listening(peer) as url:
        with pytest.raises(NoAnswer) as caught:
            await say(transport, verb, url)
    assert Reason.DISCONNECTED == caught.value.reason


@pytest.mark.parametrize(
    "half",
    [
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf",
        b"this is no HTTP\r\n\r\n",
    ],
    ids=["head", "body", "chunk", "nonsense"],
)
@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_half_an_answer_leaves_it_unknown(transport, verb, half):
    async with listening(Peer(half)) as url:
        with pytest.raises(NoAnswer) as caught:
            await say(transport, verb, url)
    assert Reason.DISCONNECTED == caught.value.reason


@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_answer_that_cannot_be_unpacked_leaves_it_unknown(transport, verb):
    async with listening(Peer(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope")) as url:
        with pytest.raises(NoAnswer):
            await say(transport, verb, url)


@pytest.mark.parametrize("verb", VERBS)
async def test_reason_phrase_in_no_encoding_is_an_answer_like_any_other(transport, verb):
    async with listening(Peer(b"HTTP/1.1 200 \xff\xfe\r\ncontent-length: 2\r\n\r\nok")) as url:
        assert b"ok" == (await say(transport, verb, url)).body


HALF_A_HEAD = [b"HTTP/1.1 200 OK\r\ncontent-le", b"this is no HTTP\r\n\r\n"]


@pytest.mark.parametrize("half", HALF_A_HEAD, ids=["head", "nonsense"])
async def test_half_a_head_delivers_nothing(transport, half):
    async with listening(Peer(half)) as url:
        with pytest.raises(NoAnswer) as caught:
            await say(transport, "deliver", url)
    assert Reason.DISCONNECTED == caught.value.reason


@pytest.mark.parametrize("hangs", [False, True], ids=["breaks off", "stalls"])
@pytest.mark.parametrize(
    "half", [b"content-length: 100\r\n\r\nhalf", b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
async def test_head_of_a_subscribers_answer_is_its_answer(transport, monkeypatch, half, hangs):
    """The body is for people: a subscriber whose status line said 200 is not told again."""
    monkeypatch.setattr(bodies, "SHOWN_S", 0.05)
    async with listening(Peer(b"HTTP/1.1 200 OK\r\n" + half, hangs=hangs)) as url:
        reply = await say(transport, "deliver", url)
    assert (200, b"half") == (reply.http_status, reply.body)


async def test_endless_answer_of_a_subscriber_is_left(transport):
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b"x" * 1000) * 50
    async with listening(Peer(endless, hangs=True)) as url:
        assert (200, b"x" * 100) == ((reply := await say(transport, "deliver", url)).http_status, reply.body)


@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_json_that_is_whole_is_an_answer_though_more_was_promised(transport, verb):
    """A gateway that counts otherwise; the id of what was paid for stands in it."""
    async with listening(Peer(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"id": "x-1"}')) as url:
        assert b'{"id": "x-1"}' == (await say(transport, verb, url)).body


@pytest.mark.parametrize("verb", VERBS)
async def test_head_of_an_answer_may_be_long_and_not_endless(transport, verb):
    long, endless = (
        b"HTTP/1.1 200 OK\r\nx-trace: %b\r\ncontent-length: 2\r\n\r\nok" % (b"t" * size) for size in (60_000, 200_000)
    )
    async with listening(Peer(long)) as url:
        assert b"ok" == (await say(transport, verb, url)).body
    async with listening(Peer(endless)) as url:
        with pytest.raises(NoAnswer):
            await say(transport, verb, url)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"], ids=["head", "body"])
@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_server_that_hangs_leaves_it_unknown(transport, verb, answer):
    async with listening(Peer(answer, hangs=True)) as url:
        with pytest.raises(NoAnswer) as caught:
            await say(transport, verb, url, timeout_s=0.05)
    assert Reason.TIMEOUT == caught.value.reason


@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_too_large_an_answer_is_no_answer(transport, verb, monkeypatch):
    monkeypatch.setattr(room, "REPLY_MAX_BYTES", 10)
    async with listening(Peer(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901")) as url:
        with pytest.raises(NoAnswer, match="larger than 10 bytes") as caught:
            await say(transport, verb, url)
    assert Reason.TOO_LARGE == caught.value.reason


async def test_answer_of_a_subscriber_is_cut(transport):
    """It is asked for plainly; what comes packed all the same is not unpacked: a few bytes may hold gigabytes."""
    packed = gzip.compress(b"x" * 100_000)
    answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n" + b"y" * 200]
    answers.append(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed)
    for answer, expected in zip(answers, (b"y" * 100, packed[:100]), strict=True):
        peer = Peer(answer)
        async with listening(peer) as url:
            assert (200, expected) == ((reply := await say(transport, "deliver", url)).http_status, reply.body)
        assert b"\r\naccept-encoding: identity\r\n" in peer.requests[0].lower()


async def test_no_submission_meets_a_connection_that_idled(transport):
    """The server says nothing of closing and closes; each submission has a connection of its own and is answered."""
    peer = Peer(OK)
    async with listening(peer) as url:
        for _ in range(5):
            assert b"ok" == (await transport.submit(call_of(url))).body
    assert 5 == peer.connections


@pytest.mark.parametrize("verb", ["send", "deliver"])
async def test_connections_are_kept_for_everything_else(transport, verb):
    peer = Peer(OK, OK, OK)
    async with listening(peer) as url:
        for _ in range(3):
            await say(transport, verb, url)
    assert 1 == peer.connections


@pytest.mark.parametrize("verb", VERBS)
async def test_kept_connection_that_the_server_closed_is_never_not_sent(transport, verb):
    """Whether the closing is noticed in time or not: an answer, or nobody knows."""
    outcomes = set()
    peer = Peer(OK)
    async with listening(peer) as url:
        for _ in range(10):
            try:
                outcomes.add((await say(transport, verb, url)).http_status)
            except NoAnswer:
                outcomes.add("unknown")
    assert outcomes <= {200, "unknown"}
    assert 200 in outcomes


# ---------------------------------------------------------------- what is not done


@pytest.mark.parametrize("verb", VERBS)
async def test_redirects_are_not_followed(transport, verb, upstream):
    upstream.answers = [(302, b"", {"location": "/elsewhere"})]
    assert 302 == (await say(transport, verb, upstream.url)).http_status
    assert ["/"] == [request.path for request in upstream.requests]


@pytest.mark.parametrize("verb", VERBS)
async def test_cookies_are_not_kept(transport, verb, upstream):
    upstream.answers = [(200, b"", {"set-cookie": "a=b; Path=/"}), 200]
    await say(transport, verb, upstream.url)
    await say(transport, verb, upstream.url)
    assert [False, False] == ["cookie" in request.headers for request in upstream.requests]


@pytest.mark.parametrize("verb", VERBS)
async def test_no_proxy_is_taken_from_the_environment(transport, verb, upstream, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    upstream.answers = [200]
    assert 200 == (await say(transport, verb, upstream.url)).http_status


# ---------------------------------------------------------------- streams


@pytest.mark.parametrize("provider", [True, False])
async def test_fetched_body_comes_as_it_is(transport, upstream, provider):
    packed = gzip.compress(b"an image")
    upstream.answers = [(200, packed, {"content-type": "image/png", "content-encoding": "gzip"})]
    async with transport.fetch(call_of(upstream.url, "GET"), provider=provider) as streamed:
        body = b"".join([chunk async for chunk in streamed.body])
    assert (200, "image/png", packed) == (streamed.http_status, streamed.headers["content-type"], body)


async def test_fetch_that_breaks_off_says_so(transport):
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"
    async with listening(Peer(answer)) as url:
        with pytest.raises(NoAnswer):
            async with transport.fetch(call_of(url, "GET"), provider=False) as streamed:
                assert [] == [chunk async for chunk in streamed.body if chunk != b"half"]


async def test_fetch_does_not_wait_for_ever(transport):
    async with listening(Peer(b"", hangs=True)) as url:
        with pytest.raises(NoAnswer) as caught:
            async with transport.fetch(call_of(url, "GET"), provider=True, timeout_s=0.05):
                pass
    assert Reason.TIMEOUT == caught.value.reason


async def test_fetch_does_not_wait_for_ever_for_the_rest(transport):
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"
    async with listening(Peer(answer, hangs=True)) as url:
        with pytest.raises(NoAnswer) as caught:
            async with transport.fetch(call_of(url, "GET"), provider=False, timeout_s=0.05) as streamed:
                assert [] == [chunk async for chunk in streamed.body if chunk != b"half"]
    assert Reason.TIMEOUT == caught.value.reason


async def test_fetch_may_be_left_halfway(transport, upstream):
    upstream.answers = [(200, b"x" * 1_000_000, {}), 200]
    async with transport.fetch(call_of(upstream.url, "GET"), provider=True) as streamed:
        assert 200 == streamed.http_status
    assert 200 == (await transport.send(call_of(upstream.url))).http_status


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(text):
    return b"%x\r\n%b\r\n" % (len(text), text)


async def heard(transport, url, *, answer_s=5.0, idle_s=5.0):
    """(HTTP status, what came) of a streamed submission."""
    async with transport.stream(call_of(url), answer_s, idle_s) as streamed:
        return streamed.http_status, b"".join([piece async for piece in streamed.body])


async def test_stream_is_heard_to_its_end(transport):
    peer = Peer(HEAD + chunk(b"data: a\n\n") + chunk(b"data: b\n\n") + chunk(b""))
    async with listening(peer) as url:
        assert (200, b"data: a\n\ndata: b\n\n") == await heard(transport, url)
    assert peer.requests[0].startswith(b"POST / HTTP/1.1\r\n")


async def test_stream_is_given_as_it_comes(transport):
    """Its end is not waited for, and leaving it closes the connection."""
    peer = Peer(HEAD + chunk(b"data: a\n\n"), hangs=True)
    async with listening(peer) as url, transport.stream(call_of(url), 5.0, 5.0) as streamed:
        assert "text/event-stream" == streamed.headers["content-type"]
        assert b"data: a\n\n" == await anext(streamed.body)


async def test_what_came_before_a_break_is_heard_before_it(transport):
    """It may name the work, and nobody says it again; whoever is busy meanwhile must not miss it."""
    peer, pieces = Peer(HEAD + chunk(b"data: a\n\n")), []

    async def late(url):
        async with transport.stream(call_of(url), 5.0, 5.0) as streamed:
            await peer.closed.wait()
            for _ in range(20):  # turns of the loop, in which the break is noticed
                await anyio.lowlevel.checkpoint()
            async for piece in streamed.body:
                pieces.append(piece)  # noqa: PERF401 - it ends in a raise

    async with listening(peer) as url:
        with pytest.raises(NoAnswer, match="disconnected"):
            await late(url)

    assert [b"data: a\n\n"] == pieces


async def test_every_stream_has_a_connection_of_its_own(transport):
    """As every submission: one that idled may be closed just as it is used."""
    peer = Peer(OK)
    async with listening(peer) as url:
        for _ in range(3):
            assert (200, b"ok") == await heard(transport, url)
    assert 3 == peer.connections


async def test_stream_to_nobody_is_not_sent(transport):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent) as caught:
            await heard(transport, f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert Reason.CONNECT == caught.value.reason


@pytest.mark.parametrize("peer", [hang_up, read_and_hang_up])
async def test_stream_that_is_closed_before_its_head_leaves_it_unknown(transport, peer):
    async with listening(peer) as url:
        with pytest.raises(NoAnswer) as caught:
            await heard(transport, url)
    assert Reason.DISCONNECTED == caught.value.reason


@pytest.mark.parametrize("answer", [HEAD, HEAD + chunk(b"data: a\n\n"), HEAD + b"ff\r\nhalf"], ids=range(3))
async def test_stream_that_breaks_off_says_so(transport, answer):
    async with listening(Peer(answer)) as url:
        with pytest.raises(NoAnswer) as caught:
            await heard(transport, url)
    assert Reason.DISCONNECTED == caught.value.reason


@pytest.mark.parametrize(
    ("answer", "waits"),
    [(b"", {"answer_s": 0.05}), (HEAD, {"idle_s": 0.05}), (HEAD + chunk(b"data: a\n\n"), {"idle_s": 0.05})],
    ids=["before its head", "after its head", "between events"],
)
async def test_silent_stream_is_left(transport, answer, waits):
    async with listening(Peer(answer, hangs=True)) as url:
        with pytest.raises(NoAnswer) as caught:
            await heard(transport, url, **waits)
    assert Reason.TIMEOUT == caught.value.reason


# ---------------------------------------------------------------- files that are left where they are


@pytest.mark.parametrize("content_type", [b"video/mp4", b"binary/octet-stream", b"application/json", b""], ids=str)
async def test_file_is_left_where_it_is(transport, content_type):
    """Its beginning comes back at once, though its body never ends; what it is called does not matter."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: 1000000000\r\n\r\n" % content_type
    async with listening(Peer(head + b"\x00" * 100, hangs=True)) as url:
        reply = await transport.get_json(call_of(url, "GET"), 5.0)
    assert (200, b"\x00" * 100, content_type.decode()) == (reply.http_status, reply.body, reply.headers["content-type"])


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/JSON; charset=utf-8", "application/problem+json"]
)
async def test_json_instead_of_a_file_is_read_whole(transport, upstream, content_type):
    upstream.answers = [(200, {"url": "https://x.example/1.mp4"}, {"content-type": content_type})]
    reply = await transport.get_json(call_of(upstream.url, "GET"))
    assert {"url": "https://x.example/1.mp4"} == from_json(reply.body)


@pytest.mark.parametrize("http_status", [404, 302, 503])
async def test_error_instead_of_a_file_is_read_whole_whatever_it_is(transport, upstream, http_status):
    upstream.answers = [(http_status, b"<html>", {"content-type": "text/html"})]
    assert b"<html>" == (await transport.get_json(call_of(upstream.url, "GET"))).body


async def test_look_at_nobody_is_not_sent(transport):
    with pytest.raises(NotSent):
        await transport.get_json(call_of("http://127.0.0.1:1", "GET"))


async def test_look_does_not_wait_for_ever(transport):
    async with listening(Peer(b"", hangs=True)) as url:
        with pytest.raises(NoAnswer) as caught:
            await transport.get_json(call_of(url, "GET"), 0.05)
    assert Reason.TIMEOUT == caught.value.reason


async def test_json_instead_of_a_stream_is_heard_where_it_is_whole_though_more_was_promised(transport):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    async with listening(Peer(head + b'{"task_id": "t-1"}')) as url:
        assert (200, b'{"task_id": "t-1"}') == await heard(transport, url)
    async with listening(Peer(head + b'{"task_id": ')) as url:
        with pytest.raises(NoAnswer):
            await heard(transport, url)
