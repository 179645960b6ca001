"""Items that come at the same time, written together: those that come while one batch is written go into the next.

There is no window to wait for: the first item is a batch of one, and the busier it gets the larger the batches. Where
callers come again as soon as they are answered, large batches are made equal (`equalise`): if nearly all callers went
into every second batch, the disk and the loop would wait for each other in turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from arrivals.flow.apart import begin_apart
from arrivals.store.engine.base import Unavailable

T = TypeVar("T")
R = TypeVar("R")

OnResult: TypeAlias = Callable[[R | BaseException], object]  # is called once, with the result or what was raised

MAX_ITEMS = 512  # items in one batch, which is one transaction
LARGE = 32  # items that are more work than their commit; fewer are not made equal


class Batch(Generic[T, R]):
    """`write` does a whole batch: a result for each item, in order; an exception among them is raised to its owner."""

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]], *, equalise: bool = False
    ) -> None:
        self._write, self._equalise = write, equalise
        self._waiting: list[tuple[T, OnResult[R]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """The item's result, once its batch has been written."""
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.put(item, partial(_tell, result))
        return await result

    def put(self, item: T, on_result: OnResult[R]) -> None:
        """The same for a caller that cannot wait: `on_result` is called with the result, or with what was raised."""
        self._waiting.append((item, on_result))
        if self._writing is None:
            self._writing = begin_apart(self._write_all())

    async def _write_all(self) -> None:
        batch: list[tuple[T, OnResult[R]]] = []
        owners: list[OnResult[R]] = []
        try:
            while self._waiting:
                size = self._size(len(batch), len(self._waiting))
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                owners = [on_result for _, on_result in batch]
                results = await self._written([item for item, _ in batch])
                for on_result, result in zip(owners, results, strict=True):
                    _call(on_result, result)
        except BaseException as error:  # noqa: BLE001 - the process ends: every caller that waits gets the reason
            for on_result in [*owners, *(on_result for _, on_result in self._waiting)]:
                _call(on_result, error)
            self._waiting.clear()
        finally:
            self._writing = None

    def _size(self, before: int, waiting: int) -> int:
        """The size of the next batch. Half of all callers are half of those waiting and of those in the last batch."""
        half = (before + waiting + 1) // 2 if before and self._equalise else waiting
        return min(max(half, LARGE), MAX_ITEMS)

    async def _written(self, items: Sequence[T]) -> Sequence[R | Exception]:
        """Writes a batch; one that fails is done again item by item, so that one bad item stops no other."""
        try:
            return await self._write(items)
        except Unavailable as error:  # the items are innocent
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - it is raised to the item's owner
            if len(items) == 1:
                return [error]
        return [result for item in items for result in await self._written([item])]


def _call(on_result: OnResult[R], result: R | BaseException) -> None:
    try:
        on_result(result)
    except Exception as error:  # noqa: BLE001 - the others of its batch are innocent
        asyncio.get_running_loop().call_exception_handler(
            {"message": "what became of an item was not taken", "exception": error}
        )


def _tell(owner: asyncio.Future[R], result: R | BaseException) -> None:
    if owner.done():
        return  # nobody waits for it any more
    if isinstance(result, BaseException):
        owner.set_exception(result)
    else:
        owner.set_result(result)
