"""The bodies of answers: to their last byte, within a time, only their beginning, or whole in spite of a break."""

from collections.abc import AsyncIterator

import aiohttp
import anyio
import httpx

from arrivals.core.wire import from_json

FAILURES = (aiohttp.ClientError, httpx.InvalidURL, OSError, ValueError)  # every way a call can go wrong
SHOWN_S = 2.0  # for the body of a delivery's answer, which is only shown to people
BEGINNING = 64  # bytes, by which a file is told from words
SLOWEST_BYTES_PER_S = 1024  # of a file that is passed on as it comes


async def pieces(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """To the last byte that came before a break: aiohttp tells of the break first and keeps them to itself.

    They may name what a provider works on, and be all that anybody will ever say of it.
    """
    try:
        async for piece in content.iter_any():
            yield piece
    except aiohttp.ClientError:
        left = content._read_nowait(-1)  # noqa: SLF001 - nothing public gives them
        if left:
            yield left
        raise


async def until_whole(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of JSON, which ends where it is whole, whatever else was promised."""
    came = bytearray()
    try:
        async for chunk in chunks:
            came += chunk
            yield chunk
    except aiohttp.ClientPayloadError:
        if not is_whole(came):
            raise


async def in_time(chunks: AsyncIterator[bytes], each_s: float, *, drips: bool) -> AsyncIterator[bytes]:
    """The chunks, each within the time; a host that stalls does not hold a connection forever.

    Nor does one that lets a byte fall now and then, unless it `drips` rightly: a stream is silent between its events.
    """
    left_s = each_s  # to wait; what comes earns more of it
    while True:
        began = anyio.current_time()
        with anyio.fail_after(each_s if drips else min(each_s, left_s)):
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        left_s += len(chunk) / SLOWEST_BYTES_PER_S - (anyio.current_time() - began)
        yield chunk


async def read_beginning(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The beginning of an answer's body, as far as it comes in time; the answer itself is complete without it."""
    body = bytearray()
    with anyio.move_on_after(SHOWN_S):
        try:
            async for chunk in pieces(response.content):
                body += chunk
                if len(body) >= max_bytes:
                    break
        except FAILURES:
            pass  # it broke off within what nobody waits for
    return bytes(body[:max_bytes])


def is_text(body: bytes | bytearray) -> bool:
    """True for an answer that begins as JSON or a page does, and is no file."""
    return bytes(body[:BEGINNING]).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[", b"<")


def is_whole(body: bytes | bytearray) -> bool:
    """True for a JSON object that came whole before a break: some promise more than they send."""
    try:
        return isinstance(from_json(bytes(body)), dict)
    except ValueError:
        return False
