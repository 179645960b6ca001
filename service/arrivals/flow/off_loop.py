"""Work on large data, done beside the event loop in steps that are short by themselves: nothing else waits for it."""

from collections.abc import Callable
from typing import TypeVar

import anyio

T = TypeVar("T")

MUCH_BYTES = 256 * 1024  # takes about a millisecond to encode or decode


async def run_off_loop(size: int, work: Callable[[], T]) -> T:
    """Does the work and returns its result; in a thread if the data is large."""
    if size <= MUCH_BYTES:
        return work()
    return await anyio.to_thread.run_sync(work)
