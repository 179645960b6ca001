"""Where URLs given by users may lead: nobody is called who may not be."""

import ipaddress
import socket
import tracemalloc

import pytest

from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import NotSent, Reason, Transport
from arrivals.outbound.url import read_url
from tests.support.processes import OK, Peer, call_of, listening

BLOCKED = [
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/",
    "https://[fe80::1%25lo]/",
    "https://[fc00::1]/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://[ff02::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[::7f00:1]/",
    "https://127。0。0。1/",
    "https://localhost/",
    "https://0x7f000001/",
    "https://user:password@example.com/",
    "https://user@example.com/",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "example.com/path",
    "https:///path",
    "https://example.com:99999/",
    "https://[example/",
]


@pytest.mark.parametrize("url", BLOCKED)
async def test_destination_that_is_not_public_is_blocked(url):
    transport = Transport(OutboundPolicy())
    with pytest.raises(NotSent) as caught:
        await transport.deliver(call_of(url), 5, 100)
    with pytest.raises(NotSent):
        async with transport.fetch(call_of(url, "GET"), provider=False):
            pass
    await transport.close()
    assert Reason.BLOCKED == caught.value.reason


@pytest.mark.parametrize("url", [url for url in BLOCKED if url not in ("https://localhost/", "https://0x7f000001/")])
def test_what_can_be_seen_in_the_url_is_said_before_it_is_stored(url):
    assert OutboundPolicy().objection(url)


@pytest.mark.parametrize("url", ["https://example.com/hook?a=1", "https://1.1.1.1/", "https://[2606:4700::1]:8443/x"])
def test_public_destination_is_fine(url):
    assert OutboundPolicy().objection(url) is None


def test_allowed_network_opens_itself_alone():
    destinations = OutboundPolicy([ipaddress.ip_network("10.1.0.0/16")])
    assert destinations.objection("http://10.1.2.3/") is None
    assert destinations.objection("https://[::ffff:10.1.2.3]/") is None
    assert destinations.objection("http://example.com/") is None, "only its address can tell"
    assert "not a public address" in destinations.objection("http://10.2.0.1/")
    assert "not a public address" in destinations.objection("http://1.1.1.1/")


@pytest.mark.parametrize(
    ("address", "scheme", "expected"),
    [
        ("1.1.1.1", "https", True),
        ("1.1.1.1", "http", False),
        ("127.0.0.1", "https", False),
        ("10.1.0.1", "http", True),
        ("::ffff:10.1.0.1", "http", True),
        ("fe80::1%eth0", "https", False),
    ],
)
def test_address_decides(address, scheme, expected):
    assert expected is OutboundPolicy([ipaddress.ip_network("10.1.0.0/16")]).permits(address, scheme)


async def test_provider_is_called_wherever_the_operator_says():
    """Its host is the operator's word; nobody else chose it."""
    transport = Transport(OutboundPolicy())
    async with listening(Peer(OK)) as url:
        assert b"ok" == (await transport.send(call_of(url))).body
        with pytest.raises(NotSent):
            await transport.deliver(call_of(url), 5, 100)
    await transport.close()


async def test_connection_goes_to_the_address_that_was_checked(monkeypatch):
    """Of a name's addresses only the permitted are called, and it is asked for once: a second answer fools nobody."""
    resolved = []
    answers = [["127.0.0.1", "127.0.0.2"], ["127.0.0.1"]]

    def getaddrinfo(host, port, *_args, **_options):
        resolved.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)) for address in answers.pop(0)
        ]

    good, trap = Peer(OK), Peer(OK)
    transport = Transport(OutboundPolicy([ipaddress.ip_network("127.0.0.2/32")]))
    async with listening(good, host="127.0.0.2") as url:
        port = int(url.rpartition(":")[2])
        async with listening(trap, port=port):
            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
            reply = await transport.deliver(call_of(f"http://rebinding.example:{port}/"), 5, 100)
            monkeypatch.undo()
    await transport.close()
    assert (b"ok", 1, 0) == (reply.body, good.connections, trap.connections)
    assert ["rebinding.example"] == resolved


async def test_name_of_which_no_address_is_permitted_says_so():
    transport = Transport(OutboundPolicy())
    with pytest.raises(NotSent, match="localhost resolves to no address that may be called"):
        await transport.deliver(call_of("https://localhost"), 5, 100)
    await transport.close()


@pytest.fixture
def remembered():
    """How much memory is held by what was remembered of URLs of this length, once they are gone."""

    def held(length, ask, count=20):
        tracemalloc.start()
        try:
            for number in range(count):
                ask(f"https://app.example/{number}".ljust(length, "x"))
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    return held


def test_a_url_has_a_bound():
    longest = "https://app.example/".ljust(8192, "x")
    assert OutboundPolicy().objection(longest) is None
    assert "the URL is longer than 8192 characters" == OutboundPolicy().objection(longest + "x")


def test_what_was_found_out_about_long_urls_is_not_kept(remembered):
    """Neither about those that are refused, nor about those that are only long."""
    destinations = OutboundPolicy()
    assert remembered(1_000_000, destinations.objection) < 100_000
    # What Python itself remembers of the last of them is there in any case.
    assert remembered(8000, destinations.objection, count=1000) < 4_000_000


def test_a_long_url_of_a_call_is_read_and_not_kept(remembered):
    assert remembered(5000, read_url, count=1000) < 8_000_000
    assert "/" + "x" * 5000 == read_url("https://app.example/" + "x" * 5000).path
