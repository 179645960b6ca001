"""Webhooks as they came, what became of them, and a bounded quarantine; observations in the order they were heard."""

from msgspec.structs import replace
import pytest

from arrivals.core.generation import Cost, Origin, Status, VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.core.observation import Finding, Observation, Reading
from arrivals.core.wire import from_json
from arrivals.store import observations, webhook_lists
from arrivals.store.engine.base import Missing
from arrivals.store.webhook_lists import WebhookQuery
from tests.support.examples import FAILURE, FULL, T0, mark_read, webhook

pytestmark = pytest.mark.timeout(30)


async def keep(database, *stored):
    async with database.transaction() as tx:
        for row in stored:
            await observations.insert_webhooks(tx, [row])


async def ids_of(database, **wanted):
    async with database.reading() as tx:
        return [row.id for row in (await webhook_lists.listed(tx, WebhookQuery(**wanted))).items]


@pytest.mark.parametrize(
    "stored",
    [
        webhook(),
        webhook(verified_by=VerifiedBy.SIGNATURE),
        webhook(quarantined_at=T0 + 1, refused_reason="the signature is wrong"),
        webhook(webhook=InboundWebhook(headers={}, body=b"")),
    ],
    ids=["hint", "verified", "refused", "empty"],
)
async def test_webhook_comes_back_to_the_byte(database, stored):
    await keep(database, stored)
    async with database.reading() as tx:
        assert stored == await observations.webhook_by_id(tx, "whk_1")


async def test_missing_webhook_is_said(database):
    async with database.reading() as tx:
        with pytest.raises(Missing):
            await observations.webhook_by_id(tx, "whk_none")


async def test_unread_are_found_oldest_first_without_the_refused(database):
    await keep(
        database,
        webhook("b", received_at=T0 + 2),
        webhook("a", received_at=T0 + 1),
        webhook("c", received_at=T0 + 1),
        webhook("refused", quarantined_at=T0),
    )
    async with database.reading() as tx:
        assert ["whk_a", "whk_c", "whk_b"] == [row.id for row in await observations.unread(tx, 9)]
        assert ["whk_a"] == [row.id for row in await observations.unread(tx, 1)]


async def test_webhook_that_was_read_is_not_read_again(database):
    await keep(database, webhook(), webhook("2"))
    async with database.transaction() as tx:
        assert set() == await observations.read_already(tx, [])
        assert set() == await observations.read_already(tx, ["whk_1", "whk_2", "whk_none"])
        await mark_read(tx, "whk_1", T0 + 9, Finding.ADVANCED)
        assert {"whk_1"} == await observations.read_already(tx, ["whk_1", "whk_2", "whk_none"])
        assert ["whk_2"] == [row.id for row in await observations.unread(tx, 9)]
        assert replace(webhook(), read_at=T0 + 9, finding=Finding.ADVANCED) == await observations.webhook_by_id(
            tx, "whk_1"
        )


async def test_unreadable_webhook_says_why(database):
    await keep(database, webhook())
    async with database.transaction() as tx:
        await mark_read(tx, "whk_1", T0, Finding.HELD, "no JSON")
        assert "no JSON" == (await observations.webhook_by_id(tx, "whk_1")).unreadable_reason


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["whk_4", "whk_3", "whk_2", "whk_1"]),
        ({"provider": "vtrix"}, ["whk_2"]),
        ({"generation_id": "gen_2"}, ["whk_3"]),
        ({"finding": "stale"}, ["whk_1"]),
        ({"finding": "advanced"}, []),
        ({"verification": "yes"}, ["whk_2"]),
        ({"verification": "no", "provider": "runblob"}, ["whk_4", "whk_3", "whk_1"]),
        ({"since": T0 + 2}, ["whk_4", "whk_3"]),
        ({"until": T0 + 2}, ["whk_2", "whk_1"]),
        ({"before": "whk_3", "limit": 1}, ["whk_2"]),
    ],
    ids=str,
)
async def test_list_shows_what_was_asked_for_newest_first(database, wanted, expected):
    await keep(
        database,
        webhook("1"),
        webhook("2", provider="vtrix", verified_by=VerifiedBy.SECRET, received_at=T0 + 1),
        webhook("3", generation_id="gen_2", received_at=T0 + 2),
        webhook("4", quarantined_at=T0, received_at=T0 + 3),
    )
    async with database.transaction() as tx:
        await mark_read(tx, "whk_1", T0, Finding.STALE)
    assert expected == await ids_of(database, **wanted)


async def test_quarantine_is_bounded_and_keeps_the_newest(database):
    """Accepted webhooks are never trimmed."""
    await keep(
        database,
        webhook("kept"),
        *(webhook(f"{number}", quarantined_at=T0 + number // 2) for number in range(6)),
    )
    async with database.transaction() as tx:
        await observations.trim_quarantine(tx, 3)
    assert ["whk_kept", "whk_5", "whk_4", "whk_3"] == await ids_of(database)
    async with database.transaction() as tx:
        await observations.trim_quarantine(tx, 0)
    assert ["whk_kept"] == await ids_of(database)


async def test_webhooks_of_a_generation_stand_in_the_order_of_their_arrival(database):
    await keep(database, webhook("b"), webhook("a", received_at=T0 + 1), webhook("c", generation_id="gen_2"))
    async with database.reading() as tx:
        assert ["whk_b", "whk_a"] == [row.id for row in await observations.webhooks_of(tx, "gen_1")]


async def test_observations_come_back_in_the_order_they_were_heard(database):
    full = Observation(
        generation_id="gen_1",
        origin=Origin.WEBHOOK,
        at=T0 + 1,
        believed=False,
        webhook_id="whk_1",
        reading=Reading(
            status=Status.FAILED,
            provider_status="FAILURE",
            external_id="ext-1",
            progress=0.5,
            queue_position=2,
            outputs=FULL.outputs,
            failure=FAILURE,
            cost=Cost(amount="1"),
            notes=("step1 used its fallback model: a ☂",),
        ),
    )
    bare = Observation(generation_id="gen_1", origin=Origin.POLL, at=T0, reading=Reading(status=None))
    async with database.transaction() as tx:
        await observations.insert(tx, [])
        await observations.insert(tx, [("obs_1", full, Finding.HELD), ("obs_2", bare, Finding.STALE)])
        first, second = await observations.observations_of(tx, "gen_1")
        assert [] == await observations.observations_of(tx, "gen_2")
    assert {
        "id": "obs_2", "generation_id": "gen_1", "origin": "poll", "at": T0, "status": None, "provider_status": None,
        "finding": "stale", "believed": 1, "webhook_id": None,
    } == {name: value for name, value in first.items() if name != "reading"}  # fmt: skip
    nothing = {
        "external_id": None,
        "progress": None,
        "queue_position": None,
        "outputs": 0,
        "failure": None,
        "notes": [],
    }
    assert nothing == from_json(first["reading"])
    reading = from_json(second["reading"])
    assert ("obs_1", "failed", "FAILURE", "held", 0, "whk_1") == tuple(
        second[name] for name in ("id", "status", "provider_status", "finding", "believed", "webhook_id")
    )
    assert ("ext-1", 0.5, 2, 2, "content_policy") == (
        reading["external_id"], reading["progress"], reading["queue_position"], reading["outputs"],
        reading["failure"]["code"],
    )  # fmt: skip
    assert ["step1 used its fallback model: a ☂"] == reading["notes"]
