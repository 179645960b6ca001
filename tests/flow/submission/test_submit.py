"""Submissions whose outcome is known, those that were surely not sent, and those of which nobody knows."""

from dataclasses import replace
import json

import anyio
from msgspec import structs
import pytest
from starlette.responses import JSONResponse

from arrivals.core.budget import Budget
from arrivals.core.generation import Status
from arrivals.flow.observation.expire import expired_observation
from arrivals.flow.submission.order import OrderRequest, order, stored
from arrivals.flow.submission.submit import claim, submit
from arrivals.store import generations
from tests.conftest import context_over, run_worker
from tests.flow.conftest import ACCEPTED, ORDER, SUCCEEDED
from tests.support.upstream import CUT


async def test_the_step_to_submitting_is_committed_before_the_call(context, ordered):
    generation_id = await ordered()

    await claim(context, 10)

    assert Status.SUBMITTING == (await stored(context, generation_id)).status
    assert [] == list(await claim(context, 10))


async def test_a_process_that_dies_while_submitting_where_nobody_calls_back_is_not_waited_for(context, clock, ordered):
    """With the answer overdue and no webhook to come, the outcome is called unknown long before the deadline."""
    generation_id = await ordered(provider="aihubmix", model="wan2.6-t2v")
    await claim(context, 10)
    clock.advance(60)
    assert 0 == await run_worker(context, "expire")
    clock.advance(60)

    await run_worker(context, "expire")

    generation = await stored(context, generation_id)
    assert (Status.EXPIRED, "submission_unknown") == (generation.status, generation.failure.code)
    assert generation.deadline_at > clock.at


@pytest.mark.parametrize(
    ("provider", "model", "answer_s"),
    [("aihubmix", "gpt-image-1", 300), ("eachlabs", "eachsense/beta", 300), ("aihubmix", "wan2.6-t2v", 60)],
)
async def test_an_answer_is_waited_for_as_long_as_its_route_may_take(
    context, clock, ordered, provider, model, answer_s
):
    """The process died while it submitted: the outcome is called unknown when no answer can come any more."""
    generation_id = await ordered(provider=provider, model=model)
    await claim(context, 10)
    clock.advance(answer_s + 25)
    assert 0 == await run_worker(context, "expire")
    clock.advance(10)

    assert 1 == await run_worker(context, "expire")

    generation = await stored(context, generation_id)
    assert (Status.EXPIRED, "submission_unknown") == (generation.status, generation.failure.code)
    assert generation.deadline_at > clock.at


async def test_a_long_answer_is_not_waited_for_beyond_the_deadline(context, clock, ordered):
    generation_id = await ordered(provider="aihubmix", model="gpt-image-1", deadline_s=20.0)
    await claim(context, 10)
    clock.advance(21)

    await run_worker(context, "expire")

    assert Status.EXPIRED == (await stored(context, generation_id)).status


async def test_a_wanted_wait_that_no_clock_can_tell_leaves_the_order_in_the_queue(context, clock, upstream, ordered):
    """Once it was taken for an answer that nobody understood, and the order was lost as `submission_unknown`."""
    generation_id = await ordered()
    wait = {"retry-after": "Fri, 31 Dec 9999 23:59:59 +99999999999999"}
    upstream.answers += [(429, {"error": "too many requests"}, wait), (200, ACCEPTED)]
    await run_worker(context, "submit")
    assert Status.PENDING == (await stored(context, generation_id)).status
    clock.advance(10)

    await run_worker(context, "submit")

    assert Status.SUBMITTED == (await stored(context, generation_id)).status


async def test_a_submission_carries_our_callback_url_and_the_operators_secret(context, upstream, submitted):
    generation_id = await submitted()

    body = upstream.requests[0].json

    assert context.callback_urls.url("eachlabs", "default", generation_id) == body["webhook_url"]
    assert "a-secret-of-the-operator" == body["webhook_secret"]


async def test_with_no_secret_set_one_is_made_up_for_each_generation(context, upstream, ordered):
    key = ("eachlabs", "default")
    account = replace(context.upstreams[key].account, webhook_secrets=())
    alone = replace(context, upstreams={**context.upstreams, key: replace(context.upstreams[key], account=account)})
    generation_id = await ordered()
    upstream.answers.append((200, ACCEPTED))

    await run_worker(alone, "submit")

    assert alone.callback_urls.webhook_secrets(generation_id)[0] == upstream.requests[0].json["webhook_secret"]


async def test_a_refused_connection_is_tried_again(store, transport, clock, upstream, ordered):
    """Surely nothing arrived, so the order goes back into the queue."""
    generation_id = await ordered()
    nowhere = context_over(store, transport, clock, "http://127.0.0.1:1")

    await run_worker(nowhere, "submit")

    generation = await stored(nowhere, generation_id)
    assert Status.PENDING == generation.status
    assert "provider_unavailable" == generation.failure.code
    assert 0 == await run_worker(nowhere, "submit")
    clock.advance(10)
    upstream.answers.append((200, ACCEPTED))
    assert 1 == await run_worker(context_over(store, transport, clock, upstream.url), "submit")
    generation = await stored(nowhere, generation_id)
    assert (Status.SUBMITTED, None) == (generation.status, generation.failure)


async def test_an_order_that_never_got_its_turn_cost_nothing(store, transport, clock, ordered):
    generation_id = await ordered(deadline_s=5.0)
    nowhere = context_over(store, transport, clock, "http://127.0.0.1:1")
    await run_worker(nowhere, "submit")
    clock.advance(6)

    await run_worker(nowhere, "expire")

    generation = await stored(nowhere, generation_id)
    assert (Status.EXPIRED, "deadline_passed", False) == (
        generation.status, generation.failure.code, generation.failure.billed,
    )  # fmt: skip
    assert generation.failure.message.startswith("never submitted: connect")


async def test_an_order_that_waited_in_vain_says_so(context, ordered):
    generation = await stored(context, await ordered())

    seen = expired_observation(generation, context.now())

    assert "never submitted: its turn did not come" == seen.reading.failure.message


async def test_a_failing_gateway_with_the_providers_own_words_is_a_refusal(context, upstream, ordered):
    generation_id = await ordered()
    upstream.answers.append((502, {"error": "bad gateway"}))

    await run_worker(context, "submit")

    assert Status.FAILED == (await stored(context, generation_id)).status


async def test_an_answer_nobody_understands_is_an_unknown_outcome(context, upstream, ordered):
    generation_id = await ordered()
    upstream.answers.append((200, b"<html>"))

    await run_worker(context, "submit")

    assert Status.SUBMITTING == (await stored(context, generation_id)).status


async def test_an_order_the_form_cannot_hold_is_refused_before_anything_is_sent(context, upstream, ordered):
    generation_id = await ordered(provider="laozhang", model="sora-2", input={"prompt": "x", "input_reference": "x"})

    await run_worker(context, "submit")

    generation = await stored(context, generation_id)
    assert ("failed", "invalid_input", "preflight") == (
        generation.status, generation.failure.code, generation.failure.origin,
    )  # fmt: skip
    assert [] == upstream.requests


async def test_a_webhook_that_arrives_while_the_submission_is_under_way_closes(context, upstream, ordered, calls_back):
    """The provider calls before it answers; its answer then only adds the id."""
    generation_id = await ordered()

    class Early:
        async def __call__(self, scope, receive, send):
            await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
            await run_worker(context, "read")
            await JSONResponse(ACCEPTED)(scope, receive, send)

    upstream.answers.append(Early())
    await run_worker(context, "submit")

    generation = await stored(context, generation_id)
    assert (Status.COMPLETED, "el-1", "webhook") == (generation.status, generation.external_id, generation.learned_from)


async def test_a_refusal_after_a_witness_spoke_changes_nothing(context, upstream, ordered, calls_back):
    """An order that is answered 429 after its webhook came does not go back into the queue."""
    generation_id = await ordered()

    class Early:
        async def __call__(self, scope, receive, send):
            await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
            await run_worker(context, "read")
            await JSONResponse({"error": "too many requests"}, 429)(scope, receive, send)

    upstream.answers.append(Early())
    await run_worker(context, "submit")

    assert Status.COMPLETED == (await stored(context, generation_id)).status
    assert 0 == await run_worker(context, "submit")


async def test_no_more_are_in_flight_than_the_account_may_have(store, transport, clock, upstream, context, ordered):
    narrow = budgeted(context, Budget(max_in_flight=2, requests_per_minute=6000))
    ids = [await ordered() for _ in range(3)]
    upstream.answers += [(200, {**ACCEPTED, "predictionID": f"el-{n}"}) for n in range(2)]

    assert 2 == await run_worker(narrow, "submit")
    assert 0 == await run_worker(narrow, "submit")

    assert ["submitted", "submitted", "pending"] == [
        (await stored(context, generation_id)).status for generation_id in ids
    ]


async def test_no_more_are_sent_in_a_minute_than_the_account_may_send(context, upstream, clock, ordered):
    slow = budgeted(context, Budget(max_in_flight=100, requests_per_minute=8))
    for _ in range(12):
        await ordered()
    upstream.answers += [(400, {"error": "no"})] * 12
    sent = 0

    for _ in range(60):
        clock.advance(0.999)
        sent += await run_worker(slow, "submit")

    assert 8 >= sent > 2


def budgeted(context, budget):
    key = ("eachlabs", "default")
    return replace(context, upstreams={**context.upstreams, key: replace(context.upstreams[key], budget=budget)})


async def test_many_submissions_go_out_at_once(context, upstream, ordered):
    for _ in range(5):
        await ordered()
    upstream.answers += [(200, {**ACCEPTED, "predictionID": f"el-{n}"}) for n in range(4)] + [CUT]

    with anyio.fail_after(5):
        batch = await claim(context, 10)
        async with anyio.create_task_group() as group:
            for claimed in batch:
                group.start_soon(submit, context, claimed)

    assert 5 == len(upstream.requests)


@pytest.mark.parametrize("status", [402, 403, 500, 502])
async def test_a_definite_refusal_closes(context, upstream, ordered, status):
    generation_id = await ordered()
    upstream.answers.append((status, {"error": "no"}))

    await run_worker(context, "submit")

    generation = await stored(context, generation_id)
    assert (Status.FAILED, status, "submit") == (
        generation.status, generation.failure.http_status, generation.learned_from,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (524, b"<html>"),
        (520, b""),
        (520, {"error": "unknown error"}),
        (524, {"error": "a timeout occurred"}),
        (502, b"<html>"),
        (500, b"oops"),
        (500, {}),
        (504, {"message": "Endpoint request timed out"}),
        (500, b"[" * 100_000),
        (599, b""),
    ],
    ids=range(10),
)
async def test_an_error_page_of_something_in_between_is_an_unknown_outcome(context, upstream, ordered, status, body):
    """The provider may have accepted: it is not announced as failed, and not sent again."""
    generation_id = await ordered()
    upstream.answers.append((status, body))

    await run_worker(context, "submit")

    assert Status.SUBMITTING == (await stored(context, generation_id)).status
    assert 0 == await run_worker(context, "submit")


@pytest.mark.parametrize(
    "body", [b"<html>", b"", {"error": "no"}, b"[" * 100_000], ids=["page", "empty", "JSON", "deep"]
)
@pytest.mark.parametrize("status", [429, 503, 521, 522, 523, 530])
async def test_who_is_told_not_now_waits_and_is_sent_again(context, clock, upstream, ordered, status, body):
    generation_id = await ordered()
    upstream.answers += [(status, body), (200, ACCEPTED)]

    await run_worker(context, "submit")
    assert Status.PENDING == (await stored(context, generation_id)).status
    clock.advance(30)
    await run_worker(context, "submit")

    assert Status.SUBMITTED == (await stored(context, generation_id)).status
    assert 2 == len(upstream.requests)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (503, {"error": "Model not found"}, "model_not_found"),
        (429, {"error_code": "CONTENT_FILTER", "error": "no"}, "content_policy"),
        (429, {"error": "insufficient balance"}, "insufficient_funds"),
    ],
)
async def test_final_word_of_the_provider_closes_whatever_its_status(context, upstream, ordered, status, body, code):
    generation_id = await ordered()
    upstream.answers.append((status, body))

    await run_worker(context, "submit")

    generation = await stored(context, generation_id)
    assert (Status.FAILED, code) == (generation.status, generation.failure.code)


async def test_wait_that_one_order_is_asked_for_holds_back_the_account(context, clock, upstream, ordered):
    first = await ordered()
    upstream.answers.append((429, {"error": "Too many requests"}, {"retry-after": "60"}))
    await run_worker(context, "submit")
    second = await ordered()

    clock.advance(59)
    assert 0 == await run_worker(context, "submit")

    clock.advance(20)
    upstream.answers += [(200, ACCEPTED), (200, {**ACCEPTED, "predictionID": "el-2"})]
    assert 2 == await run_worker(context, "submit")
    assert {Status.SUBMITTED} == {(await stored(context, generation_id)).status for generation_id in (first, second)}


async def test_redirected_order_fails_and_says_what_to_set(context, upstream, ordered):
    generation_id = await ordered()
    upstream.answers.append((307, b"", {"location": "https://elsewhere.example/v2/prediction?x=1"}))

    await run_worker(context, "submit")

    failure = (await stored(context, generation_id)).failure
    assert (307, False, False) == (failure.http_status, failure.retryable, failure.billed)
    assert "https://elsewhere.example; set ARRIVALS_EACHLABS_BASE_URL" in failure.message
    assert 1 == len(upstream.requests)


async def test_order_that_expires_while_it_is_postponed_tells_what_the_provider_said(context, clock, upstream, ordered):
    generation_id = await ordered(deadline_s=10.0)
    refusal = {"error": "too many requests", "request_id": "req-7", "error_code": "RATE_LIMITED", "limit": 60}
    upstream.answers.append((429, refusal, {"retry-after": "30"}))
    await run_worker(context, "submit")
    clock.advance(11)

    await run_worker(context, "expire")

    failure = (await stored(context, generation_id)).failure
    assert ("deadline_passed", "RATE_LIMITED", "req-7", 429, 30.0, {"limit": 60}) == (
        failure.code, failure.provider_code, failure.trace_id, failure.http_status, failure.retry_after_s,
        failure.details,
    )  # fmt: skip


async def test_a_key_that_the_provider_repeats_is_masked(context, upstream, ordered):
    generation_id = await ordered()
    upstream.answers.append((401, {"error": "Invalid API key: key-of-eachlabs"}))

    await run_worker(context, "submit")

    assert "Invalid API key: ********" == (await stored(context, generation_id)).failure.message


@pytest.mark.parametrize("per_minute", [1, 6, 7, 60])
async def test_polls_and_submissions_take_turns_on_the_smallest_budget(context, upstream, clock, ordered, per_minute):
    """They also do so while orders wait for a place in flight, and while the breaker is open."""
    tight = budgeted(context, Budget(max_in_flight=1, requests_per_minute=per_minute))
    ids = [await ordered(deadline_s=86400.0) for _ in range(3)]
    upstream.answers += [_always(ACCEPTED)] * 100
    polled = 0
    for _ in range(40):
        clock.advance(60)
        await run_worker(tight, "submit")
        polled += await run_worker(tight, "poll")

    assert polled > 10
    assert ["submitted", "pending", "pending"] == [
        (await stored(context, generation_id)).status for generation_id in ids
    ]


def _always(accepted):
    class Answer:
        async def __call__(self, scope, receive, send):
            polling = {"id": accepted["predictionID"], "status": "created"}
            await JSONResponse(accepted if scope["method"] == "POST" else polling)(scope, receive, send)

    return Answer()


async def test_an_order_of_a_route_that_is_gone_keeps_nobody_waiting(context, upstream, ordered):
    """Our version does not have the route any more; the other orders are sent."""
    generation_id = await ordered()
    gone = await order(context, OrderRequest(**ORDER))
    async with context.store.transaction() as tx:
        scheduled = structs.replace(
            await generations.by_id(tx, gone.id), generation=structs.replace(gone, id="gen_0", route="gone")
        )
        await generations.insert(tx, scheduled, "{}")
    upstream.answers += [(200, {**ACCEPTED, "predictionID": f"el-{n}"}) for n in range(2)]

    assert 3 == await run_worker(context, "submit")

    assert ["submitted", "submitted", "submitting"] == [
        (await stored(context, ordered_id)).status for ordered_id in (generation_id, gone.id, "gen_0")
    ]


class _FillsTheDisk:
    """A provider whose refusal needs more room than the disk has left just then."""

    words = "☂" * 4000

    def __init__(self, connection):
        self._connection = connection

    def leave(self, pages):
        """Leaves room for so many pages, at least those that are in use."""
        self._connection.execute(f"PRAGMA max_page_count={pages}")

    async def __call__(self, scope, receive, send):
        """Answers as an ASGI application."""
        self.leave(1)
        await JSONResponse({"error": self.words}, 400)(scope, receive, send)


async def test_an_answer_is_kept_in_hand_until_the_database_takes_it(sqlite, clock, transport, upstream):
    """The disk is full at the moment of the answer, which can be had only once; with space again it is written down."""
    context = context_over(sqlite, transport, clock, upstream.url)
    generation_id = (await order(context, OrderRequest(**ORDER, metadata={"told again": "☂" * 5000}))).id
    answer = _FillsTheDisk(sqlite.writer.connection)
    upstream.answers.append(answer)

    async with anyio.create_task_group() as group:
        group.start_soon(run_worker, context, "submit")
        while "settled" not in sqlite.awaited:
            await anyio.lowlevel.checkpoint()
        assert Status.SUBMITTING == (await stored(context, generation_id)).status
        answer.leave(1_000_000)
        sqlite.notify("settled")

    generation = await stored(context, generation_id)
    assert (Status.FAILED, answer.words) == (generation.status, generation.failure.message)
    assert 1 == len(upstream.requests)


async def test_who_stood_still_until_it_was_given_up_does_not_submit(context, upstream, clock, ordered):
    """A process may be stopped between its claim and its call; meanwhile another said that nobody knows."""
    generation_id = await ordered(provider="aihubmix", model="wan2.6-t2v")
    (group,) = await claim(context, 10)
    clock.advance(200)
    await run_worker(context, "expire")

    await submit(context, group)

    assert [] == upstream.requests
    assert "submission_unknown" == (await stored(context, generation_id)).failure.code


async def test_who_stood_still_for_a_while_submits_if_nobody_gave_it_up(context, upstream, clock, ordered):
    generation_id = await ordered()
    (group,) = await claim(context, 10)
    clock.advance(60)
    upstream.answers.append((200, ACCEPTED))

    await submit(context, group)

    assert Status.SUBMITTED == (await stored(context, generation_id)).status
