"""Every fault of a network, at every stage, by every way out: the outcome in our words, in bounded time and memory."""

from contextlib import asynccontextmanager
from datetime import timedelta
import gzip
import ipaddress
import socket
import ssl
import tracemalloc
from types import SimpleNamespace
from typing import Any

import anyio
from anyio.streams.tls import TLSListener
import pytest

from arrivals.core.http import HttpReply
from arrivals.outbound import bodies
from arrivals.outbound import transport as room
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import NoAnswer, NotSent, Reason, Transport
from tests.support.certificates import DAY, Authority
from tests.support.processes import OK, call_of, hang_up, ignore

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
PATIENCE_S, IMPATIENCE_S, LARGEST = 20.0, 0.15, 200_000  # only who waits in vain is impatient
WAYS = ("submission", "poll", "delivery", "output", "file elsewhere")
ASKING = ("output", "file elsewhere")
AT_ONCE = 64 * 1024  # bytes that a peer says in one go
MEGABYTE = 2**20


async def goes(transport, way, url, patience_s):
    """Makes a call of that kind; returns its reply or raises its error."""
    call = call_of(url)
    if way == "submission":
        return await transport.submit(call, patience_s)
    if way == "poll":
        return await transport.send(call, patience_s)
    if way == "delivery":
        return await transport.deliver(call, patience_s, 100)
    async with transport.fetch(call_of(url, "GET"), provider=way == "output", timeout_s=patience_s) as reply:
        kept = b""
        async for chunk in reply.body:
            kept = (kept + chunk)[:LARGEST]  # as whoever passes it on
            if len(kept) == LARGEST:
                break
        return HttpReply(http_status=reply.http_status, headers=reply.headers, body=kept)


class Teller:
    """A peer that takes a request and then says these pieces, the last of them forever if it is `endless`."""

    def __init__(self, *pieces, endless=False, pause_s=0.0, hangs=False):
        self.pieces, self.endless, self.pause_s, self.hangs = pieces, endless, pause_s, hangs
        self.said = self.requests = 0

    async def __call__(self, stream):
        """One connection."""
        async with stream:
            try:
                await stream.receive()
                self.requests += 1
                for piece in self.pieces:
                    await self._say(stream, piece)
                while self.endless:
                    await self._say(stream, self.pieces[-1])
                if self.hangs:
                    await anyio.sleep_forever()
            except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError, ssl.SSLError):
                pass  # it was hung up on

    async def _say(self, stream, piece):
        await stream.send(piece)
        self.said += len(piece)
        if self.pause_s:
            await anyio.sleep(self.pause_s)


@asynccontextmanager
async def listening(peer, context=None, host="127.0.0.1"):
    """The URL of a listening peer, with TLS if there is a context for it."""
    plain = await anyio.create_tcp_listener(local_host=host)
    port = plain.extra(anyio.abc.SocketAttribute.local_port)
    listener = plain if context is None else TLSListener(plain, context, standard_compatible=False)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, peer)
        yield f"{'https' if context else 'http'}://{host}:{port}/x"
        group.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(bodies, "SLOWEST_BYTES_PER_S", 10_000)
    monkeypatch.setattr(bodies, "SHOWN_S", IMPATIENCE_S)
    monkeypatch.setattr(room, "REPLY_MAX_BYTES", LARGEST)


@pytest.fixture
async def transport(_small):
    open_transport = Transport(OutboundPolicy(LOOPBACK))
    yield open_transport
    await open_transport.close()


@pytest.fixture
def _connects_soon(monkeypatch):
    monkeypatch.setattr(room, "CONNECT_TIMEOUT_S", IMPATIENCE_S)


async def outcome(transport, way, url, patience_s=PATIENCE_S):
    """The outcome in our terms: ("not sent" | "no answer", reason), or ("reply", status)."""
    with anyio.fail_after(2 * patience_s + 5):
        try:
            return "reply", (await goes(transport, way, url, patience_s)).http_status
        except NotSent as error:
            return "not sent", error.reason
        except NoAnswer as error:
            return "no answer", error.reason


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
A_CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"
TIMEOUT, CUT = ("no answer", Reason.TIMEOUT), ("no answer", Reason.DISCONNECTED)
TOO_LARGE = ("no answer", Reason.TOO_LARGE)
REPLY = ("reply", 200)
# A subscriber has answered with its head.
BODY_TIMEOUT, BODY_CUT = ({**dict.fromkeys(WAYS, bad), "delivery": REPLY} for bad in (TIMEOUT, CUT))

# what is wrong: (who does it, what comes of it; by way, or for every way)
FAULTS = {
    "says nothing": (lambda: Teller(hangs=True), TIMEOUT),
    "says half a status line": (lambda: Teller(b"HTTP/1.1 2", hangs=True), TIMEOUT),
    "drips its head": (lambda: Teller(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n", endless=True, pause_s=0.01), TIMEOUT),
    "says to wait forever": (lambda: Teller(b"HTTP/1.1 100 Continue\r\n\r\n", endless=True, pause_s=0.01), TIMEOUT),
    "stops behind its head": (lambda: Teller(HEAD + b"content-length: 5\r\n\r\n", hangs=True), BODY_TIMEOUT),
    "drips its body": (
        lambda: Teller(CHUNKED, b"1\r\nx\r\n", endless=True, pause_s=0.01),
        BODY_TIMEOUT,
    ),
    "stops in its body": (lambda: Teller(HEAD + b"content-length: 5\r\n\r\nab", hangs=True), BODY_TIMEOUT),
    "cuts its body": (lambda: Teller(HEAD + b"content-length: 5\r\n\r\nab"), BODY_CUT),
    "cuts a chunk": (lambda: Teller(CHUNKED + b"5\r\nab"), BODY_CUT),
    "hangs up": (lambda: hang_up, CUT),
    "hangs up when asked": (Teller, CUT),
    "speaks no HTTP": (lambda: Teller(b"SSH-2.0-OpenSSH_9.6\r\n"), CUT),
    "answers bytes": (lambda: Teller(bytes(range(256)) * 4), CUT),
    "says two lengths": (lambda: Teller(HEAD + b"content-length: 2\r\ncontent-length: 5\r\n\r\nab"), CUT),
    "says a negative length": (lambda: Teller(HEAD + b"content-length: -2\r\n\r\nab"), CUT),
    "says no number of a chunk": (lambda: Teller(CHUNKED + b"zz\r\nab\r\n"), CUT),
    "says a chunk of all there is": (lambda: Teller(CHUNKED + b"fffffffffffffffff\r\nab"), CUT),
    "has a header without an end": (lambda: Teller(b"HTTP/1.1 200 OK\r\nx-a: ", b"x" * AT_ONCE, endless=True), CUT),
    "has headers without an end": (
        lambda: Teller(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n" * 1000, endless=True),
        CUT,
    ),
    "sends gigabytes": (
        lambda: Teller(CHUNKED, A_CHUNK, endless=True),
        {"submission": TOO_LARGE, "poll": TOO_LARGE, "delivery": REPLY, "output": REPLY, "file elsewhere": REPLY},
    ),
    "announces gigabytes": (
        lambda: Teller(HEAD + b"content-length: 99999999999\r\n\r\n", b"x" * AT_ONCE, endless=True),
        {"submission": TOO_LARGE, "poll": TOO_LARGE, "delivery": REPLY, "output": REPLY, "file elsewhere": REPLY},
    ),
    "redirects into the machine": (
        lambda: Teller(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
        ("reply", 302),
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_a_peer_does_it_has_an_outcome_in_our_words(transport, fault, way):
    make, expected = FAULTS[fault]
    peer = make()
    async with listening(peer) as url:
        impatient = expected in (TIMEOUT, BODY_TIMEOUT)
        result = await outcome(transport, way, url, IMPATIENCE_S if impatient else PATIENCE_S)

    assert (expected[way] if isinstance(expected, dict) else expected) == result
    if isinstance(peer, Teller):
        # Nothing is sent again; a GET that was hung up on may be, because it does nothing.
        assert peer.requests <= 1 or (way in ASKING and peer.requests == 2 and fault == "hangs up when asked")
        assert peer.said < 20 * MEGABYTE  # what the sockets between us hold, and not more


@pytest.mark.usefixtures("_connects_soon")
@pytest.mark.parametrize("way", WAYS)
async def test_connection_that_nobody_takes_is_not_sent(transport, way):
    """A full backlog: the kernel answers nothing, as a firewall does."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        result = await outcome(transport, way, f"http://127.0.0.1:{full.getsockname()[1]}/x")

    assert ("not sent", Reason.TIMEOUT) == result


# ---------------------------------------------------------------- packed answers


@pytest.mark.parametrize("way", WAYS)
async def test_packed_answer_takes_no_more_memory_than_a_plain_one(transport, way):
    """A hundred megabytes in a hundred kilobytes."""
    packed = gzip.compress(bytes(100 * MEGABYTE))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    async with listening(Teller(head + packed)) as url:
        tracemalloc.start()
        try:
            result = await outcome(transport, way, url)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert most < 40 * MEGABYTE
    expected = {"submission": (TOO_LARGE, CUT), "poll": (TOO_LARGE, CUT)}
    assert result in expected.get(way, (REPLY,))


# ---------------------------------------------------------------- certificates

AUTHORITY, NOBODY = Authority("an authority of the tests"), Authority("an authority that nobody trusts")
CERTIFICATES: dict[str, tuple[Authority, dict[str, Any], Any]] = {
    "good": (AUTHORITY, {}, REPLY),
    "of another host": (AUTHORITY, {"host": "other.example.com"}, ("not sent", Reason.TLS)),
    "over": (AUTHORITY, {"begins": -2 * DAY, "ends": -DAY}, ("not sent", Reason.TLS)),
    "not yet good": (AUTHORITY, {"begins": timedelta(hours=1), "ends": 2 * DAY}, ("not sent", Reason.TLS)),
    "vouching for itself": (AUTHORITY, {"own": True}, ("not sent", Reason.TLS)),
    "by a stranger": (NOBODY, {}, ("not sent", Reason.TLS)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CERTIFICATES)
async def test_bad_certificate_is_sent_nothing(tmp_path, monkeypatch, name, way):
    """Not even the path; and a good one is."""
    authority, wrong, expected = CERTIFICATES[name]
    (tmp_path / "trusted.pem").write_bytes(AUTHORITY.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    machine = SimpleNamespace(openssl_cafile=str(tmp_path / "trusted.pem"), openssl_capath="/nowhere")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: machine)
    transport = Transport(OutboundPolicy(LOOPBACK))
    peer = Teller(OK)
    async with listening(peer, authority.context(tmp_path, **wrong)) as url:
        result = await outcome(transport, way, url)
    await transport.close()

    assert expected == result
    assert (peer.requests == 1) == (name == "good")


@pytest.mark.usefixtures("_connects_soon")
@pytest.mark.parametrize("way", WAYS)
async def test_peer_that_hangs_or_talks_nonsense_before_tls_is_not_sent(transport, way):
    async def nonsense(stream):
        async with stream:
            await stream.receive()
            await stream.send(b"220 mail.example.com ESMTP\r\n")

    for peer, reason in ((ignore, Reason.TIMEOUT), (nonsense, Reason.TLS)):
        async with listening(peer) as url:
            assert ("not sent", reason) == await outcome(transport, way, url.replace("http", "https"))


# ---------------------------------------------------------------- names


@pytest.fixture
def names(monkeypatch):
    """The addresses that names resolve to: each answer in turn, the last one from then on."""
    addresses_by_host = {}

    real = socket.getaddrinfo

    def resolve(host, port, *args, **options):
        if host not in addresses_by_host:
            return real(host, port, *args, **options)
        answers = addresses_by_host[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return addresses_by_host


OUTSIDE = ("delivery", "file elsewhere")
ONE_ADDRESS = OutboundPolicy([ipaddress.ip_network("127.0.0.1/32")])


@pytest.mark.parametrize("way", OUTSIDE)
@pytest.mark.parametrize(
    "address", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0"]
)
async def test_name_that_leads_inside_is_blocked(names, way, address):
    names["inside.example.com"] = [[address]]
    transport = Transport(ONE_ADDRESS)

    result = await outcome(transport, way, "http://inside.example.com/x")
    await transport.close()

    assert ("not sent", Reason.BLOCKED) == result


@pytest.mark.parametrize("way", OUTSIDE)
async def test_name_that_changes_its_address_behind_the_check_is_blocked(names, way):
    """DNS rebinding: first where we may go, then inside. The connection goes to what was checked, every time."""
    public, inside = Teller(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"), Teller(OK)
    transport = Transport(ONE_ADDRESS)
    async with listening(public) as url, listening(inside, host="127.0.0.2") as inner:
        port = url.rpartition(":")[2].partition("/")[0]
        inner_port = inner.rpartition(":")[2].partition("/")[0]
        names["rebound.example.com"] = [["127.0.0.1"], ["127.0.0.2"]]
        first = await outcome(transport, way, f"http://rebound.example.com:{port}/x")
        second = await outcome(transport, way, f"http://rebound.example.com:{inner_port}/x")
    await transport.close()

    assert [REPLY, ("not sent", Reason.BLOCKED)] == [first, second]
    assert (1, 0) == (public.requests, inside.requests)


@pytest.mark.parametrize("way", OUTSIDE)
async def test_of_several_addresses_only_those_that_may_be_called_are(names, way):
    public, inside = Teller(OK), Teller(OK)
    transport = Transport(ONE_ADDRESS)
    async with listening(public) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        inner = await anyio.create_tcp_listener(local_host="127.0.0.2", local_port=port)
        async with inner, anyio.create_task_group() as group:
            group.start_soon(inner.serve, inside)
            names["both.example.com"] = [["127.0.0.2", "10.0.0.1", "127.0.0.1"]]
            result = await outcome(transport, way, f"http://both.example.com:{port}/x")
            group.cancel_scope.cancel()
    await transport.close()

    assert REPLY == result
    assert (1, 0) == (public.requests, inside.requests)
