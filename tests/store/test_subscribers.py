"""Subscribers and deliveries: order per generation, limits per subscriber, one attempt at a time."""

from dataclasses import replace

import anyio
from msgspec import structs
import pytest

from arrivals.core.event import EventType
from arrivals.core.subscriber import SigningKeys
from arrivals.flow.delivery.claim import claim_due
from arrivals.store import deliveries, subscribers
from arrivals.store.deliveries import Attempt, DeliveryContext
from arrivals.store.engine.base import Missing
from tests.support.attempts import record_attempts
from tests.support.examples import SECOND, T0, announce, context_of, delivery, due, event, subscribe, subscriber

pytestmark = pytest.mark.timeout(30)

LEASE = 30 * SECOND
FULL = subscriber(
    event_types=("generation.completed", "ping"),
    filter={"provider": "vtrix", "metadata": {"order": "42"}},
    description="a ☂",
    max_in_flight=3,
    rate_per_s=0.5,
)


async def claim(database, limit=100):
    async with database.transaction() as tx:
        return await claim_due(tx, limit, LEASE)


async def names(database, limit=100):
    return [claimed.id for claimed in await claim(database, limit)]


async def end(database, claimed, *, at=T0, **ended):
    """Records an attempt: delivered, given up, or to be tried again."""
    attempt = Attempt(delivery_id=claimed.id, number=claimed.attempt_count, at=at, duration_s=0.5)
    async with database.transaction() as tx:
        return (await record_attempts(tx, [(attempt, structs.replace(claimed, **{"attempt_at": None, **ended}))]))[0]


@pytest.mark.parametrize(
    "stored", [FULL, subscriber(), subscriber(event_types=(), filter={})], ids=["full", "bare", "none"]
)
async def test_every_field_comes_back(database, stored):
    await subscribe(database, stored)
    async with database.reading() as tx:
        assert stored == await subscribers.by_id(tx, "sub_1")


async def test_list_shows_the_newest_first(database):
    await subscribe(database, subscriber("1"), subscriber("2"), subscriber("3"))
    async with database.reading() as tx:
        assert ["sub_3", "sub_2"] == [row.id for row in (await subscribers.listed(tx, 2)).items]
        assert ["sub_1"] == [row.id for row in (await subscribers.listed(tx, 2, before="sub_2")).items]


@pytest.mark.parametrize(
    ("event_types", "wanted", "expected"),
    [
        (None, None, True),
        (("generation.completed",), None, True),
        (("generation.*",), None, True),
        (("generation.failed", "ping"), None, False),
        ((), None, False),
        (None, {"provider": "runblob"}, True),
        (None, {"provider": "vtrix"}, False),
        (None, {"provider": None, "model": "m"}, True),
        (None, {"model": "other"}, False),
        (None, {"metadata": {"order": "42"}}, True),
        (None, {"metadata": {"order": "43"}}, False),
        (None, {"metadata": {"absent": "x"}}, False),
    ],
)
def test_subscriber_wants_what_it_asked_for(event_types, wanted, expected):
    registered = subscriber(event_types=event_types, filter=wanted)
    assert expected is registered.wants(EventType.COMPLETED, "runblob", "m", {"order": "42", "more": 1})


async def test_disabled_subscriber_is_served_no_more(database):
    await subscribe(database, subscriber("1"), subscriber("2"))
    await due(database, delivery("1"), delivery("2", subscriber_id="sub_2"))
    async with database.transaction() as tx:
        assert await subscribers.disable(tx, "sub_1", T0 + 1, "it answered 410 Gone")
        assert not await subscribers.disable(tx, "sub_1", T0 + 2, "again")
        assert ["sub_2"] == [row.id for row in await subscribers.active(tx)]
        disabled = await subscribers.by_id(tx, "sub_1")
        assert (T0 + 1, "it answered 410 Gone") == (disabled.disabled_at, disabled.disabled_reason)
        first, _ = await deliveries.of_generation(tx, "gen_1")
        assert (None, T0 + 1) == (first.attempt_at, first.given_up_at)
    assert ["dlv_2"] == await names(database)


async def test_deleted_subscriber_is_forgotten_and_its_deliveries_given_up(database):
    await subscribe(database, subscriber())
    await due(database, delivery())
    async with database.transaction() as tx:
        await subscribers.delete(tx, "sub_1", T0 + 1)
        with pytest.raises(Missing):
            await subscribers.delete(tx, "sub_1", T0 + 1)
        with pytest.raises(Missing):
            await subscribers.by_id(tx, "sub_1")
        assert [T0 + 1] == [row.given_up_at for row in await deliveries.of_generation(tx, "gen_1")]
        assert await context_of(tx, delivery()) is None
    assert [] == await names(database)


async def test_callback_urls_of_one_origin_share_a_subscriber_nobody_lists(database):
    fresh = subscriber("a", url="https://app.example", max_in_flight=4)
    async with database.transaction() as tx:
        assert "sub_a" == await subscribers.callback_subscriber(tx, fresh)
        assert "sub_a" == await subscribers.callback_subscriber(tx, replace(fresh, id="sub_b"))
        other = replace(fresh, id="sub_c", url="https://other.example")
        assert "sub_c" == await subscribers.callback_subscriber(tx, other)
        assert [] == await subscribers.active(tx)
        assert [] == (await subscribers.listed(tx, 9)).items
        with pytest.raises(Missing):
            await subscribers.by_id(tx, "sub_a")
        with pytest.raises(Missing):
            await subscribers.delete(tx, "sub_a", T0)


async def test_delivery_comes_back_claimed_for_the_length_of_a_lease(database, clock):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)
    assert delivery(attempt_count=1, attempt_at=clock.at + LEASE) == claimed
    assert [] == await claim(database)
    clock.advance(31)
    assert [2] == [again.attempt_count for again in await claim(database)]


async def test_limit_holds_over_all_subscribers(database):
    await subscribe(database, subscriber("1"), subscriber("2"))
    await due(
        database,
        *(
            delivery(f"{owner}{number}", subscriber_id=f"sub_{owner}", generation_id=f"gen_{number}")
            for owner in "12"
            for number in range(3)
        ),
    )
    assert 4 == len(await claim(database, 4))
    assert 2 == len(await claim(database, 4))


async def test_deliveries_keep_the_order_of_their_generation(database):
    """A later delivery waits for the earlier to be delivered or given up; other generations and subscribers do not."""
    await subscribe(database, subscriber("1"), subscriber("2"))
    await due(
        database,
        delivery("a1", position=1),
        delivery("a2", position=2),
        delivery("a3", position=3),
        delivery("b", position=4, generation_id="gen_2"),
        delivery("c", position=2, subscriber_id="sub_2"),
    )
    first = await claim(database)
    assert ["dlv_a1", "dlv_b", "dlv_c"] == sorted(claimed.id for claimed in first)
    assert [] == await claim(database)
    for claimed in first:
        await end(database, claimed, delivered_at=T0)
    (second,) = await claim(database)
    assert "dlv_a2" == second.id
    await end(database, second, given_up_at=T0)
    assert ["dlv_a3"] == await names(database)


async def test_delivery_that_waits_for_its_next_try_holds_the_later_ones_back(database, clock):
    await subscribe(database, subscriber())
    await due(database, delivery("1", position=1), delivery("2", position=2))
    (first,) = await claim(database)
    await end(database, first, attempt_at=T0 + 5 * SECOND)
    assert [] == await claim(database)
    clock.advance(6)
    assert ["dlv_1"] == await names(database)


async def test_most_in_flight_is_kept_per_subscriber(database):
    await subscribe(database, subscriber("1", max_in_flight=2), subscriber("2"))
    await due(
        database,
        *(delivery(f"a{number}", position=number, generation_id=f"gen_{number}") for number in range(4)),
        *(delivery(f"b{number}", generation_id=f"gen_{number}", subscriber_id="sub_2") for number in range(4)),
    )
    claimed = await claim(database)
    first = [row for row in claimed if row.subscriber_id == "sub_1"]
    assert ["dlv_a0", "dlv_a1"] == [row.id for row in first]
    assert 6 == len(claimed)
    assert [] == await claim(database)
    await end(database, first[0], delivered_at=T0)
    assert ["dlv_a2"] == await names(database)


@pytest.mark.parametrize("limits", [{"max_in_flight": 3}, {"max_in_flight": 1000, "rate_per_s": 3}], ids=str)
async def test_limits_hold_for_many_who_claim_at_once(database, limits):
    await subscribe(database, subscriber(**limits))
    await due(database, *(delivery(f"{number:02}", generation_id=f"gen_{number}") for number in range(30)))
    claimed = []

    async def work():
        claimed.extend(await names(database))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(work)
    assert 3 == len(claimed)


async def test_delivery_that_waits_for_its_next_try_is_not_in_flight(database):
    await subscribe(database, subscriber(max_in_flight=1))
    await due(database, delivery("1"), delivery("2", generation_id="gen_2"))
    (first,) = await claim(database)
    await end(database, first, attempt_at=T0 + 900 * SECOND)
    assert 1 == len(await claim(database))


async def test_places_are_dealt_to_every_subscriber_in_turn(database):
    """A subscriber with many deliveries takes no place from one with few."""
    await subscribe(database, subscriber("1", max_in_flight=1000), subscriber("2"))
    await due(
        database,
        *(delivery(f"a{number:02}", generation_id=f"gen_{number}") for number in range(30)),
        *(delivery(f"b{number}", generation_id=f"gen_{number}", subscriber_id="sub_2") for number in range(2)),
    )
    claimed = await claim(database, 8)
    assert (6, 2) == tuple(sum(row.subscriber_id == f"sub_{owner}" for row in claimed) for owner in "12")


async def test_failing_subscriber_gets_one_delivery_at_a_time_until_it_answers(database):
    await subscribe(database, subscriber())
    await due(database, *(delivery(f"{number}", generation_id=f"gen_{number}") for number in range(4)))
    first, *others = await claim(database, 2)
    await end(database, first, attempt_at=T0 + 900 * SECOND)
    assert [] == await claim(database)
    for other in others:
        await end(database, other, attempt_at=T0 + 900 * SECOND)
    (third,) = await claim(database)
    await end(database, third, delivered_at=T0)
    assert 1 == len(await claim(database))


async def test_clock_that_jumped_ahead_and_came_back_silences_nobody(database, clock):
    await subscribe(database, subscriber(rate_per_s=1))
    await due(database, *(delivery(f"{number}", generation_id=f"gen_{number}") for number in range(4)))
    clock.advance(10_000)
    assert 1 == len(await claim(database))
    clock.advance(-10_000)
    assert 1 == len(await claim(database))
    assert [] == await claim(database)
    clock.advance(1)
    assert 1 == len(await claim(database))


@pytest.mark.parametrize(("rate", "seconds", "expected"), [(2, 10, 20), (0.5, 10, 5), (7, 3, 21), (1, 5, 5)])
async def test_rate_is_kept_per_subscriber(database, clock, rate, seconds, expected):
    """No second sees more than the rate (one, where it is slower than one a second)."""
    await subscribe(database, subscriber(rate_per_s=rate, max_in_flight=1000))
    await due(database, *(delivery(f"{number:03}", generation_id=f"gen_{number}") for number in range(60)))
    claimed = []
    for _ in range(seconds):
        batch = await names(database)
        assert len(batch) <= max(1, rate)
        claimed += batch
        clock.advance(1)
    assert expected == len(claimed)


async def test_nothing_is_claimed_twice_by_many(database):
    await subscribe(database, subscriber("1", max_in_flight=1000), subscriber("2", max_in_flight=1000))
    await due(
        database,
        *(
            delivery(f"{owner}-{number:02}", generation_id=f"gen_{number}", subscriber_id=f"sub_{owner}")
            for owner in "12"
            for number in range(30)
        ),
    )
    claimed = []

    async def work():
        while batch := await names(database, 7):
            assert len(batch) <= 7
            claimed.extend(batch)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(work)
    assert [f"dlv_{owner}-{number:02}" for owner in "12" for number in range(30)] == sorted(claimed)


async def test_context_says_what_sending_needs(database):
    await subscribe(database, subscriber())
    await announce(database, event(body='{"a":1}'))
    async with database.transaction() as tx:
        expected = DeliveryContext(
            body='{"a":1}', keys=SigningKeys(secret="whsec_AAAA"), registered=True, disabled=False
        )
        assert expected == await context_of(tx, delivery())
        await subscribers.disable(tx, "sub_1", T0, "on purpose")
        assert replace(expected, disabled=True) == await context_of(tx, delivery())
        await subscribers.callback_subscriber(tx, subscriber("2"))
        assert replace(expected, registered=False) == await context_of(tx, delivery(subscriber_id="sub_2"))
        assert await context_of(tx, delivery(event_id="evt_none")) is None


async def test_attempts_come_back_in_order(database):
    await subscribe(database, subscriber())
    await due(database, delivery())
    first = Attempt(delivery_id="dlv_1", number=1, at=T0, duration_s=0.25, http_status=500, error="status: HTTP 500")
    second = Attempt(delivery_id="dlv_1", number=2, at=T0 + 1, duration_s=1.5, http_status=200, answer="thanks ☂")
    (claimed,) = await claim(database)
    async with database.transaction() as tx:
        await record_attempts(tx, [(second, claimed)])
        await record_attempts(tx, [(first, claimed)])
        await record_attempts(tx, [(structs.replace(first, error="told twice"), claimed)])
        assert [first, second] == await deliveries.attempts_of(tx, "gen_1")
        assert [] == await deliveries.attempts_of(tx, "gen_2")


async def test_delivered_is_delivered(database):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)
    assert await end(database, claimed, delivered_at=T0 + 3) is None
    async with database.reading() as tx:
        assert [delivery(attempt_count=1, delivered_at=T0 + 3)] == await deliveries.of_generation(tx, "gen_1")
    assert [] == await claim(database)


async def test_attempt_that_outlived_its_lease_does_not_speak_for_the_next(database, clock):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (old,) = await claim(database)
    clock.advance(31)
    (new,) = await claim(database)
    await end(database, old, given_up_at=T0)
    async with database.reading() as tx:
        assert [new] == await deliveries.of_generation(tx, "gen_1")


async def test_since_when_a_subscriber_has_only_failed(database, clock):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)
    assert T0 + 1 == await end(database, claimed, at=T0 + 1, attempt_at=T0)
    (claimed,) = await claim(database)
    assert T0 + 1 == await end(database, claimed, at=T0 + 2, attempt_at=T0)
    (claimed,) = await claim(database)
    assert await end(database, claimed, delivered_at=T0) is None
    assert T0 + 9 == await end(database, claimed, at=T0 + 9)


async def test_days_without_a_delivery_to_try_are_no_days_of_failure(database):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)
    await end(database, claimed, at=T0 + 1, given_up_at=T0)
    assert T0 + 9 == await end(database, claimed, at=T0 + 9)


async def test_failure_of_a_deleted_subscriber_is_nobodys(database):
    await due(database, delivery())
    assert await end(database, delivery(attempt_count=1)) is None
