"""Streamed submissions: every event that says something new is settled, and a stream that breaks off is picked up."""

from dataclasses import replace
import json

import pytest

from arrivals.core.generation import Status
from arrivals.flow.admin.timeline import timeline
from arrivals.flow.context import Context
from arrivals.flow.observation.poll import claim_one, poll
from arrivals.flow.submission import submit_stream
from arrivals.flow.submission.order import OrderRequest, order, stored
from arrivals.store import events, outputs
from tests.conftest import context_over, run_worker
from tests.support.processes import Peer, hang_up, listening, read_and_hang_up
from tests.support.streams import (
    BUSY,
    COMPLETE,
    DONE,
    EXECUTION,
    HEARD,
    IMAGE,
    MADE,
    SENSE,
    STARTED,
    THINKING,
    Silent,
    Stream,
)
from tests.support.upstream import CUT

ORDERED = "/v1/chat/completions"
SAID = {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "A fox"}}]}
UNNAMED = {"type": "session_note", "content": "a word nobody documented"}


@pytest.fixture
def streamed(context, upstream, ordered):
    """Orders a generation of each::sense, which answers so; returns the generation afterwards."""

    async def submit(answer, *, over=context, **changed):
        generation_id = await ordered(**{**SENSE, **changed})

        async def heard():
            return (await stored(context, generation_id)).status == Status.PROCESSING

        if isinstance(answer, Stream) and answer.heard is None:
            answer.heard = heard
        upstream.answers.append(answer)
        assert await run_worker(over, "submit") == 1
        return await stored(context, generation_id)

    return submit


@pytest.fixture
def routed(monkeypatch):
    """Changes what every route documents, with these values."""

    def change(**changed):
        documented = Context.route
        monkeypatch.setattr(
            Context, "route", lambda context, generation: replace(documented(context, generation), **changed)
        )

    return change


async def observed(context, generation):
    """The (origin, status, progress) of every observation that was settled."""
    entries = (await timeline(context, generation.id))["data"]
    observations = [entry["details"] for entry in entries if entry["type"] == "observation"]
    return [(observation["origin"], observation["status"], observation["progress"]) for observation in observations]


async def announced(context, generation):
    async with context.store.reading() as tx:
        return [event.type for event in await events.events_of(tx, generation.id)]


async def test_a_stream_is_followed_to_its_closing_word(context, upstream, streamed):
    progress = {"type": "execution_progress", "progress_percent": 50}

    generation = await streamed(Stream(THINKING, STARTED, progress, MADE, COMPLETE, DONE))

    assert (Status.COMPLETED, "stream", "submit") == (
        generation.status, generation.learned_from, generation.verified_by,
    )  # fmt: skip
    assert ("ex-1", [IMAGE], 1.0) == (
        generation.external_id, [output.url for output in generation.outputs], generation.progress,
    )  # fmt: skip
    assert ["generation.processing", "generation.completed"] == await announced(context, generation)
    assert [ORDERED] == [request.path for request in upstream.requests]


async def test_a_streamed_order_asks_for_a_stream_with_the_accounts_key(upstream, streamed):
    await streamed(Stream(COMPLETE))

    (request,) = upstream.requests
    assert ("text/event-stream", "Bearer key-of-eachlabs") == (
        request.headers["accept"], request.headers["authorization"],
    )  # fmt: skip
    assert (True, [{"role": "user", "content": "a red fox"}]) == (request.json["stream"], request.json["messages"])


async def test_an_order_may_ask_for_one_answer_instead_of_a_stream(upstream, streamed):
    """The request is sent under the generation's id, so that the provider does the same order once."""
    generation = await streamed(
        (200, {"task_id": "t-1", "generations": [IMAGE]}), input={"prompt": "x", "stream": False}
    )

    (request,) = upstream.requests
    assert (False, generation.id) == (request.json["stream"], request.headers["x-idempotency-key"])
    assert (Status.COMPLETED, "submit", "t-1") == (generation.status, generation.learned_from, generation.external_id)


async def test_what_is_said_twice_is_settled_once(context, streamed):
    half = {"type": "progress", "percent": 50}
    story = [
        THINKING,
        THINKING,
        {"type": "tool_call"},
        STARTED,
        STARTED,
        half,
        half,
        UNNAMED,
        UNNAMED,
        COMPLETE,
        COMPLETE,
    ]

    generation = await streamed(Stream(*story, DONE))

    assert [
        ("stream", "submitted", None),
        ("stream", "processing", None),  # a tool is at work
        ("stream", "processing", None),  # the execution has a name now
        ("stream", "processing", 0.5),
        ("stream", None, None),  # kept, because nobody knows what it means
        ("stream", "completed", None),
    ] == await observed(context, generation)


async def test_what_says_nothing_of_the_work_is_not_settled(context, streamed):
    generation = await streamed(Stream("no JSON", SAID, COMPLETE))

    assert [("stream", "submitted", None), ("stream", "completed", None)] == await observed(context, generation)


async def test_answer_in_words_is_the_output_where_nothing_is_generated(context, streamed):
    """The result is the same as when it is not streamed."""
    said = [{"type": "text_response", "content": f"{word} "} for word in ("Foxes", "are", "red.")]

    generation = await streamed(Stream(THINKING, *said, {"type": "complete", "status": "ok"}))

    assert (Status.COMPLETED, ["text"]) == (generation.status, [output.kind for output in generation.outputs])
    async with context.store.reading() as tx:
        assert b"Foxes are red." == (await outputs.kept(tx, generation.id, 0)).content


async def test_answer_in_pieces_of_openais_is_an_answer_in_words(streamed):
    pieces = [{"choices": [{"delta": {"content": word}}]} for word in ("A ", "fox.")]

    generation = await streamed(Stream(*pieces, {"type": "complete", "status": "ok"}))

    assert (Status.COMPLETED, ["text"]) == (generation.status, [output.kind for output in generation.outputs])


async def test_talk_about_work_that_made_nothing_is_no_output(streamed):
    said = {"type": "text_response", "content": "I found the perfect model for your picture!"}

    generation = await streamed(Stream(said, {"type": "tool_call"}, {"type": "complete", "status": "ok"}))

    assert (Status.PROCESSING, Status.COMPLETED, ()) == (generation.status, generation.held.status, generation.outputs)


async def test_busy_after_talk_waits(context, clock, upstream, streamed):
    """Nothing was begun."""
    status = {"type": "status", "message": "Searching for best model..."}
    generation = await streamed(Stream(THINKING, status, BUSY))
    assert Status.PENDING == generation.status
    clock.advance(30)
    upstream.answers.append(Stream(STARTED, COMPLETE))

    assert 1 == await run_worker(context, "submit")

    assert Status.COMPLETED == (await stored(context, generation.id)).status


async def test_outputs_told_before_the_end_are_kept_when_the_end_tells_none(streamed):
    other = "https://storage.example.com/sense/2.png"
    more = {"type": "generation_response", "generations": [IMAGE, other]}

    generation = await streamed(Stream(MADE, more, {"type": "complete", "status": "ok"}))

    assert [IMAGE, other] == [output.url for output in generation.outputs]


async def test_outputs_that_the_end_tells_are_the_ones(streamed):
    draft = {"type": "generation_response", "url": "https://storage.example.com/sense/draft.png"}

    generation = await streamed(Stream(draft, COMPLETE))

    assert [IMAGE] == [output.url for output in generation.outputs]


async def test_a_stream_that_completes_without_any_output_is_not_announced_at_once(context, streamed):
    """The completion lacks the output it promises, so the execution is polled."""
    generation = await streamed(Stream(STARTED, {"type": "complete", "status": "ok"}))

    assert (Status.PROCESSING, Status.COMPLETED) == (generation.status, generation.held.status)


@pytest.mark.parametrize(
    "busy",
    [Stream(BUSY), (429, {"detail": "Rate limit exceeded"}), Stream(SAID, {"eachlabs": BUSY})],
    ids=["first event", "HTTP 429", "wrapped"],
)
async def test_who_is_told_not_now_is_tried_again(context, upstream, clock, streamed, busy):
    """Nothing was begun and nothing is announced: the order goes back into the queue."""
    generation = await streamed(busy)
    assert (Status.PENDING, None) == (generation.status, generation.submitted_at)
    assert 0 == await run_worker(context, "submit")
    clock.advance(30)
    upstream.answers.append(Stream(STARTED, COMPLETE))

    assert 1 == await run_worker(context, "submit")

    generation = await stored(context, generation.id)
    assert (Status.COMPLETED, None) == (generation.status, generation.failure)
    assert ["generation.processing", "generation.completed"] == await announced(context, generation)


async def test_a_session_that_stays_busy_is_given_up_at_the_deadline(context, clock, streamed):
    generation = await streamed(Stream(BUSY), deadline_s=5.0)
    clock.advance(6)

    await run_worker(context, "expire")

    generation = await stored(context, generation.id)
    assert (Status.EXPIRED, "deadline_passed", False) == (
        generation.status, generation.failure.code, generation.failure.billed,
    )  # fmt: skip


async def test_busy_after_the_work_began_is_a_failure(streamed):
    """Sending it again might do the work twice."""
    generation = await streamed(Stream(STARTED, BUSY))

    assert (Status.FAILED, "concurrency_limited", "SESSION_BUSY", "stream") == (
        generation.status, generation.failure.code, generation.failure.provider_code, generation.learned_from,
    )  # fmt: skip


async def test_a_question_that_nobody_will_answer_is_a_failure_that_asks_it(context, streamed):
    """Events after the question are not read."""
    asks = {"type": "clarification_needed", "question": "Which fox?", "options": ["red", "arctic"]}

    generation = await streamed(Stream(THINKING, asks, {"type": "complete", "status": "clarification_needed"}, DONE))

    failure = generation.failure
    assert (Status.FAILED, "invalid_request", False) == (generation.status, failure.code, failure.retryable)
    assert ("Which fox?", "clarification_needed", ("red", "arctic")) == (
        failure.message, failure.provider_code, failure.alternatives,
    )  # fmt: skip
    assert 2 == len(await observed(context, generation))


@pytest.mark.parametrize("ends", ["cut", "politely", "never"])
async def test_a_stream_that_breaks_off_is_asked_about_at_once(context, upstream, streamed, routed, ends):
    routed(stream_idle_s=0.05)
    generation = await streamed(Stream(STARTED, HEARD, ends=ends))
    assert Status.PROCESSING == generation.status
    upstream.answers.append((200, EXECUTION))

    assert 1 == await run_worker(context, "poll")

    generation = await stored(context, generation.id)
    assert (Status.COMPLETED, "poll", [IMAGE]) == (
        generation.status, generation.learned_from, [output.url for output in generation.outputs],
    )  # fmt: skip
    assert "/v1/workflows/executions/ex-1" == upstream.requests[-1].path


async def test_what_arrived_before_the_stream_broke_off_is_heard(streamed):
    """Events that came faster than they were settled are not dropped with the connection."""
    generation = await streamed(Stream(THINKING, STARTED, COMPLETE, ends="cut"))

    assert (Status.COMPLETED, "ex-1") == (generation.status, generation.external_id)


@pytest.mark.parametrize("ends", ["cut", "politely", "never"])
async def test_a_stream_that_breaks_off_without_a_name_is_lost(context, upstream, streamed, routed, ends):
    """The generation cannot be polled, and it is never sent again."""
    routed(stream_idle_s=0.05)

    generation = await streamed(Stream(THINKING, HEARD, ends=ends))

    assert (Status.EXPIRED, "result_lost", "clock") == (
        generation.status, generation.failure.code, generation.learned_from,
    )  # fmt: skip
    assert ["generation.expired"] == await announced(context, generation)
    assert [0, 0] == [await run_worker(context, name) for name in ("submit", "poll")]
    assert 1 == len(upstream.requests)


@pytest.mark.parametrize("ends", ["cut", "politely"])
async def test_what_a_stream_told_before_it_broke_off_is_the_result_where_nobody_can_be_asked(context, streamed, ends):
    """The observation says that more may have been to come."""
    generation = await streamed(Stream(MADE, HEARD, ends=ends))

    assert (Status.COMPLETED, "stream", [IMAGE]) == (
        generation.status, generation.learned_from, [output.url for output in generation.outputs],
    )  # fmt: skip
    last = (await timeline(context, generation.id))["data"][-2:]
    assert ["the stream broke off after these outputs"] == [
        note for entry in last if entry["type"] == "observation" for note in entry["details"]["notes"]
    ]


async def test_outputs_are_shown_while_the_stream_goes_on(context, ordered, upstream):
    generation_id = await ordered(**SENSE)
    shown = []

    async def looked_at():
        shown[:] = [output.url for output in (await stored(context, generation_id)).outputs]
        return shown

    upstream.answers.append(Stream(STARTED, MADE, HEARD, COMPLETE, heard=looked_at))

    await run_worker(context, "submit")

    assert [IMAGE] == shown
    assert Status.COMPLETED == (await stored(context, generation_id)).status


async def test_a_stream_is_left_at_the_deadline_however_much_it_talks(context, upstream, clock, streamed):
    """The execution that it named is polled."""
    generation = await streamed(Stream(STARTED, ends="never"), deadline_s=0.2)
    assert (Status.PROCESSING, "ex-1") == (generation.status, generation.external_id)
    upstream.answers.append((200, EXECUTION))

    assert 1 == await run_worker(context, "poll")

    assert Status.COMPLETED == (await stored(context, generation.id)).status


async def test_while_a_stream_goes_on_nobody_asks_until_its_end_is_overdue(context, clock, streamed, upstream):
    """Only the stream's end tells what its executions amount to; if it is not heard, we poll before the deadline."""
    polls = []

    async def poll_meanwhile():
        if (await stored(context, generation_ids[0])).external_id is None:
            return False
        for _ in range(3):
            clock.advance(300)
            polls.append(await run_worker(context, "poll"))
        return True

    generation_ids = []
    slow = Stream(STARTED, HEARD, COMPLETE, heard=poll_meanwhile)
    upstream.answers.append(slow)
    generation_ids.append((await order(context, OrderRequest(**SENSE, deadline_s=900.0))).id)

    upstream.answers.append((200, {"execution_id": "ex-1", "status": "running"}))
    await run_worker(context, "submit")

    assert [0, 0, 1] == polls
    assert Status.COMPLETED == (await stored(context, generation_ids[0])).status


@pytest.mark.parametrize("peer", [hang_up, read_and_hang_up, Peer(b"HTTP/1.1 200 OK\r\ncontent-ty")], ids=range(3))
async def test_a_stream_that_is_cut_before_its_head_leaves_it_unknown(store, transport, clock, streamed, peer):
    async with listening(peer) as url:
        generation = await streamed(None, over=context_over(store, transport, clock, url))

    assert (Status.EXPIRED, "submission_unknown") == (generation.status, generation.failure.code)


async def test_a_provider_that_does_not_answer_in_time_leaves_it_unknown(streamed, routed):
    routed(answer_s=0.05)

    generation = await streamed(Silent())

    assert (Status.EXPIRED, "submission_unknown") == (generation.status, generation.failure.code)


async def test_a_provider_out_of_reach_is_tried_again(store, transport, clock, streamed):
    generation = await streamed(None, over=context_over(store, transport, clock, "http://127.0.0.1:1"))

    assert (Status.PENDING, "provider_unavailable") == (generation.status, generation.failure.code)


@pytest.mark.parametrize(
    "story",
    [[STARTED, {"type": "error", "error_code": "TIMEOUT", "message": "Execution timed out"}],
     [{"type": "error", "error_code": "TIMEOUT", "message": "Execution timed out", "execution_id": "ex-1"}]],
    ids=["named before", "names it"],
)  # fmt: skip
async def test_after_a_time_out_the_poll_decides(context, upstream, streamed, story):
    generation = await streamed(Stream(*story, DONE))
    assert (Status.PROCESSING, "ex-1") == (generation.status, generation.external_id)
    upstream.answers.append((200, EXECUTION))

    assert 1 == await run_worker(context, "poll")

    assert Status.COMPLETED == (await stored(context, generation.id)).status


async def test_a_time_out_of_what_has_no_name_is_a_failure(streamed):
    generation = await streamed(Stream({"type": "error", "error_code": "TIMEOUT", "message": "Execution timed out"}))

    assert (Status.FAILED, "provider_timeout") == (generation.status, generation.failure.code)


async def test_what_comes_behind_the_end_is_not_heard(streamed):
    generation = await streamed(Stream(STARTED, DONE, COMPLETE, ends="never"))

    assert Status.PROCESSING == generation.status


async def test_a_closing_word_ends_it_though_the_stream_goes_on(streamed):
    generation = await streamed(Stream(COMPLETE, ends="never"))

    assert Status.COMPLETED == generation.status


@pytest.mark.parametrize(
    "story",
    [
        (STARTED, HEARD, b"data: " + b"x" * 2000),
        (b"data: %b\n\ndata: %b" % (json.dumps(STARTED).encode(), b"x" * 2000),),
    ],
    ids=["alone", "in the same piece"],
)
async def test_an_event_that_never_ends_is_cut(context, upstream, streamed, monkeypatch, story):
    """Events before it are read."""
    monkeypatch.setattr(submit_stream, "EVENT_MAX_BYTES", 1000)
    generation = await streamed(Stream(*story, ends="never"))
    upstream.answers.append((200, EXECUTION))

    assert 1 == await run_worker(context, "poll")

    assert Status.COMPLETED == (await stored(context, generation.id)).status


async def test_a_stream_that_never_ends_is_cut(context, upstream, streamed, monkeypatch):
    """Each of its events ends, but all of them together would fill the memory."""
    monkeypatch.setattr(submit_stream, "REPLY_MAX_BYTES", 5000)
    generation = await streamed(Stream(*[STARTED] * 1000, ends="never"))
    upstream.answers.append((200, EXECUTION))

    assert 1 == await run_worker(context, "poll")

    assert Status.COMPLETED == (await stored(context, generation.id)).status


async def test_events_are_heard_however_they_are_cut_into_pieces(streamed):
    """Lines end in any of the three ways, and a piece may end in the middle of one."""
    text = f": hello\r\n\r\nevent: message\r\ndata: {json.dumps(STARTED)}\r\n\r\ndata: {json.dumps(COMPLETE)}\r\r\n"

    generation = await streamed(Stream(*(letter.encode() for letter in text)))

    assert (Status.COMPLETED, "ex-1") == (generation.status, generation.external_id)


@pytest.mark.parametrize(
    ("http_status", "payload", "code"),
    [
        (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}, "invalid_request"),
        (401, {"detail": "Invalid API key"}, "authentication"),
        (500, {"detail": "Service down"}, "provider_error"),
        (
            200,
            {"type": "error", "error_code": "INSUFFICIENT_BALANCE", "message": "Payment required"},
            "insufficient_funds",
        ),
    ],
)
async def test_an_error_instead_of_a_stream_is_a_refusal(streamed, http_status, payload, code):
    generation = await streamed((http_status, payload))

    assert (Status.FAILED, code, "submit") == (generation.status, generation.failure.code, generation.learned_from)


async def test_an_error_that_calls_itself_a_stream_is_a_refusal(streamed):
    generation = await streamed((400, {"detail": "Bad request"}, {"content-type": "text/event-stream"}))

    assert (Status.FAILED, "invalid_request") == (generation.status, generation.failure.code)


async def test_one_answer_instead_of_a_stream_is_read_whole(streamed):
    generation = await streamed((200, {"task_id": "t-1", "generations": [IMAGE]}))

    assert (Status.COMPLETED, "submit", [IMAGE]) == (
        generation.status, generation.learned_from, [output.url for output in generation.outputs],
    )  # fmt: skip


@pytest.mark.parametrize("answer", [(502, b"<html>"), (200, b"<html>"), CUT], ids=["gateway", "no JSON", "cut"])
async def test_an_answer_nobody_understands_leaves_it_unknown(context, streamed, answer):
    generation = await streamed(answer)

    assert (Status.EXPIRED, "submission_unknown") == (generation.status, generation.failure.code)
    assert 0 == await run_worker(context, "submit")


async def test_too_large_an_answer_leaves_it_unknown(streamed, monkeypatch):
    monkeypatch.setattr(submit_stream, "REPLY_MAX_BYTES", 10)

    generation = await streamed((400, {"detail": "longer than that"}))

    assert (Status.EXPIRED, "submission_unknown") == (generation.status, generation.failure.code)


@pytest.mark.parametrize(
    "answer",
    [
        Stream({"type": "error", "message": "Invalid key key-of-eachlabs"}),
        (401, {"detail": "Invalid key key-of-eachlabs"}),
    ],
    ids=["event", "whole"],
)
async def test_a_key_that_the_provider_repeats_is_masked(streamed, answer):
    generation = await streamed(answer)

    assert "Invalid key ********" == generation.failure.message


async def test_what_was_closed_meanwhile_is_not_asked_about(context, clock, ordered, upstream):
    """The generation was polled by hand while the stream went on; then the stream broke off."""
    generation_id = await ordered(**SENSE)

    async def polled():
        if (await stored(context, generation_id)).external_id is None:
            return False
        upstream.answers.append((200, EXECUTION))
        await poll(context, await claim_one(context, generation_id))
        return True

    upstream.answers.append(Stream(STARTED, HEARD, ends="cut", heard=polled))

    await run_worker(context, "submit")

    assert Status.COMPLETED == (await stored(context, generation_id)).status
    clock.advance(600)
    assert 0 == await run_worker(context, "poll")
