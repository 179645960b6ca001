"""The ceiling of everything that sends HTTP: a client, and nothing around it.

`python -m arrivals.lab.bench.bare_client URL COUNT CONCURRENCY SIZE aiohttp|httpx|direct` posts COUNT bodies of SIZE
bytes and prints what came of it. `aiohttp` is httpx over aiohttp's connections, `httpx` its own connection pool, and
`direct` is aiohttp alone, which is what the service itself sends with.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
import contextlib
from functools import partial
import sys
from time import perf_counter
from typing import TypeAlias

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
import msgspec

from arrivals.lab.bench.figures import in_ms
from arrivals.lab.bench.machine import loop_factory

HEADERS = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "webhook-id": "evt_00000000000000000000000000",
    "webhook-timestamp": "1700000000",
    "webhook-signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


Post: TypeAlias = Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def _client(pool: str, concurrency: int, url: str, body: bytes) -> AsyncIterator[Post]:
    """Yields a function that posts the body once and raises for any answer but a good one."""
    if pool == "httpx":
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30.0) as client:
            yield partial(_by_httpx, client, url, body)
        return
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )
    if pool == "direct":
        async with session:
            yield partial(_by_aiohttp, session, url, body)
        return
    async with httpx.AsyncClient(transport=AiohttpTransport(client=session), trust_env=False, timeout=30.0) as client:
        yield partial(_by_httpx, client, url, body)


async def _by_httpx(client: httpx.AsyncClient, url: str, body: bytes) -> None:
    answer = await client.post(url, content=body, headers=HEADERS)
    answer.raise_for_status()


async def _by_aiohttp(session: aiohttp.ClientSession, url: str, body: bytes) -> None:
    async with session.post(url, data=body, headers=HEADERS, allow_redirects=False) as answer:
        answer.raise_for_status()
        await answer.read()


async def _post(url: str, count: int, concurrency: int, size: int, pool: str) -> dict[str, float | None]:
    latencies: list[float] = []

    async def one_after_another(post: Post, left: Iterator[int]) -> None:
        for _ in left:
            sent_at = perf_counter()
            await post()
            latencies.append(perf_counter() - sent_at)

    async with _client(pool, concurrency, url, b"x" * size) as post:
        for posts in (concurrency, count):  # the first of each connection is not counted
            latencies.clear()
            began, left = perf_counter(), iter(range(posts))
            await asyncio.gather(*(one_after_another(post, left) for _ in range(concurrency)))
            took = perf_counter() - began
    return {"per_second": count / took, "p99_ms": in_ms(latencies)["p99_ms"]}


def main(url: str, count: int, concurrency: int, size: int, pool: str) -> None:
    """Posts them all, then prints one JSON object."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner, contextlib.suppress(KeyboardInterrupt):
        print(msgspec.json.encode(runner.run(_post(url, count, concurrency, size, pool))).decode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
