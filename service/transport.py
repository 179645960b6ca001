"""The only way out: sends a call, answers with its reply, or says whether the call may have arrived.

httpx is the interface. Its own connection pool slows down with concurrency, so the connections are aiohttp's, which
also takes a resolver: a connection goes to exactly the addresses that were checked.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
import errno
from http.cookiejar import CookieJar, DefaultCookiePolicy
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from service.core.http import HttpCall, HttpReply
from service.destinations import Destinations

CONNECT_TIMEOUT_S = 10.0
REPLY_MAX_BYTES = 32 * 1024 * 1024  # a provider may inline an image in its answer
USER_AGENT = "Arrivals"


class Reason(StrEnum):
    """Why there is no reply, by name."""

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

    def __init__(self, destinations: Destinations, scheme: str) -> None:
        super().__init__()
        self._destinations, self._scheme = destinations, scheme

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            found = await super().resolve(host, port, family)
        except UnicodeError as error:  # a label that is empty or too long
            raise OSError(errno.EINVAL, f"{host} is not a name") from error
        permitted = [result for result in found if self._destinations.permits(result["host"], self._scheme)]
        if not permitted:
            raise _BlockedAddress(errno.EACCES, f"{host} resolves to no address that may be called")
        return permitted


class _BlockedAddress(OSError):
    """No address of the name may be called."""


class Transport:
    """Connections to providers (whose hosts the operator names) and to anywhere else (whose addresses are checked)."""

    def __init__(self, destinations: Destinations) -> None:
        self.destinations = destinations
        tls = ssl.create_default_context()
        self._ask = _client(tls)
        # A submission gets a connection of its own: one that idled may be closed just as it is used, and nobody knows.
        self._submit = _client(tls, force_close=True)
        self._outside = {
            scheme: _client(tls, resolver=_CheckedResolver(destinations, scheme)) for scheme in ("https", "http")
        }

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._ask, self._submit, *self._outside.values()):
            await client.aclose()

    async def ask(self, call: HttpCall, timeout_s: float = 30.0) -> HttpReply:
        """A question to a provider. Raises NotSent, NoAnswer."""
        return await self._whole(self._ask, call, timeout_s, REPLY_MAX_BYTES)

    async def submit(self, call: HttpCall, timeout_s: float = 60.0) -> HttpReply:
        """A submission to a provider. Raises NotSent (surely not accepted) and NoAnswer (nobody knows)."""
        return await self._whole(self._submit, call, timeout_s, REPLY_MAX_BYTES)

    async def look(self, call: HttpCall, timeout_s: float = 30.0) -> HttpReply:
        """A question whose answer is JSON or a file; a file is left where it is. Raises NotSent, NoAnswer."""
        return await self._whole(self._ask, call, timeout_s, REPLY_MAX_BYTES, only_json=True)

    async def deliver(self, call: HttpCall, timeout_s: float, answer_bytes: int) -> HttpReply:
        """A call to a destination that a user named; only the first `answer_bytes` of the answer are kept."""
        return await self._whole(self._guarded(call.url), call, timeout_s, answer_bytes, cut=True)

    @asynccontextmanager
    async def fetch(self, call: HttpCall, *, provider: bool, timeout_s: float = 30.0) -> AsyncIterator[Streamed]:
        """A reply as it comes, from a provider's own origin or from anywhere. Raises NotSent, NoAnswer."""
        client = self._ask if provider else self._guarded(call.url)
        async with self._opened(client, call, timeout_s, timeout_s) as reply:
            yield reply

    @asynccontextmanager
    async def stream(self, call: HttpCall, answer_s: float, idle_s: float) -> AsyncIterator[Streamed]:
        """A submission whose answer is a stream, which may be silent for `idle_s`. Raises NotSent, NoAnswer."""
        async with self._opened(self._submit, call, answer_s, idle_s) as reply:
            yield reply

    @asynccontextmanager
    async def _opened(
        self, client: httpx.AsyncClient, call: HttpCall, answer_s: float, each_s: float
    ) -> AsyncIterator[Streamed]:
        with _in_our_words():
            request = _request(client, call)
            with anyio.fail_after(answer_s):
                response = await client.send(request, stream=True)
            try:
                body = _in_time(response.aiter_raw(), each_s)
                yield Streamed(http_status=response.status_code, headers=_headers(response), body=body)
            finally:
                await response.aclose()

    def _guarded(self, url: str) -> httpx.AsyncClient:
        objection = self.destinations.objection(url)
        if objection:
            raise NotSent(Reason.BLOCKED, objection)
        return self._outside[urlsplit(url).scheme]

    async def _whole(
        self,
        client: httpx.AsyncClient,
        call: HttpCall,
        timeout_s: float,
        most: int,
        *,
        cut: bool = False,
        only_json: bool = False,
    ) -> HttpReply:
        with _in_our_words(), anyio.fail_after(timeout_s):
            response = await client.send(_request(client, call), stream=True)
            try:
                body = bytearray()
                if only_json and response.is_success and not _is_json(response):
                    return HttpReply(http_status=response.status_code, headers=_headers(response))
                # What is cut is not unpacked either: a few bytes may hold gigabytes.
                async for chunk in response.aiter_raw() if cut else response.aiter_bytes():
                    body += chunk
                    if len(body) > most:
                        break
            finally:
                await response.aclose()
        if len(body) > most and not cut:
            raise NoAnswer(Reason.TOO_LARGE, f"the answer is larger than {most} bytes")
        return HttpReply(http_status=response.status_code, headers=_headers(response), body=bytes(body[:most]))


def _client(
    tls: ssl.SSLContext, *, force_close: bool = False, resolver: AbstractResolver | None = None
) -> httpx.AsyncClient:
    """One client; no cookies are kept (subscribers share it), no proxy is taken from the environment."""
    connector = aiohttp.TCPConnector(limit=0, ssl=tls, force_close=force_close, resolver=resolver)
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    return httpx.AsyncClient(
        transport=AiohttpTransport(client=session, verify=tls),
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S, pool=CONNECT_TIMEOUT_S),
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # What comes from outside is kept or passed on as it comes, so it should come as it is.
        headers={"user-agent": USER_AGENT, "accept": "*/*"} | ({"accept-encoding": "identity"} if resolver else {}),
    )


async def _in_time(chunks: AsyncIterator[bytes], each_s: float) -> AsyncIterator[bytes]:
    """The chunks, each within the time; a host that stalls does not hold a connection for ever."""
    while True:
        with anyio.fail_after(each_s):
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        yield chunk


def _request(client: httpx.AsyncClient, call: HttpCall) -> httpx.Request:
    return client.build_request(call.method, call.url, headers=dict(call.headers), content=call.body)


def _is_json(response: httpx.Response) -> bool:
    told: str = response.headers.get("content-type", "")
    return told.partition(";")[0].strip().lower().endswith("json")


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Turns every way a call can go wrong into NotSent or NoAnswer.

    The aiohttp error behind httpx's decides: the adapter reports a server that disconnected after it was sent a request
    as a connect timeout, which would let a submission be made twice.
    """
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, UnicodeError) as error:
        cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
        unsent = _unsent(cause)
        if unsent:
            raise NotSent(unsent, str(cause)) from error
        reason = Reason.TIMEOUT if isinstance(cause, TimeoutError) else Reason.DISCONNECTED
        raise NoAnswer(reason, str(cause) or type(cause).__name__) from error


def _unsent(cause: BaseException) -> Reason | None:
    """The reason if no connection was made, so that nothing was sent."""
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Reason.BLOCKED if isinstance(cause.os_error, _BlockedAddress) else Reason.DNS
    if isinstance(cause, aiohttp.ClientSSLError):
        return Reason.TLS
    if isinstance(cause, aiohttp.ClientConnectorError):
        return Reason.CONNECT
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        return Reason.TIMEOUT
    no_url = aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | httpx.InvalidURL | httpx.UnsupportedProtocol
    if isinstance(cause, no_url):
        return Reason.CONNECT
    return None
