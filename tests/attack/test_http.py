"""Raw bytes to the real service: whatever comes, it answers below 500 or hangs up, and is there for others."""

from contextlib import suppress
import gzip
import re
import socket

from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
import pytest

from tests.attack.conftest import KEY
from tests.attack.mutation import worse

pytestmark = pytest.mark.timeout(60)

AUTH = f"Authorization: Bearer {KEY}\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
MEGABYTE = 2**20


def request(method, path, body=b"", headers=AUTH):
    """The bytes of a request."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}{length}\r\n".encode("latin-1") + body


def _received(peer, patience_s):
    """Some bytes; after a silence our side of the connection is closed for writing."""
    try:
        return peer.recv(65536)
    except TimeoutError:
        peer.settimeout(patience_s)
        peer.shutdown(socket.SHUT_WR)
        return peer.recv(65536)


def answers(service, raw, patience_s=10.0, impatience_s=5.0):
    """The statuses of the answers, and all of their bytes."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=patience_s) as peer:
        with suppress(OSError):  # it hangs up before it has read everything; what it said is still to be read
            peer.sendall(raw)
        answer = bytearray()
        peer.settimeout(impatience_s)
        with suppress(ConnectionError):
            while chunk := _received(peer, patience_s):
                answer += chunk
    return [int(status) for status in STATUS.findall(bytes(answer))], bytes(answer)


def unharmed(service):
    """Checks that the service answers others, and has logged no fault of its own."""
    with service.client() as client:
        assert 200 == client.get("/health/ready").status_code
    log = service.log()
    assert "Traceback" not in log
    assert "request_failed" not in log


ORDER = b'{"provider": "eachlabs", "model": "nothing-of-the-kind", "input": {"prompt": "a fox"}, "metadata": {"a": 1}}'
BODIES = {
    "NaN": (b'{"provider": NaN}', 400),
    "infinity": (b'{"deadline_s": 1e999}', 422),
    "cut off": (ORDER[:-1], 400),
    "two values": (ORDER + ORDER, 400),
    "duplicate keys": (b'{"provider": "vtrix", "provider": "nobody", "model": "m", "input": {}}', 422),
    "no UTF-8": (ORDER.replace(b"fox", b"f\xffx"), 400),
    "UTF-16": (ORDER.decode().encode("utf-16"), 400),
    "a mark before it": (b"\xef\xbb\xbf" + ORDER, 400),
    "half a surrogate": (ORDER.replace(b"fox", b"\\ud800"), 400),
    "a NUL": (ORDER.replace(b"nothing", b"\\u0000"), 422),
    "deep lists": (b"[" * 1_000_000, 400),
    "deep objects": (b'{"input":' * 300_000, 400),
    "deep inside": (ORDER.replace(b"1}", b"[" * 70 + b"]" * 70 + b"}"), 400),
    "very many values": (ORDER.replace(b"1}", b"[" + b"0," * 2_000_000 + b"0]}"), 400),
    "very many brackets": (ORDER.replace(b"1}", b"[" + b"[]," * 1_000_000 + b"0]}"), 400),
    "a long number": (ORDER.replace(b"1}", b"9" * 100_000 + b"}"), 422),
    "a packed one": (gzip.compress(b" " * 10_000_000), 400),
    "a form": (b"provider=eachlabs&model=x", 400),
    "nothing": (b"", 422),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("content_type", ["application/json", "\xff/;;="])
def test_body_that_is_wrong_is_a_problem_of_the_caller(service, name, content_type):
    body, expected = BODIES[name]
    headers = f"{AUTH}Content-Type: {content_type}\r\n" + (
        "Content-Encoding: gzip\r\n" if name == "a packed one" else ""
    )

    statuses, said = answers(service, request("POST", "/v1/generations", body, headers))

    assert [expected] == statuses, said[:500]
    assert b"application/problem+json" in said


def test_no_body_is_unpacked_or_larger_than_it_may_be(service):
    """A packed webhook is kept as it came, if its sender is anybody; one that is too large is refused unread."""
    before = service.memory()
    path = "/v1/generations"

    huge, _ = answers(service, request("POST", path, headers=f"{AUTH}Content-Length: {10**12}\r\n"))
    liar, _ = answers(service, request("POST", path, headers=f"{AUTH}Content-Length: -1\r\n"))
    twice, _ = answers(service, request("POST", path, headers=f"{AUTH}Content-Length: 1\r\nContent-Length: 2\r\n"))
    smuggled, _ = answers(
        service, request("POST", path, headers=f"{AUTH}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")
    )

    assert [[413], [400], [400], [400]] == [huge, liar, twice, smuggled]
    assert service.memory() - before < 64 * MEGABYTE
    unharmed(service)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%00%ff%c0%af/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/generations/%00 HTTP/1.1\r\nHost: x\r\n" + AUTH.encode() + b"\r\n",
        b"GET /v1/events?after=%00&type=%ff HTTP/1.1\r\nHost: x\r\n" + AUTH.encode() + b"\r\n",
        b"GET /v1/generations?after=%F0%9F&since=-9999999-01-01 HTTP/1.1\r\nHost: x\r\n" + AUTH.encode() + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /v1/generations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /v1/generations HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"POST /callbacks/eachlabs/\xff HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /callbacks/eachlabs/" + b"a~" * 30_000 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
        b"\r\n" * 10_000,
    ],
    ids=range(16),
)  # fmt: skip
def test_what_is_hardly_http_is_answered_below_500_or_not_at_all(service, raw):
    statuses, said = answers(service, raw, impatience_s=0.2)

    assert all(status < 500 for status in statuses), said[:500]
    assert b"Traceback" not in said


SEEDS = (
    request("GET", "/v1/generations?limit=5&status=completed&since=2026-11-20T12:00:00Z"),
    request("GET", "/v1/events?after=0&type=generation.*&wait=0"),
    request(
        "POST",
        "/v1/generations",
        ORDER,
        AUTH + "Idempotency-Key: a\r\nPrefer: wait=0\r\nContent-Type: application/json\r\n",
    ),
    request(
        "POST", "/v1/generations/bulk", ORDER.replace(b'"input": {"prompt": "a fox"}', b'"inputs": [{"prompt": "a"}]')
    ),
    request(
        "POST", "/v1/subscribers", b'{"url": "ftp://x", "event_types": ["ping"], "filter": {"metadata": {"a": [1]}}}'
    ),
    request(
        "POST",
        "/v1/replays",
        b'{"kind": "events", "filters": {"missed": true, "since": "2026-11-20"}, "dry_run": true}',
    ),
    request("PATCH", "/v1/subscribers/sub_none", b'{"paused": true, "rate_per_s": 0.5}'),
    request("GET", "/v1/generations/gen_none/outputs/0", headers=AUTH + "Range: bytes=0-5\r\nIf-Range: x\r\n"),
    request("POST", "/callbacks/eachlabs/gen_1.default~sig", b'{"challenge": "x"}', "X-Webhook-Secret: x\r\n"),
    request("GET", "/metrics"),
)


def test_worse_copies_of_requests_are_answered_below_500(service):
    rng = st.randoms(use_true_random=False, note_method_calls=False)
    before = service.memory()

    @settings(derandomize=True, database=None, deadline=None, max_examples=120, suppress_health_check=[*HealthCheck])
    @for_all(st.builds(worse, st.sampled_from(SEEDS), st.sampled_from(SEEDS), rng))
    def answered(raw):
        # A mutation may ask to be made to wait.
        statuses, said = answers(service, re.sub(rb"wait=\d+", b"wait=0", raw), impatience_s=0.1)
        assert all(status < 500 for status in statuses), said[:500]
        assert b"Traceback" not in said

    answered()
    unharmed(service)
    assert service.memory() - before < 64 * MEGABYTE
