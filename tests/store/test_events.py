"""Events: positions without gap or repeat, whoever writes."""

import anyio
import pytest

from arrivals.core.event import EventType
from arrivals.store import events
from arrivals.store.engine.base import Missing
from arrivals.store.events import EventFilter
from tests.support.examples import T0, announce, event

pytestmark = pytest.mark.timeout(30)


async def test_every_field_comes_back(database):
    assert {"evt_1": 1} == await announce(database, event(at=T0 + 5))
    async with database.reading() as tx:
        assert event(at=T0 + 5) == await events.by_id(tx, "evt_1")
        with pytest.raises(Missing):
            await events.by_id(tx, "evt_none")


async def test_positions_go_on_where_they_stopped(database):
    assert {"evt_1": 1, "evt_2": 2} == await announce(database, event("1"), event("2"))
    assert {} == await announce(database)
    assert {"evt_3": 3} == await announce(database, event("3"))


async def test_undone_event_leaves_no_gap(database):
    with pytest.raises(ZeroDivisionError):
        await announce(database, event("undone"), then=lambda: 1 / 0)
    assert {"evt_1": 1} == await announce(database, event())


async def test_positions_have_no_gaps_and_no_repeats_under_many_writers(database):
    positions = {}

    async def write(writer):
        for batch in range(4):
            names = [f"{writer}-{batch}-{number}" for number in range(3)]
            assigned = await announce(database, *(event(name) for name in names))
            first = assigned[f"evt_{names[0]}"]
            assert [first, first + 1, first + 2] == [assigned[f"evt_{name}"] for name in names]
            positions.update(assigned)

    async with anyio.create_task_group() as group:
        for writer in range(5):
            group.start_soon(write, writer)
    assert list(range(1, 61)) == sorted(positions.values())
    async with database.reading() as tx:
        assert positions == {stored.id: position for position, stored in (await events.page_after(tx, 0, 100)).events}


async def test_reader_that_resumes_misses_none_that_commits_late(database):
    """A reader that sees position n has seen, or could have seen, everything before it."""
    seen = []

    async def write(writer):
        for number in range(6):
            await announce(database, event(f"{writer}-{number}"))

    async def follow():
        while len(seen) < 24:
            async with database.reading() as tx:
                seen.extend(
                    position for position, _ in (await events.page_after(tx, seen[-1] if seen else 0, 5)).events
                )

    async with anyio.create_task_group() as group:
        group.start_soon(follow)
        for writer in range(4):
            group.start_soon(write, writer)
    assert list(range(1, 25)) == seen


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"position": 0, "limit": 9}, [1, 2, 3]),
        ({"position": 1, "limit": 1}, [2]),
        ({"position": 3, "limit": 9}, []),
        ({"position": 0, "limit": 9, "wanted": EventFilter(type="generation.failed")}, [2]),
        ({"position": 0, "limit": 9, "wanted": EventFilter(type="generation.*")}, [1, 2, 3]),
        ({"position": 0, "limit": 9, "wanted": EventFilter(generation="gen_1")}, [1, 2]),
        ({"position": 1, "limit": 9, "wanted": EventFilter(generation="gen_1", type="generation.completed")}, []),
    ],
    ids=range(7),
)
async def test_list_goes_on_behind_a_position(database, wanted, expected):
    await announce(database, event("1"), event("2", type=EventType.FAILED), event("3", generation_id="gen_2"))
    async with database.reading() as tx:
        assert expected == [position for position, _ in (await events.page_after(tx, **wanted)).events]


async def test_events_of_a_generation_stand_in_order(database):
    await announce(database, event("b"), event("a"), event("c", generation_id="gen_2"))
    async with database.reading() as tx:
        assert [event("b"), event("a")] == await events.events_of(tx, "gen_1")
