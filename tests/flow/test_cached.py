"""A slow answer is found by one caller for all, at most once in a while."""

import anyio
import pytest

from arrivals.core.wire import SECOND
from arrivals.flow.cached import Cached

START = 1_790_000_000 * SECOND


class Finder:
    """Finds 1, then 2, and so on, when its gate is open."""

    def __init__(self):
        self.count = 0
        self.gate = anyio.Event()
        self.gate.set()
        self.fails = False

    async def __call__(self):
        """Returns the next answer."""
        await self.gate.wait()
        if self.fails:
            raise KeyError
        self.count += 1
        return self.count


@pytest.fixture
def finder():
    return Finder()


async def test_within_a_minute_the_same_answer_is_given(finder):
    kept = Cached()
    assert (START, 1) == await kept.get(finder, START)
    assert (START, 1) == await kept.get(finder, START + 59 * SECOND)
    assert 1 == finder.count


async def test_all_who_ask_at_once_get_one_answer(finder):
    kept, answers = Cached(), []
    finder.gate = anyio.Event()

    async def ask():
        answers.append(await kept.get(finder, START))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        finder.gate.set()
    assert [(START, 1)] * 5 == answers


async def test_an_old_answer_is_given_while_the_next_is_found(finder):
    kept = Cached()
    await kept.get(finder, START)
    finder.gate = anyio.Event()

    assert (START, 1) == await kept.get(finder, START + 61 * SECOND)
    assert (START, 1) == await kept.get(finder, START + 62 * SECOND)

    finder.gate.set()
    with anyio.fail_after(5):
        while finder.count < 2:
            await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
    assert (START + 61 * SECOND, 2) == await kept.get(finder, START + 63 * SECOND)


@pytest.mark.parametrize("later", [600, -1], ids=["too old", "of a clock that stepped back"])
async def test_an_answer_of_no_use_is_not_given(finder, later):
    kept = Cached()
    await kept.get(finder, START)
    assert (START + later * SECOND, 2) == await kept.get(finder, START + later * SECOND)


async def test_what_goes_wrong_is_told_to_who_waits_and_tried_again(finder):
    kept = Cached()
    finder.fails = True
    with pytest.raises(KeyError):
        await kept.get(finder, START)
    finder.fails = False
    assert (START, 1) == await kept.get(finder, START)


async def test_who_stops_waiting_takes_no_answer_from_others(finder):
    kept = Cached()
    finder.gate = anyio.Event()
    with anyio.move_on_after(0):
        await kept.get(finder, START)
    finder.gate.set()
    assert (START, 1) == await kept.get(finder, START)


async def test_a_search_that_is_ended_is_no_error(finder):
    kept = Cached()
    finder.gate = anyio.Event()
    with anyio.move_on_after(0):
        await kept.get(finder, START)
    kept._finding.cancel()
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    finder.gate.set()
    assert (START, 1) == await kept.get(finder, START)
