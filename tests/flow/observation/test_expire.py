"""At its deadline no generation is given up that can still be polled, and a result that comes late is still learned."""

from dataclasses import replace

import pytest
from starlette.responses import JSONResponse

from arrivals.core.budget import Budget
from arrivals.core.generation import Status
from arrivals.core.http import InboundWebhook
from arrivals.core.wire import SECOND
from arrivals.flow.observation.poll import claim_one, poll
from arrivals.flow.observation.receive import receive
from arrivals.flow.settlement.schedule import GRACE, kept_until
from arrivals.flow.submission.order import stored
from arrivals.flow.submission.submit import claim, submit
from arrivals.store import accounts, generations
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED, POLLED

HOUR_S, DAY_S = 3600, 24 * 3600
STILL = {"id": "el-1", "status": "processing"}
ACCOUNT = ("eachlabs", "default")


async def scheduled(context, generation_id):
    async with context.store.reading() as tx:
        return (await generations.by_id(tx, generation_id)).schedule


async def test_what_its_provider_finished_while_we_were_away_is_asked_for_before_it_expires(
    context, upstream, clock, submitted
):
    generation_id = await submitted()
    clock.advance(HOUR_S)

    assert 0 == await run_worker(context, "expire")
    upstream.answers.append((200, POLLED))
    assert 1 == await run_worker(context, "poll")

    generation = await stored(context, generation_id)
    assert (Status.COMPLETED, False) == (generation.status, generation.late)


async def test_a_deadline_gives_one_more_question_and_no_second_grace(context, upstream, clock, submitted):
    """An answer after the deadline that reports no end is the last one that is waited for."""
    generation_id = await submitted()
    clock.advance(HOUR_S)
    await run_worker(context, "expire")
    upstream.answers.append((200, STILL))
    await run_worker(context, "poll")

    assert 1 == await run_worker(context, "expire")

    assert Status.EXPIRED == (await stored(context, generation_id)).status


async def test_a_provider_that_does_not_answer_is_waited_for_as_long_as_the_grace(context, upstream, clock, submitted):
    generation_id = await submitted()
    clock.advance(HOUR_S)
    await run_worker(context, "expire")
    upstream.answers.append((503, {"error": "down"}))
    await run_worker(context, "poll")
    assert 0 == await run_worker(context, "expire")

    clock.advance(GRACE / SECOND)
    await run_worker(context, "expire")

    assert Status.EXPIRED == (await stored(context, generation_id)).status


@pytest.mark.parametrize("meanwhile", [(200, STILL), (503, {"error": "down"}), (401, {"error": "no"})])
async def test_what_expired_is_asked_about_while_its_provider_keeps_results(
    context, upstream, clock, submitted, gives_up, meanwhile
):
    """It is polled ever more rarely, whatever the provider answers in between; its late result closes it."""
    generation_id = await submitted()
    clock.advance(HOUR_S)
    await gives_up()
    for _ in range(2):
        upstream.answers.append(meanwhile)
        clock.advance(2 * HOUR_S)
        assert 1 == await run_worker(context, "poll")
    upstream.answers.append((200, POLLED))
    clock.advance(6 * HOUR_S)

    assert 1 == await run_worker(context, "poll")

    generation = await stored(context, generation_id)
    assert (Status.COMPLETED, True) == (generation.status, generation.late)


async def test_a_submission_that_is_answered_after_its_deadline_is_asked_about(context, upstream, clock, ordered):
    """The provider works on it, and will be paid: what it makes is fetched."""
    generation_id = await ordered()
    (group,) = await claim(context, 1)

    async def answers_late(scope, receive, send):
        clock.advance(HOUR_S)
        await run_worker(context, "expire")
        assert Status.EXPIRED == (await stored(context, generation_id)).status
        await JSONResponse(ACCEPTED)(scope, receive, send)

    upstream.answers += [answers_late, (200, POLLED)]
    await submit(context, group)
    clock.advance(HOUR_S)

    assert 1 == await run_worker(context, "poll")

    assert Status.COMPLETED == (await stored(context, generation_id)).status


@pytest.mark.parametrize("answer", [(200, STILL), (401, {"error": "no"})])
async def test_an_expired_generation_is_not_asked_about_for_ever(context, upstream, clock, submitted, gives_up, answer):
    """It is polled neither after a poll by hand nor by itself once its provider has deleted the result."""
    generation_id = await submitted()
    clock.advance(HOUR_S)
    await gives_up()
    clock.at = kept_until(await stored(context, generation_id), context.route(await stored(context, generation_id)))
    upstream.answers.append(answer)
    await poll(context, await claim_one(context, generation_id))

    assert (None, None) == (
        (await scheduled(context, generation_id)).poll_at,
        (await scheduled(context, generation_id)).timeout_at,
    )


async def test_a_hint_about_what_expired_long_ago_is_asked_about_for_a_bounded_time(
    context, upstream, clock, ordered, gives_up
):
    generation_id = await ordered(provider="runblob", model="gemini")
    upstream.answers.append((201, {"task_uuid": "rb-1", "status": "pending"}))
    await run_worker(context, "submit")
    clock.advance(HOUR_S)
    await gives_up()
    clock.advance(2 * DAY_S)
    upstream.answers.append((200, {"task_uuid": "rb-1", "status": "processing"}))
    await run_worker(context, "poll")
    token = context.callback_urls.url("runblob", "default", generation_id).rpartition("/")[2]
    body = b'{"task_uuid": "rb-1", "status": "completed", "result_image_url": "https://x.example/1.png"}'
    await receive(context, "runblob", token, InboundWebhook(body=body))
    await run_worker(context, "read")
    polls = 0
    for _ in range(20):
        upstream.answers[:] = [(503, {"error": "down"})]
        polls += await run_worker(context, "poll")
        clock.advance(120)

    assert 1 <= polls <= 3


async def test_an_order_that_had_no_place_says_which_and_what_would_help(context, clock, ordered, submitted):
    places = Budget(max_in_flight=1, requests_per_minute=6000)
    crowded = replace(context, upstreams={ACCOUNT: replace(context.upstreams[ACCOUNT], budget=places)})
    await submitted()
    last = await ordered(deadline_s=60.0)
    clock.advance(61)

    await run_worker(crowded, "expire")

    failure = (await stored(context, last)).failure
    assert ("deadline_passed", False) == (failure.code, failure.billed)
    assert "all 1 places of the account 'default' of eachlabs were taken" in failure.message
    assert "MAX_IN_FLIGHT" in failure.message


async def test_an_order_whose_account_may_send_no_more_says_so(context, clock, ordered):
    slow = Budget(max_in_flight=5, requests_per_minute=1)
    limited = replace(context, upstreams={ACCOUNT: replace(context.upstreams[ACCOUNT], budget=slow)})
    last = await ordered(deadline_s=60.0)
    clock.advance(61)
    async with context.store.transaction() as tx:
        ledger = await accounts.ledger_of(tx, ACCOUNT)
        await accounts.save_ledger(tx, ledger.spend(slow, clock.at, 1, "poll"))

    await run_worker(limited, "expire")

    assert "the 1 requests a minute" in (await stored(context, last)).failure.message


async def test_an_order_whose_account_was_removed_says_so(context, clock, ordered):
    last = await ordered(deadline_s=60.0)
    clock.advance(61)

    await run_worker(replace(context, upstreams={}), "expire")

    assert "the account 'default' of eachlabs is not in the settings" in (await stored(context, last)).failure.message


async def test_an_order_that_nothing_kept_waiting_says_no_more_than_that(context, clock, ordered):
    last = await ordered(deadline_s=60.0)
    clock.advance(61)

    await run_worker(context, "expire")

    assert "never submitted: its turn did not come" == (await stored(context, last)).failure.message


async def test_a_detail_that_was_awaited_while_we_were_away_is_asked_for_once_more(
    context, upstream, clock, submitted, calls_back
):
    """The webhook tells no code of the failure; the process died before the answer to the poll that does."""
    generation_id = await submitted()
    await calls_back(generation_id, b'{"exec_id": "el-1", "status": "failed", "output": [{"error": "x"}]}')
    await run_worker(context, "read")
    clock.advance(HOUR_S)

    assert 0 == await run_worker(context, "expire")
    output = [{"error": {"code": "PROVIDER_SERVER_ERROR", "message": "it answered 500"}}]
    upstream.answers.append((200, {"id": "el-1", "status": "error", "output": output, "logs": "PROVIDER_SERVER_ERROR"}))
    assert 1 == await run_worker(context, "poll")

    assert (await stored(context, generation_id)).closed
