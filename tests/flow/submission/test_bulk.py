"""Bulk orders: one call for all, an answer for each, and webhooks that find the generation they are about."""

from dataclasses import replace
import json
import re

import anyio
import pytest

from arrivals.core.budget import Budget
from arrivals.flow.submission import submit
from arrivals.flow.submission.cancel import cancel
from arrivals.flow.submission.order import InvalidOrder, KeyReused, OrderRequest, order_bulk, stored
from arrivals.providers import eachlabs
from arrivals.providers.eachlabs.workflows import WORKFLOWS
from arrivals.store import observations
from tests.conftest import context_over, run_worker
from tests.support.upstream import CUT

MODEL = "workflows/wf-1/v1"
INPUTS = [{"prompt": "a red fox"}, {"prompt": "a blue fox"}, {"prompt": "an arctic fox"}]
OUTPUT = "https://storage.example.com/bulk/1.png"


def bulk_request(**changed):
    return OrderRequest(**{"provider": "eachlabs", "model": MODEL, "input": {}, **changed})


def queued(*names):
    """The answer to a bulk order: an execution for each name, a message for each refusal."""
    executions = [name if isinstance(name, dict) else {"execution_id": name, "status": "queued"} for name in names]
    return 202, {"bulk_id": "bulk-1", "executions": executions}


def done(name, inputs, **changed):
    """The webhook about one execution."""
    body = {"execution_id": name, "status": "completed", "inputs": inputs, "bulk_id": "bulk-1", "output": OUTPUT}
    return json.dumps({**body, **changed}).encode()


@pytest.fixture
def ordered_bulk(context):
    """Orders several generations; returns their ids."""

    async def place(inputs=INPUTS, **changed):
        return [generation.id for generation in await order_bulk(context, bulk_request(**changed), inputs)]

    return place


@pytest.fixture
def submitted_bulk(context, upstream, ordered_bulk):
    """Orders several generations and submits them; returns their ids."""

    async def place(answer, inputs=INPUTS, *, over=context):
        ids = await ordered_bulk(inputs)
        upstream.answers.append(answer)
        assert await run_worker(over, "submit") == 1
        return ids

    return place


async def standing(context, ids):
    generations = [await stored(context, generation_id) for generation_id in ids]
    return [(generation.status, generation.external_id) for generation in generations]


# ---------------------------------------------------------------- ordering


async def test_what_is_ordered_together_has_one_bulk_id_and_an_input_each(context, upstream):
    made = await order_bulk(context, bulk_request(metadata={"order": "42"}), INPUTS)

    assert (3, 1) == (len({generation.id for generation in made}), len({generation.bulk_id for generation in made}))
    assert made[0].bulk_id.startswith("blk_")
    assert sorted(generation.id for generation in made) == [generation.id for generation in made]
    assert [{"order": "42"}] * 3 == [generation.metadata for generation in made]
    assert [] == upstream.requests


async def test_the_same_key_is_the_same_bulk_order(context):
    first = await order_bulk(context, bulk_request(idempotency_key="k"), INPUTS)
    second = await order_bulk(context, bulk_request(idempotency_key="k"), INPUTS)

    assert first == second
    assert 1 == await run_worker(context, "submit")


@pytest.mark.parametrize("inputs", [INPUTS[:2], INPUTS[::-1]], ids=["fewer", "another order"])
async def test_a_key_cannot_be_used_for_another_bulk_order(context, inputs):
    await order_bulk(context, bulk_request(idempotency_key="k"), INPUTS)

    with pytest.raises(KeyReused):
        await order_bulk(context, bulk_request(idempotency_key="k"), inputs)


async def test_two_requests_with_one_key_at_one_moment_make_one_bulk_order(context):
    orders = set()

    async def send():
        orders.add(
            tuple(generation.id for generation in await order_bulk(context, bulk_request(idempotency_key="k"), INPUTS))
        )

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(send)

    assert 1 == len(orders)


@pytest.mark.parametrize(
    ("changed", "inputs", "field"),
    [
        ({"model": "flux-1-1-pro"}, INPUTS, "model"),
        ({"provider": "aihubmix", "model": "wan2.6-t2v"}, INPUTS, "model"),
        ({"provider": "runblob", "model": "sora-9"}, INPUTS, "model"),
        ({}, [], "inputs"),
        ({}, INPUTS * 4, "inputs"),
        ({"callback_url": "ftp://example.com"}, INPUTS, "callback_url"),
    ],
    ids=["one at a time", "another provider", "no model", "none", "too many", "callback"],
)
async def test_what_cannot_be_ordered_together_is_refused_by_field(context, changed, inputs, field):
    with pytest.raises(InvalidOrder) as refused:
        await order_bulk(context, bulk_request(**changed), inputs)

    assert [field] == [*refused.value.mistakes]
    assert 0 == await run_worker(context, "submit")


# ---------------------------------------------------------------- submitting


async def test_a_bulk_order_is_one_call_and_its_answer_tells_of_each_in_order(context, upstream, submitted_bulk):
    ids = await submitted_bulk(queued("ex-1", "ex-2", "ex-3"))

    (call,) = upstream.requests
    assert "/v1/workflows/bulk-trigger/wf-1/v1" == call.path
    assert INPUTS == call.json["inputs"]
    assert context.callback_urls.url("eachlabs", "default", ids[0]) == call.json["webhook_url"]
    assert [("submitted", "ex-1"), ("submitted", "ex-2"), ("submitted", "ex-3")] == await standing(context, ids)


async def test_one_that_is_refused_fails_alone(context, submitted_bulk):
    refusal = {"status": "failed", "message": "prompt is missing", "field": "inputs.prompt"}
    ids = await submitted_bulk(queued("ex-1", refusal, "ex-3"))

    refused = await stored(context, ids[1])
    assert [("submitted", "ex-1"), ("failed", None), ("submitted", "ex-3")] == await standing(context, ids)
    assert ("prompt is missing", "submit") == (refused.failure.message, refused.learned_from)
    assert "inputs.prompt" == refused.failure.details["field"]


async def test_one_that_is_refused_for_its_pace_goes_back_alone(context, upstream, clock, submitted_bulk):
    ids = await submitted_bulk(queued("ex-1", {"status": "failed", "message": "Too many requests"}, "ex-3"))
    assert [("submitted", "ex-1"), ("pending", None), ("submitted", "ex-3")] == await standing(context, ids)
    assert 0 == await run_worker(context, "submit")
    clock.advance(30)
    upstream.answers.append(queued("ex-4"))

    assert 1 == await run_worker(context, "submit")

    assert INPUTS[1:2] == upstream.requests[-1].json["inputs"]
    assert context.callback_urls.url("eachlabs", "default", ids[1]) == upstream.requests[-1].json["webhook_url"]
    assert ("submitted", "ex-4") == (await standing(context, ids))[1]


async def test_a_refusal_of_the_whole_refuses_each(context, submitted_bulk):
    ids = await submitted_bulk((402, {"error": "insufficient balance"}))

    assert [("failed", None)] * 3 == await standing(context, ids)
    assert {"insufficient_funds"} == {(await stored(context, generation_id)).failure.code for generation_id in ids}


async def test_a_rate_limit_of_the_whole_sends_all_back_together(context, upstream, clock, submitted_bulk):
    ids = await submitted_bulk((429, {"error": "Rate limit exceeded"}))
    assert [("pending", None)] * 3 == await standing(context, ids)
    clock.advance(60)
    upstream.answers.append(queued("ex-1", "ex-2", "ex-3"))

    assert 1 == await run_worker(context, "submit")

    assert [("submitted", "ex-1"), ("submitted", "ex-2"), ("submitted", "ex-3")] == await standing(context, ids)


async def test_what_was_surely_not_sent_goes_back_whole(store, transport, clock, context, upstream, submitted_bulk):
    ids = await submitted_bulk(None, over=context_over(store, transport, clock, "http://127.0.0.1:1"))
    upstream.answers.clear()

    assert [("pending", None)] * 3 == await standing(context, ids)
    clock.advance(30)
    upstream.answers.append(queued("ex-1", "ex-2", "ex-3"))
    assert 1 == await run_worker(context, "submit")
    assert 1 == len(upstream.requests)


@pytest.mark.parametrize(
    "answer",
    [queued("ex-1", "ex-2"), queued("ex-1", "ex-2", "ex-3", "ex-4"), (202, {"bulk_id": "bulk-1"}), CUT, (504, b"")],
    ids=["fewer", "more", "none", "cut", "gateway"],
)
async def test_an_answer_that_does_not_tell_of_each_is_an_unknown_outcome(context, submitted_bulk, answer):
    """The call is not sent again: each generation waits for its webhook."""
    ids = await submitted_bulk(answer)

    assert [("submitting", None)] * 3 == await standing(context, ids)
    assert 0 == await run_worker(context, "submit")


async def test_where_nobody_calls_back_each_is_said_to_be_unknown(context, upstream):
    alone = replace(context, callback_urls=replace(context.callback_urls, public_url=None))
    ids = [generation.id for generation in await order_bulk(alone, bulk_request(), INPUTS)]
    upstream.answers.append(queued("ex-1", "ex-2"))

    await run_worker(alone, "submit")

    assert ["submission_unknown"] * 3 == [(await stored(context, generation_id)).failure.code for generation_id in ids]
    assert "webhook_url" not in upstream.requests[0].json


async def test_as_many_are_sent_in_one_call_as_the_account_may_have_in_flight(
    context, upstream, ordered_bulk, calls_back
):
    """The rest go in a call of their own, with an address of their own, when there is a place again."""
    key = ("eachlabs", "default")
    narrow = replace(context.upstreams[key], budget=Budget(max_in_flight=2, requests_per_minute=6000))
    few = replace(context, upstreams={**context.upstreams, key: narrow})
    ids = await ordered_bulk()
    upstream.answers += [queued("ex-1", "ex-2"), queued("ex-3")]
    assert 1 == await run_worker(few, "submit")
    assert 0 == await run_worker(few, "submit")
    await calls_back(ids[0], done("ex-2", INPUTS[1]))
    await run_worker(few, "read")

    assert 1 == await run_worker(few, "submit")

    assert [INPUTS[:2], INPUTS[2:]] == [call.json["inputs"] for call in upstream.requests]
    assert context.callback_urls.url("eachlabs", "default", ids[2]) == upstream.requests[1].json["webhook_url"]
    assert [("submitted", "ex-1"), ("completed", "ex-2"), ("submitted", "ex-3")] == await standing(context, ids)


async def test_one_that_was_canceled_is_left_out(context, upstream, ordered_bulk):
    ids = await ordered_bulk()
    await cancel(context, ids[0])
    upstream.answers.append(queued("ex-2", "ex-3"))

    assert 1 == await run_worker(context, "submit")

    assert INPUTS[1:] == upstream.requests[0].json["inputs"]
    assert [("canceled", None), ("submitted", "ex-2"), ("submitted", "ex-3")] == await standing(context, ids)


async def test_a_process_that_dies_while_submitting_leaves_all_of_them_unknown(context, clock, ordered_bulk):
    ids = await ordered_bulk()

    (group,) = await submit.claim(context, 10)

    assert ids == [claimed.generation.id for claimed in group]
    assert [("submitting", None)] * 3 == await standing(context, ids)
    clock.advance(3600)
    assert 0 == await run_worker(context, "submit")


async def test_public_workflows_cannot_be_ordered_together(context, upstream, ordered_bulk):
    ids = await ordered_bulk(model="workflows/@fox/paint/v1")

    await run_worker(context, "submit")

    assert {("failed", "preflight")} == {
        (generation.status, generation.failure.origin)
        for generation in [await stored(context, generation_id) for generation_id in ids]
    }
    assert [] == upstream.requests


# ---------------------------------------------------------------- webhooks


async def webhook_of(context, webhook):
    async with context.store.reading() as tx:
        return await observations.webhook_by_id(tx, webhook.id)


async def test_a_webhook_reaches_the_one_whose_name_it_tells(context, submitted_bulk, calls_back):
    """All of them share one callback URL."""
    ids = await submitted_bulk(queued("ex-1", "ex-2", "ex-3"))

    for name, inputs in (("ex-3", INPUTS[2]), ("ex-2", None)):
        await calls_back(ids[0], done(name, inputs))
    await run_worker(context, "read")

    assert ["submitted", "completed", "completed"] == [status for status, _ in await standing(context, ids)]
    assert ("webhook", "secret") == ((last := await stored(context, ids[2])).learned_from, last.verified_by)


async def test_a_webhook_before_the_answer_reaches_the_one_whose_input_it_repeats(context, ordered_bulk, calls_back):
    ids = await ordered_bulk()
    await submit.claim(context, 10)

    await calls_back(ids[0], done("ex-2", INPUTS[1]))
    await calls_back(ids[0], done("ex-3", {"prompt": "an arctic fox"}, status="running", output=None))
    await run_worker(context, "read")

    assert [("submitting", None), ("completed", "ex-2"), ("processing", "ex-3")] == await standing(context, ids)


async def test_the_answer_that_comes_after_the_webhooks_changes_nothing(context, upstream, ordered_bulk, calls_back):
    ids = await ordered_bulk()
    (group,) = await submit.claim(context, 10)
    await calls_back(ids[0], done("ex-2", INPUTS[1]))
    await run_worker(context, "read")
    upstream.answers.append(queued("ex-1", "ex-2", "ex-3"))

    await submit.submit(context, group)

    assert [("submitted", "ex-1"), ("completed", "ex-2"), ("submitted", "ex-3")] == await standing(context, ids)


async def test_a_webhook_without_a_name_reaches_the_one_whose_input_it_repeats(context, ordered_bulk, calls_back):
    ids = await ordered_bulk()
    await submit.claim(context, 10)

    await calls_back(ids[0], done(None, INPUTS[2]))
    await run_worker(context, "read")

    assert ["submitting", "submitting", "completed"] == [status for status, _ in await standing(context, ids)]


async def test_orders_that_are_alike_get_a_result_each(context, ordered_bulk, calls_back):
    """Both webhooks come before the answer, and are read together."""
    ids = await ordered_bulk([INPUTS[0], INPUTS[0]])
    await submit.claim(context, 10)

    await calls_back(ids[0], done("ex-1", INPUTS[0]))
    await calls_back(ids[0], done("ex-2", INPUTS[0]))
    await run_worker(context, "read")

    assert [("completed", "ex-1"), ("completed", "ex-2")] == await standing(context, ids)


async def test_orders_that_are_alike_get_a_result_each_whichever_is_done_first(
    context, upstream, ordered_bulk, calls_back
):
    """The second one's webhook comes before the answer that names them."""
    ids = await ordered_bulk([INPUTS[0], INPUTS[0]])
    (group,) = await submit.claim(context, 10)
    await calls_back(ids[0], done("ex-2", INPUTS[0]))
    await run_worker(context, "read")
    upstream.answers.append(queued("ex-1", "ex-2"))
    await submit.submit(context, group)

    await calls_back(ids[0], done("ex-1", INPUTS[0]))
    await run_worker(context, "read")

    assert [("completed", "ex-1"), ("completed", "ex-2")] == sorted(await standing(context, ids))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (done("ex-9", {"prompt": "nobody asked for it"}), "no generation of .* is known as ex-9"),
        (done("ex-9", INPUTS[0]), "no generation of .* is known as ex-9"),
        (b"<html>", "not JSON"),
    ],
    ids=["unknown", "named already", "no JSON"],
)
async def test_a_webhook_of_nobody_is_flagged_and_kept(context, submitted_bulk, calls_back, body, says):
    """Generations with other names are not taken for it, though their orders are alike."""
    ids = await submitted_bulk(queued("ex-1", "ex-2", "ex-3"))
    kept = await calls_back(ids[0], body)

    await run_worker(context, "read")

    webhook = await webhook_of(context, kept)
    assert body == webhook.webhook.body
    assert re.search(says, webhook.unreadable_reason)
    assert ["submitted"] * 3 == [status for status, _ in await standing(context, ids)]


async def test_a_webhook_of_a_bulk_order_on_a_route_that_lost_its_bulk_is_about_whom_it_was_sent_to(
    context, submitted_bulk, calls_back, monkeypatch
):
    """A later version of ours may send such orders one at a time."""
    ids = await submitted_bulk(queued("ex-1", "ex-2", "ex-3"))
    single = replace(WORKFLOWS, adapter=replace(WORKFLOWS.adapter, bulk=None))
    monkeypatch.setattr(eachlabs, "ROUTES", (single,))
    await calls_back(ids[0], done("ex-1", INPUTS[0]))

    await run_worker(context, "read")

    assert "completed" == (await stored(context, ids[0])).status
