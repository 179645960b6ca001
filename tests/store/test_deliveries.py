"""Deliveries as people see them: listed, shown with their tries, tried again; what a failing subscriber may take."""

from dataclasses import replace

from msgspec import structs
import pytest

from arrivals.flow.delivery.claim import claim_due
from arrivals.store import deliveries, subscribers
from arrivals.store.deliveries import Attempt
from arrivals.store.engine.base import Missing
from arrivals.store.generations import LAST
from tests.support.attempts import record_attempts
from tests.support.examples import SECOND, T0, announce, context_of, delivery, due, event, subscribe, subscriber

pytestmark = pytest.mark.timeout(30)

LEASE = 30 * SECOND


async def claim(database, limit=100):
    async with database.transaction() as tx:
        return await claim_due(tx, limit, LEASE)


async def end(database, claimed, **ended):
    attempt = Attempt(delivery_id=claimed.id, number=claimed.attempt_count, at=T0, duration_s=0.5, http_status=500)
    async with database.transaction() as tx:
        await record_attempts(tx, [(attempt, structs.replace(claimed, **{"attempt_at": None, **ended}))])


async def stands(database, delivery_id="dlv_1"):
    async with database.reading() as tx:
        return await deliveries.by_id(tx, delivery_id)


async def claim_one(database, clock, delivery_id="dlv_1"):
    async with database.transaction() as tx:
        return await deliveries.claim_one(tx, delivery_id, clock(), LEASE)


@pytest.mark.parametrize("redelivered", [False, True])
async def test_every_field_comes_back(database, redelivered):
    made = delivery(redelivered=redelivered)
    await due(database, made)
    assert structs.replace(made, attempt_at=T0) == await stands(database)


async def test_what_is_not_there_is_said(database):
    async with database.reading() as tx:
        with pytest.raises(Missing):
            await deliveries.by_id(tx, "dlv_none")
        assert [] == await deliveries.attempts_at(tx, "dlv_none")


@pytest.mark.parametrize(
    ("standing", "expected"),
    [(None, ["3", "2", "1"]), ("waiting", ["3"]), ("delivered", ["2"]), ("given_up", ["1"])],
)
async def test_list_shows_a_subscribers_own_newest_first(database, standing, expected):
    await subscribe(database, subscriber("1"), subscriber("2"))
    await due(database, delivery("1"), delivery("2", generation_id="gen_2"), delivery("other", subscriber_id="sub_2"))
    first, second = sorted(
        (claimed for claimed in await claim(database) if claimed.subscriber_id == "sub_1"),
        key=lambda claimed: claimed.id,
    )
    await end(database, second, delivered_at=T0 + 1)
    await end(database, first, given_up_at=T0 + 1)
    await due(database, delivery("3", generation_id="gen_3"))

    async with database.reading() as tx:
        rows = (await deliveries.listed(tx, "sub_1", standing, 9, LAST)).items
        rest = (await deliveries.listed(tx, "sub_1", standing, 1, "dlv_3")).items
    ids = [f"dlv_{number}" for number in expected]
    assert ids == [row.id for row in rows]
    assert [delivery_id for delivery_id in ids if delivery_id < "dlv_3"][:1] == [row.id for row in rest]


async def test_tries_come_back_in_their_order(database):
    tries = [
        Attempt(delivery_id="dlv_1", number=number, at=T0 + number, duration_s=0.25, error="timeout: 15 s")
        for number in (2, 1, 10)
    ]
    await subscribe(database, subscriber())
    async with database.transaction() as tx:
        for attempt in tries:
            await record_attempts(tx, [(attempt, delivery())])
        assert [1, 2, 10] == [attempt.number for attempt in await deliveries.attempts_at(tx, "dlv_1")]
        assert sorted(tries, key=lambda attempt: attempt.number) == await deliveries.attempts_at(tx, "dlv_1")


async def test_what_was_given_up_is_tried_again(database, clock):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)
    await end(database, claimed, given_up_at=T0 + 1)
    assert [] == await claim(database)

    again = await claim_one(database, clock)
    assert (2, None) == (again.attempt_count, again.given_up_at)


async def test_what_is_on_its_way_is_not_tried_beside_itself(database, clock):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)

    assert None is await claim_one(database, clock)
    assert claimed == await stands(database)
    clock.advance(31)
    assert 2 == (await claim_one(database, clock)).attempt_count
    assert [] == await claim(database)


async def test_what_was_delivered_stays_delivered(database, clock):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)
    await end(database, claimed, delivered_at=T0 + 1)

    assert None is await claim_one(database, clock)
    assert None is (await stands(database)).attempt_at


@pytest.mark.parametrize(
    ("ended", "expected"),
    [({"delivered_at": T0 + 1}, True), ({"given_up_at": T0 + 1}, False), ({"attempt_at": T0 + 9 * SECOND}, True)],
    ids=["has it", "has it not", "will have it"],
)
async def test_whether_a_subscriber_has_an_event_or_will(database, ended, expected):
    await subscribe(database, subscriber())
    await due(database, delivery())
    (claimed,) = await claim(database)
    await end(database, claimed, **ended)

    async with database.reading() as tx:
        assert expected == await deliveries.reached(tx, "evt_1", "sub_1")
        assert not await deliveries.reached(tx, "evt_1", "sub_2")
        assert not await deliveries.reached(tx, "evt_2", "sub_1")


async def test_one_paused_takes_nothing_until_it_goes_on(database):
    paused = subscriber()
    await subscribe(database, paused)
    await due(database, delivery())
    async with database.transaction() as tx:
        await subscribers.update(tx, replace(paused, paused_at=T0))
    assert [] == await claim(database)

    async with database.transaction() as tx:
        await subscribers.update(tx, paused)

    assert 1 == len(await claim(database))


async def test_after_five_misses_one_try_at_a_time_until_an_answer(database, clock):
    await subscribe(database, subscriber())
    for number in range(9):
        await due(database, delivery(f"{number}", generation_id=f"gen_{number}"))
    for claimed in (await claim(database))[:5]:
        await end(database, claimed, attempt_at=T0)
    clock.advance(31)

    (probe,) = await claim(database)
    assert [] == await claim(database)
    await end(database, probe, delivered_at=T0)
    assert 8 == len(await claim(database))


async def test_secrets_sign_as_long_as_they_may(database):
    both = subscriber()
    await subscribe(database, both)
    await announce(database, event())
    async with database.transaction() as tx:
        await subscribers.update(
            tx, replace(both, previous_secret="whsec_BBBB", previous_until=T0 + 5, private_key="whsk_CCCC")
        )
        context = await context_of(tx, delivery())
    assert (["whsec_AAAA", "whsec_BBBB"], ["whsec_AAAA"]) == (
        context.keys.secrets(T0 + 4),
        context.keys.secrets(T0 + 5),
    )
    assert "whsk_CCCC" == context.keys.private_key
    assert not any(secret in repr(context) for secret in ("AAAA", "BBBB", "CCCC"))


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "https://app.example/moved"},
        {"event_types": ("ping",), "filter": {"model": "a"}},
        {"event_types": None, "filter": None, "description": None, "rate_per_s": None},
        {"description": "a ☂", "max_in_flight": 3, "rate_per_s": 0.5},
        {"secret": "whsec_BBBB", "previous_secret": "whsec_AAAA", "previous_until": T0, "private_key": "whsk_CCCC"},
        {"paused_at": T0 + 1, "disabled_at": T0 + 2, "disabled_reason": "by hand"},
    ],
    ids=str,
)
async def test_every_change_of_a_subscriber_comes_back(database, changed):
    before = subscriber(event_types=("generation.*",), filter={"provider": "vtrix"}, description="b", rate_per_s=2.0)
    await subscribe(database, before)
    async with database.transaction() as tx:
        await subscribers.update(tx, replace(before, **changed))
        assert replace(before, **changed) == await subscribers.by_id(tx, "sub_1")


async def test_nobody_is_changed_who_is_not_there(database):
    async with database.transaction() as tx:
        with pytest.raises(Missing):
            await subscribers.update(tx, subscriber("none"))
        callback = await subscribers.callback_subscriber(tx, subscriber("callback"))
        with pytest.raises(Missing):
            await subscribers.update(tx, subscriber("callback"))
    assert "sub_callback" == callback
