"""The only way out: sends a call, answers with its reply, or says whether the call may have arrived.

The connections are aiohttp's: it takes a resolver, so a connection goes to exactly the addresses that were checked, and
a call costs a third of what httpx over the same connections costs (its own pool slows down with concurrency besides;
`arrivals bench delivery` measures all three). URLs are read by httpx, here as where they are checked.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
import errno
from functools import lru_cache
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
import anyio
import httpx

from arrivals.core.http import HttpCall, HttpReply, is_good, join_headers
from arrivals.core.proxies import BadProxy, Proxies
from arrivals.outbound.authorities import machine_authorities, named_authorities
from arrivals.outbound.bodies import (
    BEGINNING,
    FAILURES,
    in_time,
    is_text,
    is_whole,
    pieces,
    read_beginning,
    until_whole,
)
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.tunnel import NoTunnel, connections_noted, no_tunnel
from arrivals.outbound.url import read_url

CONNECT_TIMEOUT_S = 10.0
HEAD_MAX_BYTES = 64 * 1024  # of one line of an answer's head: a policy or a trace may be longer than most allow
REPLY_MAX_BYTES = 32 * 1024 * 1024  # a provider may inline an image in its answer
USER_AGENT = "Arrivals"


class Reason(StrEnum):
    """The reason why there is no reply."""

    BLOCKED = "blocked_destination"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    TOO_LARGE = "answer_too_large"


class NotSent(Exception):
    """Surely nothing arrived: no connection was made. Safe to repeat."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class NoAnswer(Exception):
    """The call may have arrived, and no usable answer came. Repeating it may do the work twice."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """A reply whose body is still coming."""

    http_status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes] = field(repr=False)


class _CheckedResolver(aiohttp.ThreadedResolver):
    """Resolves a name and keeps only the addresses that may be called; the connector can reach no others."""

    def __init__(self, destinations: OutboundPolicy, scheme: str) -> None:
        super().__init__()
        self._destinations, self._scheme = destinations, scheme

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            results = await super().resolve(host, port, family)
        except UnicodeError as error:  # a label that is empty or too long
            raise OSError(errno.EINVAL, f"{host} is not a name") from error
        permitted = [result for result in results if self._destinations.permits(result["host"], self._scheme)]
        if not permitted:
            raise _BlockedAddress(errno.EACCES, f"{host} resolves to no address that may be called")
        return permitted


class _BlockedAddress(OSError):
    """No address of the name may be called."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A way out: its connections, and the proxies that they go through."""

    session: aiohttp.ClientSession
    proxies: Proxies


class Transport:
    """Connections to providers (whose hosts the operator names) and to anywhere else (whose addresses are checked).

    Only those to providers go through proxies and believe SSL_CERT_FILE: behind a proxy no address could be checked.
    """

    def __init__(self, destinations: OutboundPolicy, proxies: Proxies | None = None) -> None:
        self.destinations = destinations
        tls, proxies = named_authorities(), proxies or Proxies()
        proxied = bool(proxies.by_scheme)
        self._ask = _Way(_session(tls, proxied=proxied), proxies)
        self._fetch = _Way(_session(tls, proxied=proxied, unpack=False), proxies)
        # A submission gets a connection of its own: one that idled may be closed just as it is used, and nobody knows.
        self._submit = _Way(_session(tls, proxied=proxied, force_close=True), proxies)
        tls = machine_authorities()
        self._outside = {
            scheme: _Way(_session(tls, unpack=False, resolver=_CheckedResolver(destinations, scheme)), Proxies())
            for scheme in ("https", "http")
        }

    async def close(self) -> None:
        """Close all connections."""
        for way in (self._ask, self._fetch, self._submit, *self._outside.values()):
            await way.session.close()

    async def send(self, call: HttpCall, timeout_s: float = 30.0) -> HttpReply:
        """A question to a provider. Raises NotSent, NoAnswer."""
        return await self._whole(self._ask, call, timeout_s, REPLY_MAX_BYTES)

    async def submit(self, call: HttpCall, timeout_s: float = 60.0) -> HttpReply:
        """A submission to a provider. Raises NotSent (surely not accepted) and NoAnswer (nobody knows)."""
        return await self._whole(self._submit, call, timeout_s, REPLY_MAX_BYTES)

    async def get_json(self, call: HttpCall, timeout_s: float = 30.0) -> HttpReply:
        """A question whose answer is JSON or a file; of a file the beginning is read. Raises NotSent, NoAnswer."""
        return await self._whole(self._ask, call, timeout_s, REPLY_MAX_BYTES, leaves_files=True)

    async def deliver(self, call: HttpCall, timeout_s: float, answer_bytes: int) -> HttpReply:
        """A call to a destination that a user named. Raises NotSent, NoAnswer.

        Its head is the answer. Of the body, which is for people, the first `answer_bytes` are kept that come in time.
        """
        try:
            with anyio.fail_after(timeout_s):
                response = await _send(self._guarded(call.url), call, None)
        except FAILURES as error:
            raise _in_our_words(error) from error
        try:
            body = await read_beginning(response, answer_bytes)
        finally:
            response.close()
        return HttpReply(http_status=response.status, headers=join_headers(response.headers.items()), body=body)

    @asynccontextmanager
    async def fetch(self, call: HttpCall, *, provider: bool, timeout_s: float = 30.0) -> AsyncIterator[Streamed]:
        """A reply as it comes, from a provider's own origin or from anywhere. Raises NotSent, NoAnswer."""
        way = self._fetch if provider else self._guarded(call.url)
        async with self._opened(way, call, timeout_s, timeout_s, drips=False) as reply:
            yield reply

    @asynccontextmanager
    async def stream(self, call: HttpCall, answer_s: float, idle_s: float) -> AsyncIterator[Streamed]:
        """A submission whose answer is a stream, which may be silent for `idle_s`. Raises NotSent, NoAnswer."""
        async with self._opened(self._submit, call, answer_s, idle_s) as reply:
            yield reply

    @asynccontextmanager
    async def _opened(
        self, way: _Way, call: HttpCall, answer_s: float, each_s: float, *, drips: bool = True
    ) -> AsyncIterator[Streamed]:
        try:
            with anyio.fail_after(answer_s):
                response = await _send(way, call, None)
            try:
                body = in_time(pieces(response.content), each_s, drips=drips)
                if drips and response.content_type.endswith("json"):
                    body = until_whole(body)
                yield Streamed(http_status=response.status, headers=join_headers(response.headers.items()), body=body)
            finally:
                response.close()
        except FAILURES as error:
            raise _in_our_words(error) from error

    def _guarded(self, url: str) -> _Way:
        objection = self.destinations.objection(url)
        if objection:
            raise NotSent(Reason.BLOCKED, objection)
        return self._outside[urlsplit(url).scheme]

    async def _whole(
        self, way: _Way, call: HttpCall, timeout_s: float, max_bytes: int, *, leaves_files: bool = False
    ) -> HttpReply:
        body = bytearray()
        try:
            response = await _send(way, call, timeout_s)
            try:
                async for chunk in pieces(response.content):
                    body += chunk
                    if len(body) > max_bytes:
                        raise NoAnswer(Reason.TOO_LARGE, f"the answer is larger than {max_bytes} bytes")
                    if leaves_files and is_good(response.status) and len(body) >= BEGINNING and not is_text(body):
                        break
            finally:
                response.close()  # a connection whose answer was read to its end has gone back already
        except FAILURES as error:
            if not (isinstance(error, aiohttp.ClientPayloadError) and is_whole(body)):
                raise _in_our_words(error) from error
        return HttpReply(http_status=response.status, headers=join_headers(response.headers.items()), body=bytes(body))


def _session(
    tls: ssl.SSLContext,
    *,
    unpack: bool = True,
    force_close: bool = False,
    proxied: bool = False,
    resolver: AbstractResolver | None = None,
) -> aiohttp.ClientSession:
    """No cookies are kept (subscribers share it), and nothing is taken from the environment, where aiohttp would find
    passwords to send besides (~/.netrc).

    `unpack` False: what comes is kept or passed on as it comes. A few bytes may hold gigabytes.
    """
    connector = aiohttp.TCPConnector(limit=0, ssl=tls, force_close=force_close, resolver=resolver)
    packing = {} if unpack else {"accept-encoding": "identity"}
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"user-agent": USER_AGENT, "accept": "*/*", **packing},
        skip_auto_headers=("content-type",),
        max_line_size=HEAD_MAX_BYTES,
        max_field_size=HEAD_MAX_BYTES,
        trace_configs=[connections_noted()] if proxied else [],
        auto_decompress=unpack,
    )


async def _send(way: _Way, call: HttpCall, whole_s: float | None) -> aiohttp.ClientResponse:
    url, within, proxy = read_url(call.url), _within(whole_s, CONNECT_TIMEOUT_S), way.proxies.proxy_for(call.url)
    connected: list[bool] = []
    try:
        return await way.session.request(
            call.method, url, headers=call.headers, data=call.body, allow_redirects=False, timeout=within,
            proxy=proxy, trace_request_ctx=connected,
        )  # fmt: skip
    except aiohttp.ClientError as error:
        broken = no_tunnel(error, connected=bool(connected)) if proxy else None
        if broken:
            raise broken from error
        raise


@lru_cache(maxsize=64)
def _within(whole_s: float | None, connect_s: float) -> aiohttp.ClientTimeout:
    """The timeout of a whole call, up to the answer's last byte; None: only connecting is bounded."""
    return aiohttp.ClientTimeout(total=whole_s, connect=connect_s, sock_connect=connect_s)


def _in_our_words(error: Exception) -> NotSent | NoAnswer:
    unsent = _unsent(error)
    if unsent:
        return NotSent(unsent, str(error))
    reason = Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.DISCONNECTED
    # These quote what came, which may be anything, also what the call was admitted by.
    quotes = isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError)
    return NoAnswer(reason, "what came is no whole answer" if quotes else str(error) or type(error).__name__)


def _unsent(cause: BaseException) -> Reason | None:
    """The reason if no connection was made, so that nothing was sent."""
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Reason.BLOCKED if isinstance(cause.os_error, _BlockedAddress) else Reason.DNS
    if isinstance(cause, aiohttp.ClientSSLError):
        return Reason.TLS
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        return Reason.TIMEOUT
    no_url = aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | httpx.InvalidURL | BadProxy | NoTunnel
    return Reason.CONNECT if isinstance(cause, no_url | aiohttp.ClientConnectorError) else None
