from dataclasses import replace

import pytest

from arrivals.core.wire import SECOND
from arrivals.flow.observation.poll import claim, claim_one, poll
from arrivals.flow.settlement.schedule import ASK_AGAIN
from arrivals.flow.submission.order import stored
from arrivals.store import accounts, generations
from tests.conftest import context_over, run_worker
from tests.flow.conftest import POLLED


async def test_one_generation_is_asked_about_now_whatever_its_schedule(context, upstream, submitted):
    generation_id = await submitted()
    assert 0 == await run_worker(context, "poll")
    upstream.answers.append((200, POLLED))

    await poll(context, await claim_one(context, generation_id))

    assert "completed" == (await stored(context, generation_id)).status


async def test_a_provider_that_keeps_failing_is_asked_less_and_then_again(context, upstream, clock, submitted):
    """Five misses in a row open the account's breaker; one poll then tries whether the trouble is over."""
    ids = [await submitted() for _ in range(8)]
    clock.advance(200)
    upstream.answers += [(503, {"error": "down"})] * 8
    assert 8 == await run_worker(context, "poll")
    for silence_s in (5, 10, 20):
        clock.advance(silence_s - 0.001)
        assert 0 == await run_worker(context, "poll")
        clock.advance(0.001)
        upstream.answers.append((503, {"error": "down"}))
        assert 1 == await run_worker(context, "poll")

    async with context.store.reading() as tx:
        ledger = await accounts.ledger_seen(tx, ("eachlabs", "default"))
    assert (8, True) == (ledger.misses, ledger.open_until > clock.at)
    assert 0 == await run_worker(context, "poll")

    clock.advance(60)
    upstream.answers.append((200, POLLED))
    assert 1 == await run_worker(context, "poll")
    upstream.answers += [(200, POLLED)] * 7
    while await run_worker(context, "poll"):
        pass
    assert ["completed"] * 8 == [(await stored(context, generation_id)).status for generation_id in ids]


async def test_polls_of_a_removed_account_wait_until_it_is_back(context, upstream, clock, submitted):
    await submitted()
    clock.advance(300)

    assert 0 == await run_worker(replace(context, upstreams={}), "poll")
    upstream.answers.append((200, POLLED))
    assert 1 == await run_worker(context, "poll")


async def test_a_provider_out_of_reach_counts_as_a_miss(store, transport, clock, submitted):
    generation_id = await submitted()
    clock.advance(300)

    await run_worker(context_over(store, transport, clock, "http://127.0.0.1:1"), "poll")

    async with store.reading() as tx:
        assert 1 == (await accounts.ledger_seen(tx, ("eachlabs", "default"))).misses
    assert generation_id


async def test_what_finished_teaches_when_to_ask(context, upstream, clock, submitted):
    """A webhook is missed after the learned duration, not after the documented one."""
    for _ in range(3):
        generation_id = await submitted()
        clock.advance(4)
        upstream.answers.append((200, POLLED))
        await poll(context, await claim_one(context, generation_id))
    await submitted()
    clock.advance(60)

    claimed = await claim(context, 10)

    assert 1 == len(claimed)


async def test_the_wait_that_a_provider_asks_for_is_kept(context, upstream, clock, submitted):
    """`Retry-After` on an answer that says that the work goes on."""
    generation_id = await submitted()
    clock.advance(10)
    upstream.answers.append((200, {"id": "el-1", "status": "processing"}, {"retry-after": "17"}))

    await poll(context, await claim_one(context, generation_id))

    async with context.store.reading() as tx:
        poll_at = (await generations.by_id(tx, generation_id)).schedule.poll_at
    assert pytest.approx(17 * SECOND, abs=1000) == poll_at - context.now()


async def test_who_opened_the_breaker_does_not_keep_it_open_for_others(context, upstream, clock, submitted):
    """One generation's trouble silences its account; the poll that tries again is about another."""
    ill = await submitted()
    clock.advance(300)
    for _ in range(5):
        clock.at += ASK_AGAIN
        upstream.answers.append((503, {"error": "down"}))
        await poll(context, await claim_one(context, ill))
        clock.advance(10)
    well = await submitted()
    clock.advance(3600)
    upstream.answers.append((200, POLLED))

    assert 1 == await run_worker(context, "poll")

    assert "completed" == (await stored(context, well)).status
