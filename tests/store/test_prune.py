"""Pruning: the rows that may be forgotten, and those that may not, on both databases."""

import pytest

from arrivals.core.generation import Origin, Status
from arrivals.core.http import InboundWebhook
from arrivals.core.ids import ENTROPY_BYTES, make_id
from arrivals.core.observation import Finding, Observation, Reading
from arrivals.core.wire import to_json
from arrivals.store import deliveries, generations, idempotency, metrics, observations, outputs, prune
from arrivals.store.deliveries import Attempt
from arrivals.store.observations import StoredWebhook
from arrivals.store.outputs import InlineOutput
from tests.support.examples import SECOND, T0, announce, delivery, due, event, keep, mark_read, scheduled

pytestmark = pytest.mark.timeout(30)

UNTIL = T0 + 100 * SECOND
NOW = T0 + 2000 * SECOND
CLOSED_OR_EXPIRED = (Status.COMPLETED, Status.FAILED, Status.CANCELED, Status.EXPIRED)
CLOSED = {"status": Status.COMPLETED, "closed_at": T0 + SECOND, "learned_from": Origin.POLL}


def id_at(prefix, moment, number=0):
    """An id of that moment, as the service makes them."""
    return make_id(prefix, moment, number.to_bytes(ENTROPY_BYTES))


def bounds(prefix):
    return {"until": UNTIL, "now": NOW, "before": id_at(prefix, UNTIL)}


async def delete(database, what, limit=100, **values):
    async with database.transaction() as tx:
        return await prune.delete(tx, what, limit, **values)


async def old(database, what, prefix, behind="", limit=100):
    async with database.reading() as tx:
        return await prune.old(tx, what, limit, behind=behind, **bounds(prefix))


async def snapshot(database):
    async with database.reading() as tx:
        return await metrics.snapshot(tx, NOW)


async def came(database, *, at, number=0, read=True, quarantined_at=None, generation_id="gen_1"):
    """A stored webhook; its id."""
    stored = StoredWebhook(
        id=id_at("whk", at, number),
        provider="runblob",
        account="default",
        generation_id=generation_id,
        received_at=at,
        webhook=InboundWebhook(body=b"{}"),
        quarantined_at=quarantined_at,
    )
    async with database.transaction() as tx:
        await observations.insert_webhooks(tx, [stored])
        if read:
            await mark_read(tx, stored.id, at, Finding.ADVANCED)
    return stored.id


async def webhooks_left(database, generation_id="gen_1"):
    async with database.reading() as tx:
        return [stored.id for stored in await observations.webhooks_of(tx, generation_id)]


async def test_read_webhooks_are_forgotten_and_still_counted(database):
    await came(database, at=T0)
    await came(database, at=UNTIL - 1)
    kept = [
        await came(database, at=T0, number=1, read=False),
        await came(database, at=T0, number=2, quarantined_at=T0),
        await came(database, at=UNTIL),
    ]
    before = (await snapshot(database)).accepted
    assert [1, 1, 0] == [await delete(database, "webhooks", 1, **bounds("whk")) for _ in range(3)]
    assert kept == await webhooks_left(database)
    assert {("runblob",): 4} == before == (await snapshot(database)).accepted


async def test_refused_webhooks_are_forgotten_by_when_they_were_refused(database):
    await came(database, at=T0, read=False, quarantined_at=UNTIL - 1)
    kept = [
        await came(database, at=T0, number=1, read=False, quarantined_at=UNTIL),
        await came(database, at=T0, number=2, read=False),
    ]
    assert 1 == await delete(database, "quarantined", **bounds("whk"))
    assert kept == await webhooks_left(database)


async def seen(database, *moments, generation_id="gen_1"):
    async with database.transaction() as tx:
        records = [
            (
                id_at("obs", at, number),
                Observation(generation_id=generation_id, origin=Origin.POLL, at=at, reading=Reading(status=None)),
                Finding.STALE,
            )
            for number, at in enumerate(moments)
        ]
        await observations.insert(tx, records)


async def observations_left(database, generation_id="gen_1"):
    async with database.reading() as tx:
        return [row["at"] for row in await observations.observations_of(tx, generation_id)]


async def test_observations_are_forgotten_by_age_or_with_their_generation(database):
    await seen(database, T0, UNTIL - 1, UNTIL)
    await seen(database, NOW, NOW + 1, generation_id="gen_2")
    assert 2 == await delete(database, "observations", **bounds("obs"))
    assert [UNTIL] == await observations_left(database)
    ids = to_json(["gen_2"])
    assert [1, 1, 0] == [await delete(database, "observations_of", 1, ids=ids) for _ in range(3)]
    assert ([UNTIL], []) == (await observations_left(database), await observations_left(database, "gen_2"))


async def happened(database, *moments, generation_id="gen_1"):
    """Events; their ids."""
    made = [event(id=id_at("evt", at, number), at=at, generation_id=generation_id) for number, at in enumerate(moments)]
    await announce(database, *made)
    return [row.id for row in made]


@pytest.mark.parametrize("status", Status)
async def test_nothing_is_forgotten_of_a_generation_that_is_under_way(database, status):
    over = status in CLOSED_OR_EXPIRED
    await keep(database, scheduled(status=status, closed_at=T0 if over and status is not Status.EXPIRED else None))
    await came(database, at=T0)
    await seen(database, T0)
    event_id = (await happened(database, T0))[0]
    assert ([event_id] if over else []) == await old(database, "old_events", "evt")
    assert over == await delete(database, "webhooks", **bounds("whk"))
    assert over == await delete(database, "observations", **bounds("obs"))


async def ended(database, of, *statuses):
    """Inserts a delivery with the HTTP status of each attempt; None where there was no answer."""
    await due(database, of)
    async with database.transaction() as tx:
        for number, status in enumerate(statuses):
            error = None if status else "dns: no such host"
            attempt = Attempt(delivery_id=of.id, number=number, at=T0, duration_s=0.1, http_status=status, error=error)
            await deliveries.record_attempts(tx, [(attempt, of)])


async def test_events_wait_for_their_deliveries(database):
    free, waiting, delivered, young = await happened(database, T0, T0 + 1, T0 + 2, UNTIL)
    await due(database, delivery("1", event_id=waiting))
    await ended(database, delivery("2", event_id=delivered, delivered_at=T0), 200)
    await due(database, delivery("3", event_id=young))
    assert [free, delivered] == await old(database, "old_events", "evt")
    assert [free] == await old(database, "old_events", "evt", limit=1)
    assert [delivered] == await old(database, "old_events", "evt", behind=free)


async def test_what_belongs_to_an_event_goes_before_it_and_attempts_still_count(database):
    """A delivery that was asked for again in between keeps itself, what was tried, and its event."""
    gone, again = await happened(database, T0, T0 + 1)
    await ended(database, delivery("1", event_id=gone, delivered_at=T0), 503, None, 200)
    await ended(database, delivery("2", event_id=gone, given_up_at=T0), 404)
    await ended(database, delivery("3", event_id=again, attempt_at=T0), 500)
    ids = to_json([gone, again])
    before = (await snapshot(database)).attempts
    assert 0 == await delete(database, "events", ids=ids)
    assert [3, 1, 0] == [await delete(database, "attempts", 3, ids=ids) for _ in range(3)]
    assert [1, 1, 0] == [await delete(database, "deliveries", 1, ids=ids) for _ in range(3)]
    assert [1, 0] == [await delete(database, "events", ids=ids) for _ in range(2)]
    after = await snapshot(database)
    assert 1 == after.deliveries["waiting",] == sum(after.deliveries.values())
    assert {("5xx",): 2, ("2xx",): 1, ("4xx",): 1, ("dns",): 1} == before == after.attempts
    async with database.reading() as tx:
        assert ["dlv_3"] == [attempt.delivery_id for attempt in await deliveries.attempts_of(tx, "gen_1")]


async def bound(database, key, generation_id, at=T0):
    async with database.transaction() as tx:
        await idempotency.remember_order(tx, "key_1", key, "digest", generation_id, at)


async def test_idempotency_keys_outlive_what_is_open(database):
    """An order sent again must not be paid for twice, nor any part of what was ordered together."""
    await keep(
        database,
        scheduled("closed", **CLOSED),
        scheduled("expired", status=Status.EXPIRED),
        scheduled("open", status=Status.PROCESSING),
        scheduled("first", bulk_id="blk_1", **CLOSED),
        scheduled("second", bulk_id="blk_1", status=Status.PROCESSING),
        scheduled("whole", bulk_id="blk_2", **CLOSED),
        scheduled("given_up", bulk_id="blk_2", status=Status.EXPIRED),
    )
    for name in ("closed", "expired", "open", "first", "whole", "gone"):
        await bound(database, name, f"gen_{name}")
    await bound(database, "young", "gen_closed", at=UNTIL)
    assert [3, 1, 0] == [await delete(database, "idempotency_keys", 3, **bounds("")) for _ in range(3)]
    async with database.reading() as tx:
        for name in ("open", "first"):
            assert ("digest", f"gen_{name}") == await idempotency.remembered_order(tx, "key_1", name)
        assert ("digest", "gen_closed") == await idempotency.remembered_order(tx, "key_1", "young")


def generation(number, **changed):
    return scheduled(id=id_at("gen", T0, number), **{**CLOSED, **changed})


async def test_generations_that_are_over_and_that_nothing_needs_are_old(database):
    made = {
        "over": generation(0),
        "open": generation(1, status=Status.PROCESSING, closed_at=None),
        "expired": generation(2, status=Status.EXPIRED, closed_at=None),
        "young": generation(3, closed_at=UNTIL),
        "within its deadline": generation(4, deadline_at=NOW),
        "named by a key": generation(5),
        "unread webhook": generation(6),
        "refused webhook": generation(7),
        "delivery waits": generation(8),
        "delivered": generation(9),
    }
    await keep(database, *made.values())
    ids = {name: record.generation.id for name, record in made.items()}
    await bound(database, "one", ids["named by a key"])
    await came(database, at=T0, read=False, generation_id=ids["unread webhook"])
    await came(database, at=T0, number=1, read=False, quarantined_at=T0, generation_id=ids["refused webhook"])
    await came(database, at=T0, number=2, generation_id=ids["refused webhook"])
    await due(database, delivery("1", generation_id=ids["delivery waits"]))
    await ended(database, delivery("2", generation_id=ids["delivered"], delivered_at=T0), 200)
    expected = [ids["over"], ids["refused webhook"], ids["delivered"]]
    assert expected == await old(database, "old_generations", "gen")
    assert expected[1:2] == await old(database, "old_generations", "gen", behind=expected[0], limit=1)


@pytest.mark.parametrize(
    "other",
    [{"status": Status.PROCESSING, "closed_at": None}, {"closed_at": UNTIL}, {"deadline_at": NOW}, {"key": "one"}, {}],
)
async def test_what_was_ordered_together_goes_together(database, other):
    key, changed = other.get("key"), {name: value for name, value in other.items() if name != "key"}
    pair = [generation(0, bulk_id="blk_1"), generation(1, bulk_id="blk_1", **changed)]
    await keep(database, *pair, generation(2, bulk_id="blk_2"))
    ids = [record.generation.id for record in pair]
    if key:
        await bound(database, key, ids[1])
    old_ids = await old(database, "old_generations", "gen")
    assert ([] if other else ids) == [old_id for old_id in old_ids if old_id in ids]
    assert id_at("gen", T0, 2) in old_ids


async def test_a_generation_goes_with_its_order_and_outputs_and_still_counts(database):
    gone, kept = generation(0, webhook_expected=True), generation(1, status=Status.PROCESSING, closed_at=None)
    await keep(database, gone, kept)
    ids = [gone.generation.id, kept.generation.id]
    async with database.transaction() as tx:
        await generations.save(tx, [scheduled(**{**_fields(gone), "polls": 3})])
        for number in range(2):
            await outputs.keep(tx, ids[0], number, InlineOutput(content_type="image/png", content=b"\x89PNG"))
    before = await snapshot(database)
    gone_ids = to_json(ids[:1])
    assert [1, 1, 0] == [await delete(database, "kept_outputs", 1, ids=gone_ids) for _ in range(3)]
    assert [1, 0] == [await delete(database, "orders", ids=gone_ids) for _ in range(2)]
    assert [1, 0] == [await delete(database, "generations", ids=to_json(ids)) for _ in range(2)]
    after = await snapshot(database)
    assert {("runblob", "poll", "expected"): 1} == before.closed == after.closed
    assert {("runblob",): 3} == before.polls == after.polls
    assert {("runblob", "processing"): 1} == after.generations
    async with database.reading() as tx:
        assert {} == await generations.order_input(tx, ids[1])


def _fields(record):
    return {name: getattr(record.generation, name) for name in type(record.generation).__struct_fields__}


async def test_one_process_an_hour_prunes(database):
    """A database that was never pruned is young."""
    async with database.transaction() as tx:
        assert await prune.last_pruned(tx) is None
        assert not await prune.claim(tx, NOW, NOW - 3600 * SECOND)
        later = NOW + 3600 * SECOND
        assert [True, False] == [await prune.claim(tx, later, NOW) for _ in range(2)]
        assert later == await prune.last_pruned(tx)
