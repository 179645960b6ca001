"""Generations: every field comes back, lost races are noticed, and what is claimed is claimed by one alone."""

import anyio
from msgspec import structs
from msgspec.structs import replace
import pytest

from arrivals.core.budget import Budget
from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Generation, GenerationKey, Status
from arrivals.flow.submission.claim import claim_submissions
from arrivals.store import generations, idempotency
from arrivals.store.engine.base import Missing, Overtaken
from arrivals.store.generation_lists import GenerationQuery, listed
from arrivals.store.generations import Schedule, Scheduled
from tests.support.examples import FAILURE, FULL, SECOND, T0, generation, keep, scheduled, stored

pytestmark = pytest.mark.timeout(30)

TRIES = 0  # of the example

WHOLE = Scheduled(
    generation=FULL, schedule=Schedule(submit_at=T0 + 10, poll_at=T0 + 11, timeout_at=T0 + 12), poll_misses=0
)


async def test_every_field_comes_back(database):
    """A new generation was never polled, whatever it says."""
    await keep(database, WHOLE)
    assert replace(WHOLE, generation=replace(FULL, polls=0)) == await stored(database, FULL.id)


async def test_absent_facts_stay_absent(database):
    bare = scheduled()
    await keep(database, bare)
    assert bare == await stored(database, "gen_1")


def test_the_full_example_leaves_no_field_at_its_default():
    bare = Generation(
        id="", provider="", account="", route="", model="", status=Status.PENDING, created_at=0, deadline_at=0
    )
    assert [] == [
        field.name for field in structs.fields(Generation) if getattr(FULL, field.name) == getattr(bare, field.name)
    ]


async def test_missing_generation_is_said(database):
    with pytest.raises(Missing, match="no generation has the id"):
        await stored(database, "gen_none")


async def test_order_keeps_its_input(database):
    async with database.transaction() as tx:
        await generations.insert(tx, scheduled(), '{"prompt":"a ☂","n":2}')
        assert {"prompt": "a ☂", "n": 2} == await generations.order_input(tx, "gen_1")
        with pytest.raises(Missing):
            await generations.order_input(tx, "gen_none")


async def test_save_writes_everything_the_machine_decides(database):
    """Fields that an order fixes (provider, model, metadata, deadline, …) are never written again."""
    await keep(database, scheduled("full", version=3, status=Status.SUBMITTING))
    fixed = {
        name: getattr(generation("full"), name)
        for name in (
            "provider", "account", "route", "model", "bulk_id", "metadata", "callback_url", "webhook_expected",
            "outputs_requested", "api_key", "order_size",
        )
    }  # fmt: skip
    changed = Scheduled(generation=replace(FULL, **fixed), schedule=WHOLE.schedule, poll_misses=2)
    async with database.transaction() as tx:
        await generations.save(tx, [changed])
    assert replace(changed, generation=replace(changed.generation, version=4)) == await stored(database, "gen_full")


async def test_save_of_an_old_version_is_overtaken_and_changes_nothing(database):
    await keep(database, scheduled("1"), scheduled("2"))
    first, second = await stored(database, "gen_1"), await stored(database, "gen_2")
    moved = replace(first, generation=replace(first.generation, status=Status.PROCESSING))
    async with database.transaction() as tx:
        await generations.save(tx, [moved])
    with pytest.raises(Overtaken, match="1 of 2 generations were saved by somebody else"):
        async with database.transaction() as tx:
            await generations.save(tx, [replace(second, poll_misses=9), replace(moved, poll_misses=9)])
    assert 0 == (await stored(database, "gen_2")).poll_misses
    assert (Status.PROCESSING, 2) == (
        (await stored(database, "gen_1")).generation.status,
        (await stored(database, "gen_1")).generation.version,
    )


async def test_saving_nothing_is_fine(database):
    async with database.transaction() as tx:
        await generations.save(tx, [])


async def test_of_two_who_save_the_same_version_one_is_overtaken(database):
    await keep(database, scheduled())
    loaded = await stored(database, "gen_1")
    outcomes = []

    async def save():
        try:
            async with database.transaction() as tx:
                await generations.save(tx, [loaded])
            outcomes.append("saved")
        except Overtaken:
            outcomes.append("overtaken")

    async with anyio.create_task_group() as group:
        group.start_soon(save)
        group.start_soon(save)
    assert ["overtaken", "saved"] == sorted(outcomes)


async def test_settling_finds_those_that_exist(database):
    await keep(database, scheduled("1"), scheduled("2"))
    async with database.transaction() as tx:
        records = await generations.to_settle(tx, ["gen_2", "gen_none", "gen_1", "gen_2"])
    assert {"gen_1": scheduled("1"), "gen_2": scheduled("2")} == records
    async with database.reading() as tx:
        assert {"gen_1": generation("1")} == await generations.by_ids(tx, ["gen_1", "gen_none"])
        assert {} == await generations.by_ids(tx, [])
        whole = generation("1")
        part = GenerationKey(**{name: getattr(whole, name) for name in GenerationKey.__struct_fields__})
        assert {"gen_1": part} == await generations.keys_of(tx, ["gen_1", "gen_none"])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["gen_3", "gen_2", "gen_1"]),
        ({"statuses": ("completed",)}, ["gen_2"]),
        ({"statuses": ("completed", "pending")}, ["gen_3", "gen_2", "gen_1"]),
        ({"statuses": ("completed", "pending"), "limit": 2}, ["gen_3", "gen_2"]),
        ({"statuses": ("pending", "completed"), "before": "gen_3", "limit": 1}, ["gen_2"]),
        ({"statuses": ("canceled", "expired")}, []),
        ({"external_id": "el-3"}, ["gen_3"]),
        ({"external_id": "el-2"}, []),
        ({"api_key": "key_1"}, ["gen_3", "gen_1"]),
        ({"api_key": "key_1", "before": "gen_3"}, ["gen_1"]),
        ({"metadata": {"order": "42"}}, ["gen_3", "gen_1"]),
        ({"metadata": {"order": "42"}, "limit": 1}, ["gen_3"]),
        ({"metadata": {"order": "42"}, "before": "gen_3"}, ["gen_1"]),
        ({"metadata": {"order": "42", "paid": "true"}}, ["gen_1"]),
        ({"metadata": {"order": "42", "paid": "true", "price": "1.5"}}, ["gen_1"]),
        ({"metadata": {"order": "42", "paid": "true", "price": "1.25"}}, []),
        ({"metadata": {"order": "42"}, "provider": "vtrix", "statuses": ("pending",)}, ["gen_3"]),
        ({"metadata": {"paid": "42"}}, []),
        ({"provider": "vtrix"}, ["gen_3"]),
        ({"model": "wan26_t2i", "provider": "vtrix"}, ["gen_3"]),
        ({"model": "wan26_t2i", "provider": "runblob"}, []),
        ({"since": T0 + 1}, ["gen_3", "gen_2"]),
        ({"until": T0 + 1}, ["gen_1"]),
        ({"before": "gen_3"}, ["gen_2", "gen_1"]),
        ({"limit": 2}, ["gen_3", "gen_2"]),
        ({"before": "gen_2", "limit": 1}, ["gen_1"]),
    ],
    ids=str,
)
async def test_list_shows_what_was_asked_for_newest_first(database, wanted, expected):
    await keep(
        database,
        scheduled("1", api_key="key_1", metadata={"order": "42", "paid": True, "price": 1.5, "more": {"order": "7"}}),
        scheduled("2", status=Status.COMPLETED, created_at=T0 + 1, external_id="el-2", external_id_hinted=True),
        scheduled(
            "3",
            provider="vtrix",
            model="wan26_t2i",
            created_at=T0 + 2,
            external_id="el-3",
            api_key="key_1",
            metadata={"order": 42, "long": "x" * 501},
        ),
    )
    async with database.reading() as tx:
        assert expected == [row.id for row in (await listed(tx, GenerationQuery(**wanted))).items]


async def test_refused_submission_goes_back_into_the_queue(database):
    await keep(database, scheduled(status=Status.SUBMITTING, submitted_at=T0, timeout_at=T0 + 1))
    async with database.transaction() as tx:
        assert await generations.return_to_pending(tx, "gen_1", T0 + 5, FAILURE, tries=TRIES)
    returned = await stored(database, "gen_1")
    assert (Status.PENDING, None, FAILURE, 2) == (
        returned.generation.status,
        returned.generation.submitted_at,
        returned.generation.failure,
        returned.generation.version,
    )
    assert Schedule(submit_at=T0 + 5, timeout_at=returned.generation.deadline_at) == returned.schedule


@pytest.mark.parametrize(
    "spoken",
    [{"status": Status.COMPLETED}, {"external_id": "ext-1"}, {"held": FULL.held}, {"status": Status.PENDING}],
    ids=["closed", "named", "held", "pending"],
)
async def test_submission_of_which_a_witness_spoke_is_never_sent_again(database, spoken):
    await keep(database, scheduled(**{"status": Status.SUBMITTING, **spoken}))
    before = await stored(database, "gen_1")
    async with database.transaction() as tx:
        assert not await generations.return_to_pending(tx, "gen_1", T0 + 5, None, tries=TRIES)
    assert before == await stored(database, "gen_1")


async def test_a_return_done_twice_takes_no_later_try_off_the_wire(database):
    """The commit was made and its answer lost; by the time it is done again the next try may be under way."""
    await keep(database, scheduled(status=Status.SUBMITTING))
    async with database.transaction() as tx:
        assert await generations.return_to_pending(tx, "gen_1", T0, FAILURE, tries=TRIES)
    budgets = {("runblob", "default"): Budget(max_in_flight=9, requests_per_minute=6000)}
    async with database.transaction() as tx:
        (again,) = (await claim_submissions(tx, budgets, 1, SECOND)).claimed
    assert TRIES + 1 == again.submit_tries

    async with database.transaction() as tx:
        assert not await generations.return_to_pending(tx, "gen_1", T0, FAILURE, tries=TRIES)

    assert Status.SUBMITTING == (await stored(database, "gen_1")).generation.status


async def test_returning_without_a_reason_forgets_the_old_one(database):
    await keep(database, scheduled(status=Status.SUBMITTING, failure=FAILURE))
    async with database.transaction() as tx:
        assert await generations.return_to_pending(tx, "gen_1", T0, None, tries=TRIES)
    assert (await stored(database, "gen_1")).generation.failure is None


async def test_overdue_are_claimed_up_to_the_limit_soonest_first(database, clock):
    await keep(
        database,
        scheduled("late", timeout_at=T0 - 1),
        scheduled("latest", timeout_at=T0 - 2),
        scheduled("later", timeout_at=T0 - 3),
        scheduled("coming", timeout_at=T0 + 100 * SECOND),
        scheduled("never"),
    )
    async with database.transaction() as tx:
        claimed = await generations.claim_overdue(tx, 2, 30 * SECOND)
    assert {"gen_later", "gen_latest"} == {overdue.id for overdue in claimed}
    async with database.transaction() as tx:
        assert ["gen_late"] == [overdue.id for overdue in await generations.claim_overdue(tx, 9, 30 * SECOND)]
        assert [] == await generations.claim_overdue(tx, 9, 30 * SECOND)


async def test_expired_lease_brings_an_overdue_one_back(database, clock):
    await keep(database, scheduled(timeout_at=T0))
    async with database.transaction() as tx:
        assert 1 == len(await generations.claim_overdue(tx, 9, 30 * SECOND))
    clock.advance(29)
    async with database.transaction() as tx:
        assert [] == await generations.claim_overdue(tx, 9, 30 * SECOND)
    clock.advance(2)
    async with database.transaction() as tx:
        assert 1 == len(await generations.claim_overdue(tx, 9, 30 * SECOND))


async def test_nothing_overdue_is_claimed_twice_by_many(database):
    await keep(database, *(scheduled(f"{number:03}", timeout_at=T0) for number in range(60)))
    claimed = []

    async def claim():
        while True:
            async with database.transaction() as tx:
                batch = await generations.claim_overdue(tx, 7, 30 * SECOND)
            assert len(batch) <= 7
            claimed.extend(overdue.id for overdue in batch)
            if not batch:
                return

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(claim)
    assert [f"gen_{number:03}" for number in range(60)] == sorted(claimed)


async def test_one_generation_is_claimed_for_a_poll_whatever_its_schedule(database, clock):
    await keep(database, scheduled(poll_at=T0 + 900 * SECOND))
    async with database.transaction() as tx:
        claimed = await generations.claim_poll_of(tx, "gen_1", 60 * SECOND)
        assert clock.at + 60 * SECOND == claimed.schedule.poll_at
        with pytest.raises(Missing):
            await generations.claim_poll_of(tx, "gen_none", 60 * SECOND)


async def test_bulk_orders_come_back_in_the_order_in_which_they_were_asked_for(database):
    await keep(
        database,
        scheduled("b", bulk_id="blk_1", created_at=T0 + 9),
        scheduled("a", bulk_id="blk_1", submit_at=T0 + 5),
        scheduled("c", bulk_id="blk_2", status=Status.COMPLETED),
        scheduled("d", bulk_id="blk_3"),
        scheduled("e"),
    )
    async with database.reading() as tx:
        bulks = await generations.of_bulks(tx, ["blk_2", "blk_1", "blk_none"])
        assert {} == await generations.of_bulks(tx, [])
    assert {"blk_1": ["gen_a", "gen_b"], "blk_2": ["gen_c"]} == {
        bulk_id: [member.generation.id for member in members] for bulk_id, members in bulks.items()
    }
    assert await stored(database, "gen_a") == bulks["blk_1"][0]


@pytest.mark.parametrize(
    ("fields", "answer_by", "expected"),
    [
        ({}, T0 + 330 * SECOND, T0 + 330 * SECOND),
        ({"deadline_at": T0 + 20 * SECOND}, T0 + 330 * SECOND, T0 + 20 * SECOND),
        ({"webhook_expected": True}, T0 + 330 * SECOND, T0 + 90 * SECOND),
    ],
    ids=["later", "at the deadline", "a webhook is expected"],
)
async def test_answer_is_waited_for_until_its_own_moment(database, fields, answer_by, expected):
    """Where a webhook may come, the wait is another one, and stays."""
    await keep(database, scheduled(status=Status.SUBMITTING, timeout_at=T0 + 90 * SECOND, **fields))
    before = await stored(database, "gen_1")
    async with database.transaction() as tx:
        await generations.answer_by(tx, "gen_1", answer_by)
        await generations.answer_by(tx, "gen_none", answer_by)
    assert replace(before, schedule=Schedule(timeout_at=expected)) == await stored(database, "gen_1")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, T0 + 90 * SECOND),
        ({"deadline_at": T0 + 20 * SECOND}, T0 + 20 * SECOND),
        ({"webhook_expected": True, "deadline_at": T0 + 900 * SECOND}, T0 + 900 * SECOND),
    ],
    ids=["its own moment", "the deadline", "a webhook is expected"],
)
async def test_who_is_still_submitting_waits_for_its_answer_anew(database, fields, expected):
    await keep(database, scheduled(status=Status.SUBMITTING, timeout_at=T0 + 5, **fields))
    async with database.transaction() as tx:
        assert await generations.still_submitting(tx, "gen_1", T0 + 90 * SECOND)
    assert expected == (await stored(database, "gen_1")).schedule.timeout_at


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.COMPLETED, Status.PENDING])
async def test_who_has_ended_meanwhile_is_not_submitting(database, status):
    await keep(database, scheduled(status=status, timeout_at=T0 + 5))
    before = await stored(database, "gen_1")
    async with database.transaction() as tx:
        assert not await generations.still_submitting(tx, "gen_1", T0 + 90 * SECOND)
        assert not await generations.still_submitting(tx, "gen_none", T0 + 90 * SECOND)
    assert before == await stored(database, "gen_1")


async def test_what_has_a_name_can_be_asked_about_at_once(database):
    await keep(database, scheduled(status=Status.PROCESSING, external_id="ext-1", poll_at=T0 + 900 * SECOND))
    before = await stored(database, "gen_1")
    async with database.transaction() as tx:
        await generations.poll_now(tx, "gen_1", T0 + 5)
    assert replace(before, schedule=Schedule(poll_at=T0 + 5)) == await stored(database, "gen_1")


@pytest.mark.parametrize(
    "fields",
    [{}, {"external_id": "ext-1", "status": Status.COMPLETED, "closed_at": T0}, {"poll_at": T0 + 9}],
    ids=["without a name", "closed", "without a name, due"],
)
async def test_what_nobody_can_answer_for_is_not_asked_about(database, fields):
    await keep(database, scheduled(**fields))
    before = await stored(database, "gen_1")
    async with database.transaction() as tx:
        await generations.poll_now(tx, "gen_1", T0 + 5)
    assert before == await stored(database, "gen_1")


async def test_accepted_stream_that_was_told_not_now_goes_back_into_the_queue(database):
    """The generation was submitted, and its provider has not named it."""
    await keep(database, scheduled(status=Status.SUBMITTED, submitted_at=T0, timeout_at=T0 + 1, poll_at=None))
    async with database.transaction() as tx:
        assert await generations.return_to_pending(tx, "gen_1", T0 + 5, FAILURE, tries=TRIES)
    assert Status.PENDING == (await stored(database, "gen_1")).generation.status


async def test_unanswered_poll_is_asked_later(database):
    await keep(database, scheduled(poll_at=T0))
    async with database.transaction() as tx:
        claimed = await generations.claim_poll_of(tx, "gen_1", 60 * SECOND)
        await generations.poll_later(tx, claimed, T0 + 7)
    after = await stored(database, "gen_1")
    assert (T0 + 7, 1) == (after.schedule.poll_at, after.poll_misses)


async def test_settled_answer_is_not_undone_by_a_late_miss(database):
    await keep(database, scheduled(poll_at=T0))
    async with database.transaction() as tx:
        claimed = await generations.claim_poll_of(tx, "gen_1", 60 * SECOND)
        await generations.save(tx, [replace(claimed, schedule=Schedule(poll_at=T0 + 99))])
        await generations.poll_later(tx, claimed, T0 + 7)
    after = await stored(database, "gen_1")
    assert (T0 + 99, 0) == (after.schedule.poll_at, after.poll_misses)


async def test_idempotency_key_is_bound_once(database):
    async with database.transaction() as tx:
        await idempotency.remember_order(tx, "key_a", "k", "digest-1", "gen_1", T0)
    with pytest.raises(Overtaken, match="'k'"):
        async with database.transaction() as tx:
            await idempotency.remember_order(tx, "key_a", "k", "digest-2", "gen_2", T0)
    async with database.reading() as tx:
        assert ("digest-1", "gen_1") == await idempotency.remembered_order(tx, "key_a", "k")


async def test_idempotency_keys_of_others_do_not_concern(database):
    async with database.transaction() as tx:
        await idempotency.remember_order(tx, "key_a", "k", "digest-1", "gen_1", T0)
        await idempotency.remember_order(tx, "key_b", "k", "digest-2", "gen_2", T0)
        assert ("digest-2", "gen_2") == await idempotency.remembered_order(tx, "key_b", "k")
        with pytest.raises(Missing, match="no order has the idempotency key k"):
            await idempotency.remembered_order(tx, "key_c", "k")


async def test_of_many_who_bind_a_key_at_once_one_does(database):
    bound = []

    async def bind(number):
        try:
            async with database.transaction() as tx:
                await idempotency.remember_order(tx, "key_a", "k", "digest", f"gen_{number}", T0)
            bound.append(f"gen_{number}")
        except Overtaken:
            pass

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(bind, number)
    async with database.reading() as tx:
        assert [("digest", bound[0])] == [await idempotency.remembered_order(tx, "key_a", "k")]
    assert 1 == len(bound)


async def test_failure_code_is_stored_where_it_can_be_counted(database):
    await keep(database, scheduled(failure=make_failure(FailureCode.RATE_LIMITED)))
    async with database.reading() as tx:
        assert "rate_limited" == (await tx.fetch(generations.SQL["generation_by_id"], id="gen_1"))[0]["failure_code"]
