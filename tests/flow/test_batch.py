"""Work that many callers hand in at the same time is done in one batch, and no caller is hurt by a neighbor."""

import asyncio

import anyio
import pytest

from arrivals.flow.batch import MAX_ITEMS, Batch
from arrivals.store.engine.base import Unavailable
from tests.support.eventually import turns


class Ledger:
    """Writes batches, one at a time, as soon as its gate is open."""

    def __init__(self):
        self.batches = []
        self.gate = anyio.Event()
        self.gate.set()

    async def write(self, items):
        """Doubles each item; a negative item is refused, alone if it must be."""
        await self.gate.wait()
        self.batches.append(list(items))
        if any(item < 0 for item in items):
            raise ValueError("negative")
        return [KeyError("zero") if item == 0 else 2 * item for item in items]


@pytest.fixture
def ledger():
    return Ledger()


async def results(batch, items):
    """The outcome of each item, in order; the exception where one was raised."""
    outcomes = {}

    async def add(index, item):
        try:
            outcomes[index] = await batch.add(item)
        except Exception as error:  # noqa: BLE001 - it is what the test asks about
            outcomes[index] = error

    async with anyio.create_task_group() as group:
        for index, item in enumerate(items):
            group.start_soon(add, index, item)
    return [outcomes[index] for index in range(len(items))]


async def test_who_comes_first_waits_for_nobody(ledger):
    assert 2 == await Batch(ledger.write).add(1)
    assert [[1]] == ledger.batches


async def test_who_comes_while_one_is_written_goes_into_the_next(ledger):
    batch = Batch(ledger.write)
    ledger.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(batch.add, 1)
        await turns()
        for item in (2, 3, 4):
            group.start_soon(batch.add, item)
        await turns()
        ledger.gate.set()
    assert [[1], [2, 3, 4]] == ledger.batches


@pytest.mark.parametrize(("equalise", "sizes"), [(True, [1, 32, 31]), (False, [1, 63])])
async def test_large_batches_are_made_equal(ledger, equalise, sizes):
    batch = Batch(ledger.write, equalise=equalise)
    ledger.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(batch.add, 1)
        await turns()
        for item in range(2, 65):
            group.start_soon(batch.add, item)
        await turns()
        ledger.gate.set()
    assert sizes == [len(written) for written in ledger.batches]
    assert list(range(1, 65)) == [item for written in ledger.batches for item in written]


async def test_everybody_gets_their_own_result(ledger):
    assert [2, 4, 6] == await results(Batch(ledger.write), [1, 2, 3])


async def test_batch_has_a_bound(ledger):
    items = list(range(1, 2 * MAX_ITEMS + 2))
    assert [2 * item for item in items] == await results(Batch(ledger.write), items)
    assert [MAX_ITEMS, MAX_ITEMS, 1] == [len(written) for written in ledger.batches]


async def test_error_among_the_results_is_its_owners(ledger):
    first, second, third = await results(Batch(ledger.write), [1, 0, 3])
    assert (2, 6) == (first, third)
    assert isinstance(second, KeyError)


async def test_batch_that_fails_is_done_again_one_by_one(ledger):
    """One bad item stops nobody."""
    first, second, third = await results(Batch(ledger.write), [1, -2, 3])
    assert (2, 6) == (first, third)
    assert isinstance(second, ValueError)
    assert [[1, -2, 3], [1], [-2], [3]] == ledger.batches


async def test_database_that_is_away_is_not_asked_once_for_each():
    batches = []

    async def away(items):
        batches.append(items)
        raise Unavailable("away")

    outcomes = await results(Batch(away), [1, 2, 3])
    assert [Unavailable] * 3 == [type(outcome) for outcome in outcomes]
    assert 1 == len(batches)


async def test_who_waits_no_more_holds_up_nobody(ledger):
    batch = Batch(ledger.write)
    ledger.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(batch.add, 1)
        await turns()
        group.cancel_scope.cancel()
    ledger.gate.set()
    assert 4 == await batch.add(2)


async def test_end_of_the_process_is_told_to_everybody():
    class Ends(BaseException):
        pass

    async def ends(_items):
        raise Ends

    batch = Batch(ends)
    for _ in range(2):
        with pytest.raises(Ends):
            await batch.add(1)


async def test_who_cannot_wait_is_told(ledger):
    """A callback that fails is reported to the event loop, and hurts no other item of the batch."""

    def breaks(_result):
        raise ZeroDivisionError

    outcomes, failures = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    batch = Batch(ledger.write)
    batch.put(0, outcomes.append)
    batch.put(1, breaks)

    assert 4 == await batch.add(2)
    batch.put(3, outcomes.append)
    await turns()

    assert [KeyError, int] == [type(outcome) for outcome in outcomes]
    assert [ZeroDivisionError] == [type(failure) for failure in failures]
    assert [[0, 1, 2], [3]] == ledger.batches
