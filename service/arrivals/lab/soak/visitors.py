"""Visitors over HTTP beside those who order: readers of everything, and strangers whose requests are all wrong."""

from collections import Counter, deque
from collections.abc import Iterator
import itertools
import secrets
from typing import Any

import httpx

from arrivals.lab.bench.environment import Stage
from arrivals.lab.torture.application import Application

UNAVAILABLE, SERVER_ERROR = 503, 500
LARGE = b"x" * 2_000_000
WORDS_KEPT = 20
ANSWER_S = 20.0

LOOKS = (
    "/v1/generations?limit=50",
    "/v1/generations/{id}",
    "/v1/generations/{id}/timeline",
    "/v1/generations?status=failed&limit=20",
    "/v1/generations?provider=runblob&limit=20",
    "/v1/webhooks?limit=50",
    "/v1/generations/{id}/timeline",
    "/v1/events?after=0&limit=100",
    "/v1/events?after=0&type=generation.failed&limit=20",
    "/metrics",
    "/v1/providers",
    "/v1/subscribers",
    "/v1/replays",
    "/openapi.json",
    "/health/ready",
)
# Method, path and body of what has to be refused; {token} is made up each time. With the right key, but for the first.
WRONGS: tuple[tuple[str, str, bytes | None], ...] = (
    ("GET", "/v1/generations", None),
    ("POST", "/callbacks/eachlabs/{token}", b'{"exec_id": "nobody", "status": "succeeded"}'),
    ("POST", "/callbacks/runblob/{token}", b"<html>no JSON</html>"),
    ("POST", "/callbacks/nobody/{token}", b"{}"),
    ("POST", "/callbacks/eachlabs/{token}", LARGE),
    ("POST", "/v1/generations", b'{"provider": "eachlabs", "model": '),
    ("POST", "/v1/generations", b'{"provider": "nobody", "model": "none", "input": {"{token}": 1}}'),
    ("POST", "/v1/generations", b"[" * 10_000),
    ("GET", "/v1/generations/gen_{token}", None),
    ("GET", "/v1/events?after=minus-one&limit=many", None),
    ("DELETE", "/v1/events", None),
    ("GET", "/{token}", None),
)


class Visitors:
    """Sends one request per turn. Answers that are the service's own errors are kept in words."""

    def __init__(self, stage: Stage, application: Application) -> None:
        self.statuses: Counter[int] = Counter()
        self.unexpected: deque[str] = deque(maxlen=WORDS_KEPT)
        self.errors = 0
        self._recent = application.recent
        self._key = {"authorization": f"Bearer {stage.key}"}
        self._client = httpx.AsyncClient(base_url=stage.url, timeout=ANSWER_S, trust_env=False)
        self._looks: Iterator[str] = itertools.cycle(LOOKS)
        self._wrongs = itertools.cycle(WRONGS)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def look(self) -> None:
        """Reads something. Raises httpx.HTTPError, and LookupError when there is nothing yet."""
        path = next(self._looks)
        await self._ask("GET", path.format(id=self._recent[0].id) if "{id}" in path else path, headers=self._key)

    async def blunder(self) -> None:
        """Sends a wrong request. Raises httpx.HTTPError."""
        method, path, body = next(self._wrongs)
        token = secrets.token_urlsafe(24)
        headers = self._key if "/v1/generations" != path or body else {"authorization": f"Bearer {token}"}
        said = body.replace(b"{token}", token.encode()) if body else None
        await self._ask(method, path.format(token=token), content=said, headers=headers)

    async def _ask(self, method: str, path: str, **more: Any) -> None:
        answer = await self._client.request(method, path, **more)
        self.statuses[answer.status_code] += 1
        if answer.status_code >= SERVER_ERROR and answer.status_code != UNAVAILABLE:
            self.errors += 1
            self.unexpected.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
