"""Replays as rows: where they stand, who works on them, and the webhooks they concern."""

from dataclasses import replace

import pytest

from arrivals.core.generation import VerifiedBy
from arrivals.core.observation import Finding
from arrivals.store import observations, replays
from arrivals.store.engine.base import Missing
from arrivals.store.replays import Filters, Replay, ReplayKind, ReplayStatus
from tests.support.examples import SECOND, T0, mark_read, webhook

pytestmark = pytest.mark.timeout(30)

LEASE = 60 * SECOND
FULL = Filters(
    provider="vtrix", model="a", generation="gen_1", finding="held", type="generation.*", subscriber="sub_1",
    since=1, until=T0, missed=True,
)  # fmt: skip


def due_replay(name="1", **changed):
    """A replay that is due."""
    values = {"id": f"rpl_{name}", "kind": ReplayKind.WEBHOOKS, "filters": Filters(), "created_at": T0, "due_at": T0}
    return Replay(**{**values, **changed})


async def keep(database, *some):
    async with database.transaction() as tx:
        for replay in some:
            await replays.insert(tx, replay)


async def claim(database, limit=9):
    async with database.transaction() as tx:
        return await replays.claim(tx, limit, LEASE)


async def save(database, claimed, now):
    async with database.transaction() as tx:
        return await replays.save(tx, claimed, now)


async def stands(database, replay_id="rpl_1"):
    async with database.reading() as tx:
        return await replays.by_id(tx, replay_id)


@pytest.mark.parametrize(
    "replay",
    [due_replay(), due_replay(kind=ReplayKind.EVENTS, filters=FULL, dry_run=True, rate_per_s=0.5, total=7, cursor="0")],
    ids=["bare", "full"],
)
async def test_every_field_comes_back(database, replay):
    await keep(database, replay)
    assert replay == await stands(database)


async def test_what_is_not_there_is_said(database):
    async with database.transaction() as tx:
        with pytest.raises(Missing):
            await replays.by_id(tx, "rpl_none")
        assert not await replays.cancel(tx, "rpl_none", T0)
        assert not await replays.release(tx, "whk_none", None)


async def test_list_shows_the_newest_first(database):
    await keep(database, due_replay("1"), due_replay("2"), due_replay("3"))
    async with database.reading() as tx:
        assert ["rpl_3", "rpl_2"] == [replay.id for replay in (await replays.listed(tx, 2)).items]
        assert ["rpl_1"] == [replay.id for replay in (await replays.listed(tx, 2, before="rpl_2")).items]


async def test_what_is_due_is_claimed_once_until_its_lease_ends(database, clock):
    await keep(
        database,
        due_replay("1"),
        due_replay("2"),
        due_replay("3", due_at=T0 - 1),
        due_replay("later", due_at=T0 + 3600 * SECOND),
    )

    assert ["rpl_3"] == [replay.id for replay in await claim(database, 1)]
    assert {"rpl_1", "rpl_2"} == {replay.id for replay in await claim(database)}
    assert [] == await claim(database)
    clock.advance(61)
    assert 3 == len(await claim(database))


async def test_where_it_stands_is_kept(database):
    await keep(database, due_replay(total=3))
    (claimed,) = await claim(database)
    after = replace(claimed.after(["advanced", "repeated", "repeated"], "whk_3"), due_at=T0 + 9)

    assert await save(database, claimed, after)

    assert after == await stands(database)
    assert ({"advanced": 1, "repeated": 2}, 3, "whk_3") == (after.findings, after.done, after.cursor)


async def test_how_it_ended_is_kept(database):
    await keep(database, due_replay())
    (claimed,) = await claim(database)
    after = replace(claimed, status=ReplayStatus.FAILED, failed_reason="KeyError", finished_at=T0 + 9, due_at=None)

    assert await save(database, claimed, after)

    assert after == await stands(database)
    assert [] == await claim(database)


async def test_who_lost_its_lease_writes_nothing(database, clock):
    await keep(database, due_replay())
    (slow,) = await claim(database)
    clock.advance(61)
    (quick,) = await claim(database)

    assert not await save(database, slow, slow.after(["stale"], "whk_9"))
    assert await save(database, quick, quick.after(["stale"], "whk_1"))
    assert "whk_1" == (await stands(database)).cursor


async def test_canceled_it_ends_where_it_stands(database):
    await keep(database, due_replay())
    (claimed,) = await claim(database)
    async with database.transaction() as tx:
        assert await replays.cancel(tx, "rpl_1", T0 + 5)
        assert not await replays.cancel(tx, "rpl_1", T0 + 6)

    assert not await save(database, claimed, claimed.after(["stale"], "whk_1"))
    canceled = await stands(database)
    assert (ReplayStatus.CANCELED, T0 + 5, None, "") == (
        canceled.status, canceled.finished_at, canceled.due_at, canceled.cursor,
    )  # fmt: skip


@pytest.fixture
async def webhooks(database):
    """Read, unread and refused ones."""
    async with database.transaction() as tx:
        for number, changed in enumerate(
            (
                {},
                {"provider": "vtrix", "received_at": T0 + 1},
                {"generation_id": "gen_2", "received_at": T0 + 2},
                {"quarantined_at": T0, "refused_reason": "the signature is wrong"},
                {"quarantined_at": T0, "provider": "vtrix"},
                {},
            )
        ):
            await observations.insert_webhooks(tx, [webhook(f"{number}", **changed)])
        for number, finding in enumerate((Finding.STALE, Finding.HELD, Finding.HELD)):
            await mark_read(tx, f"whk_{number}", T0, finding)


async def concerned(database, replay, limit=9):
    async with database.reading() as tx:
        ids = [stored.id for stored in (await replays.webhooks(tx, replay, limit)).items]
        return await replays.count_webhooks(tx, replay), ids


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["0", "1", "2"]),
        ({"provider": "vtrix"}, ["1"]),
        ({"generation": "gen_2"}, ["2"]),
        ({"finding": "held"}, ["1", "2"]),
        ({"finding": "advanced"}, []),
        ({"since": T0 + 1}, ["1", "2"]),
        ({"until": T0 + 1}, ["0"]),
    ],
    ids=str,
)
async def test_webhooks_that_were_read_are_found_in_the_order_of_their_arrival(database, webhooks, wanted, expected):
    replay = due_replay(filters=Filters(**wanted))
    assert (len(expected), [f"whk_{number}" for number in expected]) == await concerned(database, replay)


@pytest.mark.parametrize(("wanted", "expected"), [({}, ["3", "4"]), ({"provider": "vtrix"}, ["4"])], ids=str)
async def test_the_quarantine_holds_those_that_were_refused(database, webhooks, wanted, expected):
    replay = due_replay(kind=ReplayKind.QUARANTINE, filters=Filters(**wanted))
    assert (len(expected), [f"whk_{number}" for number in expected]) == await concerned(database, replay)


async def test_a_page_goes_on_behind_the_cursor(database, webhooks):
    assert (3, ["whk_1"]) == await concerned(database, due_replay(cursor="whk_0"), limit=1)


async def test_a_released_webhook_is_to_be_read(database, webhooks):
    async with database.transaction() as tx:
        assert await replays.release(tx, "whk_3", VerifiedBy.SIGNATURE)
        assert not await replays.release(tx, "whk_3", None)
        assert not await replays.release(tx, "whk_0", None)
        released = await observations.webhook_by_id(tx, "whk_3")
        assert {"whk_3", "whk_5"} == {stored.id for stored in await observations.unread(tx, 9)}
    assert webhook("3", verified_by=VerifiedBy.SIGNATURE) == released


async def test_a_webhook_that_was_read_again_says_what_it_turned_out_to_be(database, webhooks):
    async with database.transaction() as tx:
        await mark_read(tx, "whk_0", T0 + 9, Finding.ADVANCED)
        await mark_read(tx, "whk_1", T0 + 9, Finding.HELD, "not JSON")
        first, second = [await observations.webhook_by_id(tx, f"whk_{number}") for number in range(2)]
    assert (Finding.ADVANCED, None, T0) == (first.finding, first.unreadable_reason, first.read_at)
    assert "not JSON" == second.unreadable_reason
