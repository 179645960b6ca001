"""The log lines of a generation, from its order to its end."""

import json
from typing import Any

from arrivals.flow.submission.order import OrderRequest, order, order_bulk
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED, ORDER, POLLED, SUCCEEDED
from tests.support.streams import COMPLETE, DONE, EXECUTION, SENSE, STARTED, Stream
from tests.support.upstream import CUT

WORKFLOW: dict[str, Any] = {"provider": "eachlabs", "model": "workflows/wf-1/v1", "input": {}}
BODY = json.dumps(SUCCEEDED).encode()
NAMED = ("generation_id", "provider", "model", "status")


def said(line, *names):
    """These fields of a line."""
    return tuple(line.get(name) for name in names)


async def test_every_order_that_is_taken_has_a_line(context, logged):
    generation = await order(context, OrderRequest(**ORDER, api_key="key_1", idempotency_key="42"))
    members = await order_bulk(context, OrderRequest(**WORKFLOW), [{"prompt": "a"}, {"prompt": "b"}])

    assert [
        (generation.id, "eachlabs", "flux-1-1-pro", "pending", "default", "key_1"),
        *((member.id, "eachlabs", "workflows/wf-1/v1", "pending", "default", None) for member in members),
    ] == [said(line, *NAMED, "account", "key_id") for line in logged("generation_ordered")]


async def test_an_order_that_came_again_is_not_taken_twice_and_has_a_line_of_its_own(context, logged):
    request = OrderRequest(**ORDER, api_key="key_1", idempotency_key="42")
    generation = await order(context, request)

    await order(context, request)

    assert 1 == len(logged("generation_ordered"))
    assert [(generation.id, "key_1")] == [said(line, "generation_id", "key_id") for line in logged("order_repeated")]


async def test_every_submission_that_is_accepted_has_a_line(ordered, context, upstream, logged):
    generation_id = await ordered()
    upstream.answers.append((200, ACCEPTED))

    await run_worker(context, "submit")

    assert [(generation_id, "eachlabs", "flux-1-1-pro", "submitted", "el-1")] == [
        said(line, *NAMED, "external_id") for line in logged("generation_submitted")
    ]


async def test_a_submission_that_is_accepted_by_a_stream_has_one_line(ordered, context, upstream, logged):
    generation_id = await ordered(**SENSE)
    upstream.answers.append(Stream(STARTED, EXECUTION, COMPLETE, DONE))

    await run_worker(context, "submit")

    assert [(generation_id, "submitted")] == [
        said(line, "generation_id", "status") for line in logged("generation_submitted")
    ]


async def test_a_submission_that_is_refused_has_a_line_with_its_code(ordered, context, upstream, logged):
    generation_id = await ordered()
    upstream.answers.append((401, {"error": "Invalid API key"}))

    await run_worker(context, "submit")

    assert [(generation_id, "eachlabs", "flux-1-1-pro", "failed", "authentication", 401)] == [
        said(line, *NAMED, "code", "http_status") for line in logged("submission_refused")
    ]
    assert [] == logged("generation_submitted")


async def test_a_submission_that_is_refused_for_now_is_postponed_and_not_refused(ordered, context, upstream, logged):
    generation_id = await ordered()
    upstream.answers.append((429, {"error": "too many requests"}))

    await run_worker(context, "submit")

    assert [(generation_id, "eachlabs", "flux-1-1-pro", "submitting", "rate_limited")] == [
        said(line, *NAMED, "code") for line in logged("submission_postponed")
    ]
    assert [] == logged("generation_submitted") == logged("submission_refused")


async def test_a_submission_that_nobody_answered_is_not_called_submitted(ordered, context, upstream, logged):
    generation_id = await ordered()
    upstream.answers.append(CUT)

    await run_worker(context, "submit")

    assert [generation_id] == [line["generation_id"] for line in logged("submission_unanswered")]
    assert [] == logged("generation_submitted")


async def test_what_was_observed_says_what_became_of_the_generation(submitted, calls_back, context, logged):
    generation_id = await submitted()
    await calls_back(generation_id, BODY)

    await run_worker(context, "read")

    about = (generation_id, "eachlabs", "flux-1-1-pro")
    assert [
        (*about, "submitted", "submit", "advanced"),
        (*about, "completed", "webhook", "advanced"),
    ] == [said(line, *NAMED, "origin", "finding") for line in logged("observation_settled")]
    assert [(*about, "completed", "generation.completed")] == [
        said(line, *NAMED, "type") for line in logged("event_announced")
    ]


async def test_what_was_not_stored_is_not_said_to_be_settled(submitted, context, clock, upstream, logged, monkeypatch):
    """The line follows the commit."""
    await submitted()
    clock.advance(100)
    upstream.answers.append((200, POLLED))
    before = logged("observation_settled")

    async def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("arrivals.store.observations.insert", broken)
    assert 1 == await run_worker(context, "poll")

    assert 2 == len(upstream.requests)
    assert before == logged("observation_settled")


async def test_a_webhook_that_nobody_can_read_names_its_provider(submitted, calls_back, context, logged):
    generation_id = await submitted()
    await calls_back(generation_id, b"no JSON")

    await run_worker(context, "read")

    assert [(generation_id, "eachlabs", "flux-1-1-pro")] == [
        said(line, *NAMED[:3]) for line in logged("webhook_unreadable")
    ]


async def test_the_line_of_a_repeated_webhook_shows_that_nothing_moved(submitted, calls_back, context, logged):
    generation_id = await submitted()
    for _ in range(2):
        await calls_back(generation_id, BODY)
        await run_worker(context, "read")

    assert [("completed", "advanced"), ("completed", "repeated")] == [
        said(line, "status", "finding") for line in logged("observation_settled")[1:]
    ]
