from dataclasses import replace

from arrivals.flow.observation.poll import ASK_AGAIN, claim, claim_one, poll
from arrivals.flow.submission.order import stored
from arrivals.store import accounts
from tests.conftest import run_worker, tools_over
from tests.flow.conftest import POLLED


async def test_one_generation_is_asked_about_now_whatever_its_schedule(tools, upstream, submitted):
    generation_id = await submitted()
    assert 0 == await run_worker(tools, "poll")
    upstream.answers.append((200, POLLED))

    await poll(tools, await claim_one(tools, generation_id))

    assert "completed" == (await stored(tools, generation_id)).status


async def test_a_provider_that_keeps_failing_is_asked_less_and_then_again(tools, upstream, clock, submitted):
    """Five misses in a row open the account's breaker; one question then tries whether it is over."""
    ids = [await submitted() for _ in range(8)]
    clock.advance(200)
    upstream.answers += [(503, {"error": "down"})] * 8
    assert 8 == await run_worker(tools, "poll")
    for silence_s in (5, 10, 20):
        clock.advance(silence_s - 0.001)
        assert 0 == await run_worker(tools, "poll")
        clock.advance(0.001)
        upstream.answers.append((503, {"error": "down"}))
        assert 1 == await run_worker(tools, "poll")

    async with tools.store.reading() as tx:
        ledger = await accounts.ledger_seen(tx, ("eachlabs", "default"))
    assert (8, True) == (ledger.misses, ledger.open_until > clock.at)
    assert 0 == await run_worker(tools, "poll")

    clock.advance(60)
    upstream.answers.append((200, POLLED))
    assert 1 == await run_worker(tools, "poll")
    upstream.answers += [(200, POLLED)] * 7
    while await run_worker(tools, "poll"):
        pass
    assert ["completed"] * 8 == [(await stored(tools, one)).status for one in ids]


async def test_polls_of_a_removed_account_wait_until_it_is_back(tools, upstream, clock, submitted):
    await submitted()
    clock.advance(300)

    assert 0 == await run_worker(replace(tools, upstreams={}), "poll")
    upstream.answers.append((200, POLLED))
    assert 1 == await run_worker(tools, "poll")


async def test_a_provider_out_of_reach_counts_as_a_miss(store, transport, clock, submitted):
    generation_id = await submitted()
    clock.advance(300)

    await run_worker(tools_over(store, transport, clock, "http://127.0.0.1:1"), "poll")

    async with store.reading() as tx:
        assert 1 == (await accounts.ledger_seen(tx, ("eachlabs", "default"))).misses
    assert generation_id


async def test_what_finished_teaches_when_to_ask(tools, upstream, clock, submitted):
    """A webhook is missed after the learned duration, not after the documented one."""
    for _ in range(3):
        generation_id = await submitted()
        clock.advance(4)
        upstream.answers.append((200, POLLED))
        await poll(tools, await claim_one(tools, generation_id))
    await submitted()
    clock.advance(60)

    claimed = await claim(tools, 10)

    assert 1 == len(claimed)


async def test_who_opened_the_breaker_does_not_keep_it_open_for_others(tools, upstream, clock, submitted):
    """One generation's trouble silences its account; the question that tries again goes to another."""
    ill = await submitted()
    clock.advance(300)
    for _ in range(5):
        clock.at += ASK_AGAIN
        upstream.answers.append((503, {"error": "down"}))
        await poll(tools, await claim_one(tools, ill))
        clock.advance(10)
    well = await submitted()
    clock.advance(3600)
    upstream.answers.append((200, POLLED))

    assert 1 == await run_worker(tools, "poll")

    assert "completed" == (await stored(tools, well)).status
