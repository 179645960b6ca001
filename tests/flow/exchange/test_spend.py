"""Calls that no worker makes count like any other: by hand, to cancel, for outputs, and second requests of a poll."""

from dataclasses import replace

import pytest

from arrivals.core.budget import Budget
from arrivals.core.generation import Generation, Output, Status
from arrivals.flow.exchange.fetch import fetch
from arrivals.flow.exchange.spend import OverBudget, overdraw, spend
from arrivals.flow.observation.poll import AskedLately, claim_one, poll
from arrivals.flow.submission.cancel import cancel
from arrivals.store import accounts
from arrivals.store.engine.base import Missing
from tests.conftest import run_worker
from tests.flow.conftest import POLLED

KEY = ("eachlabs", "default")
ABOUT = Generation(
    id="gen_1", provider="eachlabs", account="default", route="predictions", model="flux-1-1-pro",
    status=Status.SUBMITTED, created_at=0, deadline_at=0,
)  # fmt: skip
WAITS = {"id": "el-1", "status": "processing"}


def allowing(context, requests_per_minute):
    """The same context over accounts that may send fewer requests."""
    budget = Budget(max_in_flight=100, requests_per_minute=requests_per_minute)
    upstreams = {key: replace(upstream, budget=budget) for key, upstream in context.upstreams.items()}
    return replace(context, upstreams=upstreams)


async def test_questions_by_hand_are_no_more_in_a_minute_than_the_account_may_send(context, clock, upstream, submitted):
    generation_id = await submitted()
    few = allowing(context, 60)
    clock.advance(60)
    polled = refused = 0
    for _ in range(300):
        upstream.answers[:] = [(200, WAITS)]
        try:
            await poll(few, await claim_one(few, generation_id))
            polled += 1
        except (OverBudget, AskedLately):
            refused += 1
        clock.advance(0.19)

    assert (True, 300) == (polled <= 60, polled + refused)
    assert polled >= 20


async def test_who_asks_again_at_once_is_told_so_and_nobody_is_asked(context, clock, upstream, submitted):
    generation_id = await submitted()
    upstream.answers.append((200, WAITS))
    await poll(context, await claim_one(context, generation_id))
    count = len(upstream.requests)

    with pytest.raises(AskedLately):
        await claim_one(context, generation_id)

    clock.advance(2)
    upstream.answers.append((200, POLLED))
    await poll(context, await claim_one(context, generation_id))
    assert count + 1 == len(upstream.requests)


async def test_a_clock_that_stepped_back_forbids_no_question(context, clock, upstream, submitted):
    generation_id = await submitted()
    upstream.answers.append((200, WAITS))
    await poll(context, await claim_one(context, generation_id))
    clock.advance(-3600)

    assert generation_id == (await claim_one(context, generation_id)).generation.id


async def test_a_request_by_hand_is_told_how_long_to_wait(context):
    few = allowing(context, 4)  # one at a time, one every twenty seconds
    await spend(few, ABOUT)

    with pytest.raises(OverBudget, match="eachlabs allows are used up; try again in") as refused:
        await spend(few, ABOUT)

    assert 0 < refused.value.wait_s <= 20


async def test_hands_and_queues_take_turns(context, clock, upstream, submitted):
    """Polls by hand without end leave every second request to the queue."""
    generation_id = await submitted()
    few = allowing(context, 4)
    about = (await claim_one(context, generation_id)).generation
    waiting = await submitted()
    clock.advance(1000)
    await spend(few, about)
    clock.advance(20)

    with pytest.raises(OverBudget):
        await spend(few, about)
    upstream.answers.append((200, WAITS))
    assert 1 == await run_worker(few, "poll")
    clock.advance(20)
    await spend(few, about)
    assert waiting


async def test_a_cancellation_counts(context, upstream, submitted):
    before, generation_id = await spent_until(context), await submitted()
    upstream.answers.append((200, {"status": "cancelled", "predictionID": "el-1"}))

    await cancel(context, generation_id)

    assert await spent_until(context) > before


async def test_a_cancellation_beyond_the_budget_has_to_be_asked_for_again(context, upstream, submitted):
    generation_id = await submitted()
    few = allowing(context, 4)
    await overdraw(few, (await claim_one(context, generation_id)).generation)
    count = len(upstream.requests)

    with pytest.raises(OverBudget):
        await cancel(few, generation_id)

    assert count == len(upstream.requests)


async def spent_until(context):
    async with context.store.reading() as tx:
        return (await accounts.ledger_seen(tx, KEY)).spent_until


@pytest.mark.parametrize(("where", "counts"), [("own", True), ("elsewhere", False)])
async def test_an_output_counts_where_the_providers_key_opens_it(context, upstream, listener, submitted, where, counts):
    generation = (await claim_one(context, await submitted())).generation
    host = upstream if where == "own" else listener
    host.answers.append((200, b"bytes", {"content-type": "image/png"}))
    before = await spent_until(context)

    async with fetch(context, generation, Output(kind="image", url=f"{host.url}/1.png"), {}) as reply:
        assert 200 == reply.http_status

    assert counts == (await spent_until(context) > before)


async def test_an_output_beyond_the_budget_has_to_be_asked_for_again(context, upstream, submitted):
    generation = (await claim_one(context, await submitted())).generation
    few = allowing(context, 4)
    await overdraw(few, generation)
    count = len(upstream.requests)

    with pytest.raises(OverBudget):
        async with fetch(few, generation, Output(kind="image", url=f"{upstream.url}/1.png"), {}):
            pass

    assert count == len(upstream.requests)


async def test_a_debt_is_never_taken_for_the_word_of_a_wrong_clock(context, clock):
    few = allowing(context, 4)
    for _ in range(10):
        await overdraw(few, ABOUT)

    with pytest.raises(OverBudget):
        await spend(few, ABOUT)
    clock.advance(61)
    await spend(few, ABOUT)


async def test_nobody_is_claimed_who_is_not_there(context):
    with pytest.raises(Missing):
        await claim_one(context, "gen_none")
