"""An end wakes its waiters and nobody else; ends in other processes are found by one look for all."""

import anyio
import pytest

from arrivals.core.generation import Origin, Status
from arrivals.core.observation import Observation, Reading
from arrivals.flow.settlement import waiters
from arrivals.flow.settlement.settle import settle
from arrivals.flow.settlement.waiters import Waiters
from arrivals.store import generations
from arrivals.store.engine.base import Unavailable
from tests.conftest import context_over
from tests.support.databases import reopened


@pytest.fixture
def at_once(monkeypatch):
    """Lets looks follow one another without a pause."""
    monkeypatch.setattr(waiters, "EVERY_S", 0.001)
    monkeypatch.setattr(waiters, "PAUSE_S", 0.001)


@pytest.fixture
def looks(monkeypatch):
    """The ids that were looked for, look by look."""
    seen = []
    ended = generations.ended

    async def look(tx, ids):
        seen.append(ids)
        return await ended(tx, ids)

    monkeypatch.setattr(generations, "ended", look)
    return seen


def ends(context, generation_id):
    """Ends the generation, whose provider refuses it."""
    reading = Reading(status=Status.CANCELED)
    return settle(
        context, [Observation(generation_id=generation_id, origin=Origin.SUBMIT, at=context.now(), reading=reading)]
    )


async def test_an_end_wakes_who_waits_for_it_and_nobody_else(context, ordered):
    awaited, other = await ordered(), await ordered()
    with (
        context.process.waiters.waiting_for(context.store, awaited) as first,
        context.process.waiters.waiting_for(context.store, awaited) as second,
        context.process.waiters.waiting_for(context.store, other) as third,
    ):
        await ends(context, awaited)
        assert (True, True, False) == (first.is_set(), second.is_set(), third.is_set())


async def test_what_moves_without_an_end_wakes_nobody(context, submitted):
    generation_id = await submitted()
    with context.process.waiters.waiting_for(context.store, generation_id) as ended:
        reading = Reading(status=Status.PROCESSING, external_id="el-1")
        await settle(
            context, [Observation(generation_id=generation_id, origin=Origin.POLL, at=context.now(), reading=reading)]
        )
        assert not ended.is_set()


async def test_an_end_in_another_process_is_found_by_one_look_for_all(
    store, transport, clock, context, ordered, at_once, looks
):
    ids = sorted([await ordered() for _ in range(3)])
    with (
        context.process.waiters.waiting_for(context.store, ids[0]) as first,
        context.process.waiters.waiting_for(context.store, ids[1]) as second,
        context.process.waiters.waiting_for(context.store, ids[2]) as third,
    ):
        async with reopened(store, clock) as elsewhere:
            there = context_over(elsewhere, transport, clock, "http://127.0.0.1:1")
            await ends(there, ids[0])
            await ends(there, ids[2])
        with anyio.fail_after(5):
            await first.wait()
            await third.wait()
        assert not second.is_set()
    assert all(ids == sorted(look) for look in looks)


async def test_a_look_that_fails_is_done_again(context, ordered, at_once, monkeypatch):
    generation_id = await ordered()
    ended, tries = generations.ended, []

    async def look(tx, ids):
        tries.append(ids)
        if len(tries) == 1:
            raise Unavailable("the disk is full")
        return await ended(tx, ids)

    monkeypatch.setattr(generations, "ended", look)
    await ends(context, generation_id)
    with context.process.waiters.waiting_for(context.store, generation_id) as end, anyio.fail_after(5):
        await end.wait()
    assert len(tries) >= 2


async def test_who_stops_waiting_is_forgotten(context):
    with context.process.waiters.waiting_for(context.store, "gen_1"):
        with context.process.waiters.waiting_for(context.store, "gen_1"):
            assert ["gen_1"] == context.process.waiters.ids
        assert ["gen_1"] == context.process.waiters.ids
    assert [] == context.process.waiters.ids


def test_who_waits_for_nothing_is_not_woken():
    Waiters().wake(["gen_1"])
