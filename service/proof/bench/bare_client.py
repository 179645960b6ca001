"""The ceiling of everything that sends HTTP: the client that the service sends with, and nothing around it.

`python -m service.proof.bench.bare_client URL COUNT CONCURRENCY SIZE aiohttp|httpx` posts COUNT bodies of SIZE bytes
and prints what came of it. `httpx` is httpx' own connection pool instead of aiohttp's.
"""

import asyncio
from collections.abc import Iterator
import contextlib
import sys
from time import perf_counter

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
import msgspec

from service.proof.bench.figures import in_ms
from service.proof.bench.machine import loop_factory

HEADERS = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "webhook-id": "evt_00000000000000000000000000",
    "webhook-timestamp": "1700000000",
    "webhook-signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


def _client(pool: str, concurrency: int) -> httpx.AsyncClient:
    if pool == "httpx":
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        return httpx.AsyncClient(limits=limits, trust_env=False, timeout=30.0)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )
    return httpx.AsyncClient(transport=AiohttpTransport(client=session), trust_env=False, timeout=30.0)


async def _post(url: str, count: int, concurrency: int, size: int, pool: str) -> dict[str, float | None]:
    body = b"x" * size
    latencies: list[float] = []

    async def one_after_another(client: httpx.AsyncClient, left: Iterator[int]) -> None:
        for _ in left:
            sent_at = perf_counter()
            answer = await client.post(url, content=body, headers=HEADERS)
            answer.raise_for_status()
            latencies.append(perf_counter() - sent_at)

    async with _client(pool, concurrency) as client:
        for posts in (concurrency, count):  # the first of each connection is not counted
            latencies.clear()
            began, left = perf_counter(), iter(range(posts))
            await asyncio.gather(*(one_after_another(client, left) for _ in range(concurrency)))
            took = perf_counter() - began
    return {"per_second": count / took, "p99_ms": in_ms(latencies)["p99_ms"]}


def main(url: str, count: int, concurrency: int, size: int, pool: str) -> None:
    """Post them all, then print one JSON object."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner, contextlib.suppress(KeyboardInterrupt):
        print(msgspec.json.encode(runner.run(_post(url, count, concurrency, size, pool))).decode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
