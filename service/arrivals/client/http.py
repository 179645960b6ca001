"""Calls to the service, and the two ways in which one fails."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import os
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from arrivals.core.proxies import read_proxies
from arrivals.core.wire import from_json

CONNECT_TIMEOUT_S = 10.0


class ServiceError(Exception):
    """The service answered with an error: its HTTP status, its `code` for programs, its `detail` for people.

    `problem` is the whole document (RFC 9457) with an entry in `errors` for each field; empty if there was none.
    """

    def __init__(self, status: int, code: str, detail: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.problem = status, code, detail, problem or {}


class Unreachable(Exception):
    """No answer came: nobody knows whether the call arrived."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"nothing answers at {url} ({reason}); is `arrivals serve` running?")
        self.url, self.reason = url, reason


class Broken(Exception):
    """An answer broke off before its end."""


def connections_to(url: str, timeout_s: float) -> httpx.Client:
    """Connections to a service or a program, by the environment's proxy for it. Raises ValueError.

    Trusted are SSL_CERT_FILE and SSL_CERT_DIR, or else the authorities of this machine and of certifi.
    """
    proxy = read_proxies(os.environ).proxy_for(url)
    if not url.lower().startswith("https:"):
        return httpx.Client(trust_env=False, timeout=timeout_s, proxy=proxy)
    try:
        authorities = httpx.create_ssl_context()
    except OSError as error:
        raise ValueError(
            f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {error}"
        ) from error
    authorities.load_default_certs()
    return httpx.Client(trust_env=False, timeout=timeout_s, proxy=proxy, verify=authorities)


def path(*parts: str) -> str:
    """`/v1/…` with each part escaped."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


class Http:
    """Calls to one service with one key. Redirects are not followed: the key goes nowhere else."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self.url, key = url.strip().rstrip("/"), key.strip()
        if not key.isprintable():
            raise ValueError("the API key has a line end within, or another control character")
        self._timeout_s = timeout_s
        self._key = f"Bearer {key}".encode()  # bytes, so that a key with odd letters is refused by the service
        self._client = connections_to(self.url, timeout_s)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def call(
        self,
        method: str,
        where: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        wait_s: float = 0.0,
    ) -> Any:
        """The JSON answer; None where it has no content. Raises ServiceError, Unreachable."""
        of_body = {"content-type": "application/json"} if body is not None else {}
        with self._in_our_words():
            request = self._request(
                method,
                where,
                params=params,
                headers={**of_body, **(headers or {})},
                idle_s=self._timeout_s + wait_s,
                content=None if body is None else msgspec.json.encode(body),
            )
            response = self._client.send(request)
        if response.status_code == httpx.codes.NO_CONTENT:
            return None
        payload = _json(response)
        if not response.is_success or payload is None:
            raise _error(response, payload)
        return payload

    def stream(
        self, where: str, params: Mapping[str, Any], headers: Mapping[str, str], idle_s: float
    ) -> httpx.Response:
        """An answer whose body is still coming; close it. Raises ServiceError, Unreachable."""
        with self._in_our_words():
            request = self._request("GET", where, params=params, headers=headers, idle_s=idle_s)
            response = self._client.send(request, stream=True)
        if response.is_success and response.headers.get("content-type", "").startswith("text/event-stream"):
            return response
        try:
            with self._in_our_words():
                response.read()
        finally:
            response.close()
        raise _error(response, _json(response))

    @contextmanager
    def download(self, where: str) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yields the content type of an answer, and its bytes as they come.

        Raises ServiceError, Unreachable, Broken.
        """
        with self._in_our_words():
            request = self._request("GET", where, params=None, headers={}, idle_s=self._timeout_s)
            response = self._client.send(request, stream=True)
        try:
            if not response.is_success:
                with self._in_our_words():
                    response.read()
                raise _error(response, _json(response))
            yield response.headers.get("content-type", ""), _whole(response)
        finally:
            response.close()

    def _request(
        self,
        method: str,
        where: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        idle_s: float,
        content: bytes | None = None,
    ) -> httpx.Request:
        present = {name: value for name, value in (params or {}).items() if value is not None}
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        return self._client.build_request(
            method,
            self.url + where,
            params=present or None,
            content=content,
            headers=[(b"authorization", self._key), *sent],
            timeout=httpx.Timeout(idle_s, connect=CONNECT_TIMEOUT_S),
        )

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise Unreachable(self.url, str(error) or type(error).__name__) from error


def _whole(response: httpx.Response) -> Iterator[bytes]:
    """The bytes of an answer. Raises Broken where it breaks off, so that nobody takes it for whole."""
    try:
        yield from response.iter_bytes()
    except httpx.HTTPError as error:
        raise Broken(f"the answer broke off ({str(error) or type(error).__name__}); try again") from error


def _json(response: httpx.Response) -> Any:
    """The answer's JSON; None where it is no JSON."""
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        return from_json(response.content)
    except ValueError:
        return None


def _error(response: httpx.Response, payload: Any) -> ServiceError:
    answer = payload if isinstance(payload, dict) else {}
    otherwise = f"HTTP {response.status_code}; is this the URL of an Arrivals service?"
    code, detail = str(answer.get("code", "")), str(answer.get("detail", otherwise))
    ours = str(answer.get("type", "")).startswith("urn:arrivals:problem:")
    return ServiceError(response.status_code, code, detail, answer if ours else None)
