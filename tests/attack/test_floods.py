"""Floods of connections against a real process: others are served meanwhile, and what it holds stays bounded."""

from contextlib import ExitStack, suppress
import socket

import pytest

from tests.attack.conftest import KEY, running
from tests.attack.test_http import MEGABYTE, ORDER, STATUS, request

pytestmark = pytest.mark.timeout(60)

HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
SLOW_BODY = request("POST", "/v1/generations", headers=f"Authorization: Bearer {KEY}\r\nContent-Length: 30000000\r\n")
BOUND = 96 * MEGABYTE


@pytest.fixture(scope="module")
def flooded(stand_ins, tmp_path_factory):
    """A service of its own: what others left behind in its memory is not to be counted."""
    with running(tmp_path_factory.mktemp("flooded"), stand_ins) as flooded_service:
        yield flooded_service


@pytest.fixture
def connected(flooded):
    """Makes so many connections that have said this, as far as they are let."""
    with ExitStack() as opened:

        def connect(count, said=b""):
            made = []
            for _ in range(count):
                peer = opened.enter_context(socket.create_connection(("127.0.0.1", flooded.port), timeout=5))
                with suppress(OSError):
                    peer.sendall(said)
                made.append(peer)
            return made

        yield connect


def still_serves(flooded):
    """Checks that the service takes an order from somebody else, within the time of a test."""
    with flooded.client() as client:
        assert 202 == client.post("/v1/generations", content=ORDER.replace(b"nothing-of-the-kind", b"flux")).status_code
        assert 200 == client.get("/health/ready").status_code


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2000, b""),
        (1000, HEAD),
        (500, HEAD + b"X-One: " + b"x" * 60_000),
        (500, b"POST /callbacks/eachlabs/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 200_000),
        (200, HEAD + b"\r\n"),
    ],
    ids=["that say nothing", "with half a head", "with a large head", "with half a body for nobody", "that are kept"],
)
def test_thousands_of_connections_cost_a_bounded_share_of_memory(flooded, connected, count, said):
    before = flooded.memory()

    connected(count, said)

    still_serves(flooded)
    assert flooded.memory() - before < BOUND


def pour(peer):
    """A hundred megabytes of headers."""
    for number in range(100_000):
        peer.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))


def test_heads_without_an_end_are_cut_off(flooded, connected):
    before = flooded.memory()
    for peer in connected(20, HEAD):
        with pytest.raises(OSError, match=r"(?i)reset|broken|abort"):
            pour(peer)

    still_serves(flooded)
    assert flooded.memory() - before < BOUND


def test_bodies_of_one_key_share_a_bounded_part_of_memory(flooded, connected):
    """Twenty callers with a key send 25 MB each and stop just before the end."""
    before = flooded.memory()

    peers = connected(20, SLOW_BODY + b" " * 25_000_000)

    still_serves(flooded)
    assert flooded.memory() - before < 3 * 256 * MEGABYTE
    refused = []
    for peer in peers:
        peer.setblocking(False)
        with suppress(OSError):
            refused += STATUS.findall(peer.recv(65536))
    assert b"503" in refused
    assert set(refused) <= {b"503", b"408"}
