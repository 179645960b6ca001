"""What many do at the same time, done together: who comes while one batch is written goes into the next.

There is no window to wait for: the first comer is a batch of one, and the busier it gets the larger the batches. Where
whoever is answered comes again, large ones are made equal (`halved`): if nearly all of them went in every second batch,
the disk and the loop would wait for each other in turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from arrivals.store.engine.base import Unavailable

T = TypeVar("T")
R = TypeVar("R")

Told: TypeAlias = Callable[[R | BaseException], object]  # is called once with what became of an item

MOST = 512  # items in one batch, which is one transaction
LARGE = 32  # items that are more work than their commit; fewer are not halved


class Batch(Generic[T, R]):
    """`write` does a whole batch: a result for each item, in order; an exception among them is raised to its owner."""

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]], *, halved: bool = False
    ) -> None:
        self._write, self._halved = write, halved
        self._waiting: list[tuple[T, Told[R]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """The item's result, when the batch that it is in was written."""
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.put(item, partial(_tell, result))
        return await result

    def put(self, item: T, told: Told[R]) -> None:
        """The same for whoever cannot wait: `told` is called with the result, or with what was raised."""
        self._waiting.append((item, told))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        batch: list[tuple[T, Told[R]]] = []
        owners: list[Told[R]] = []
        try:
            while self._waiting:
                size = self._size(len(batch), len(self._waiting))
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                owners = [told for _, told in batch]
                results = await self._written([item for item, _ in batch])
                for told, result in zip(owners, results, strict=True):
                    _call(told, result)
        except BaseException as error:  # noqa: BLE001 - the process ends: whoever waits is told why
            for told in [*owners, *(told for _, told in self._waiting)]:
                _call(told, error)
            self._waiting.clear()
        finally:
            self._writing = None

    def _size(self, before: int, waiting: int) -> int:
        """Of the next batch. Half of all who come are half of those that wait and of those of the batch before it."""
        half = (before + waiting + 1) // 2 if before and self._halved else waiting
        return min(max(half, LARGE), MOST)

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


def _call(told: Told[R], result: R | BaseException) -> None:
    try:
        told(result)
    except Exception as error:  # noqa: BLE001 - the others of its batch are innocent
        asyncio.get_running_loop().call_exception_handler(
            {"message": "what became of an item could not be told", "exception": error}
        )


def _tell(owner: asyncio.Future[R], result: R | BaseException) -> None:
    if owner.done():
        return  # nobody waits for it any more
    if isinstance(result, BaseException):
        owner.set_exception(result)
    else:
        owner.set_result(result)
