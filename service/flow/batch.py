"""What many do at the same time, done together: who comes while one batch is written goes into the next.

There is no window to wait for: the first comer is a batch of one, and the busier it gets the larger the batches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from service.store.base import Unavailable

T = TypeVar("T")
R = TypeVar("R")

MOST = 512  # items in one batch, which is one transaction


class Batch(Generic[T, R]):
    """`write` does a whole batch: a result for each item, in order; an exception among them is raised to its owner."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """The item's result, when the batch that it is in was written."""
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await result

    async def _write_all(self) -> None:
        owners: list[asyncio.Future[R]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                owners = [owner for _, owner in batch]
                results = await self._written([item for item, _ in batch])
                for owner, result in zip(owners, results, strict=True):
                    _tell(owner, result)
        except BaseException as error:  # noqa: BLE001 - the process ends: whoever waits is told why
            for owner in [*owners, *(owner for _, owner in self._waiting)]:
                _tell(owner, error)
            self._waiting.clear()
        finally:
            self._writing = None

    async def _written(self, items: Sequence[T]) -> Sequence[R | Exception]:
        """A batch that fails is done again one by one, so that one bad item stops nobody."""
        try:
            return await self._write(items)
        except Unavailable as error:  # the items are innocent
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - it is raised to the item's owner
            if len(items) == 1:
                return [error]
        return [result for item in items for result in await self._written([item])]


def _tell(owner: asyncio.Future[R], result: R | BaseException) -> None:
    if owner.done():
        return  # nobody waits for it any more
    if isinstance(result, BaseException):
        owner.set_exception(result)
    else:
        owner.set_result(result)
