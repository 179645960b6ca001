"""A retry for results that can be had only once, until the database takes them: a submission's answer is paid for."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from arrivals.flow.context import Context
from arrivals.store.engine.base import Unavailable
from arrivals.store.engine.signals import Signal

log = structlog.get_logger()

T = TypeVar("T")

AGAIN_S = 1.0


async def until_stored(context: Context, step: Callable[[], Awaitable[T]]) -> T:
    """The result of the step, which is repeated while the database cannot be used.

    The step must be safe to repeat: a commit whose answer was lost may have been made. It waits as long as its caller
    lets it: stopping the process, or the time limit of an item, cancels it.
    """
    while True:
        version = context.store.version(Signal.SETTLED)  # notified by whoever could use the database again
        try:
            return await step()
        except Unavailable as error:
            log.warning("buffered", reason=str(error), again_in_s=AGAIN_S)
        await context.store.wait(Signal.SETTLED, version, AGAIN_S)
