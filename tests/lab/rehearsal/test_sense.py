"""each::sense: the events of its stream, and streams that break off."""

import json

import httpx
import pytest

from arrivals.lab.rehearsal.app import PROVIDERS
from arrivals.lab.rehearsal.state import Where

SENSE = ("eachlabs", "sense")
WORKFLOWS = ("eachlabs", "workflows")
OUTCOMES = PROVIDERS["eachlabs"].OUTCOMES["sense"]
EVENTS = {name: row for name, row in OUTCOMES.items() if "type" in row.body}
ANSWERS = {name: row for name, row in OUTCOMES.items() if "type" not in row.body}
ALL_TYPES = """thinking_delta text_response status tool_call message progress generation_response clarification_needed
    web_search_query web_search_citations workflow_created workflow_fetched workflow_built workflow_updated
    execution_started execution_progress execution_completed complete error"""
PAGE = """INSUFFICIENT_BALANCE TIMEOUT RATE_LIMITED CONTENT_FILTER SESSION_BUSY SESSION_NOT_FOUND
    AGE_VERIFICATION_REQUIRED clarification_needed awaiting_input"""
SEED_MESSAGES = [
    "Invalid image URL: Unable to fetch image from provided URL",
    "Maximum 4 images allowed per request",
    "Model not found: invalid-model-name",
    "Model temporarily unavailable: kling-3-0",
    "Failed to generate image: Model returned error",
    "Model execution timed out after 300 seconds",
    "Insufficient balance.",
    "Session is currently processing another request",
    "Session memory limit reached. Maximum 50 messages per session.",
    "Generation failed: Insufficient balance",
]


def events(answer):
    """The events of a stream that ended well, taken out of either wrapping."""
    frames = answer.text.split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    said = [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]
    return [event.get("eachlabs", event) for event in said]


async def stream(rehearsal, words, **more):
    answer = await rehearsal.order(SENSE, f"ref=one run=0 {words}", **more)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    return events(answer)


async def cut_off(rehearsal, words):
    """The events that came before the stream broke off."""
    got = []
    body = {"messages": [{"role": "user", "content": f"a fox [rehearse ref=one run=0 {words}]"}]}
    headers = {"authorization": "Bearer rehearsal-eachlabs"}
    request = rehearsal.client.stream("POST", "/eachlabs-sense/v1/chat/completions", json=body, headers=headers)
    with pytest.raises(httpx.RemoteProtocolError):
        await _collect(request, got)
    *whole, broken = b"".join(got).decode().split("\n\n")
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.removeprefix("data: "))
    return [json.loads(frame.removeprefix("data: ")) for frame in whole]


async def _collect(request, got):
    async with request as answer:
        async for part in answer.aiter_bytes():
            got.append(part)


def test_every_code_and_sentence_of_the_page_has_a_row():
    assert [code for code in PAGE.split() if code not in {row.code for row in OUTCOMES.values()}] == []
    said = {row.body.get("message") for row in EVENTS.values()}
    assert [message for message in SEED_MESSAGES if message not in said] == []


async def test_a_stream_with_an_execution_can_be_polled(rehearsal):
    said = await stream(rehearsal, "dialect=execution,raw")
    [started] = [event for event in said if event["type"] == "execution_started"]
    entry = await rehearsal.record("eachlabs")
    assert (started["execution_id"], "sense", "completed") == tuple(
        entry[k] for k in ("external_id", "route", "outcome")
    )
    assert (said[0]["type"], said[-1]["type"], said[-1]["status"]) == ("thinking_delta", "complete", "ok")
    assert entry["outputs"] == said[-1]["generations"]
    body = (await rehearsal.poll(WORKFLOWS, entry["external_id"])).json()
    assert (body["status"], body["output"]) == ("completed", entry["outputs"])
    assert (await rehearsal.poll(WORKFLOWS, entry["external_id"], key="Bearer wrong")).json() == {
        "error": "Invalid or missing API key"
    }


async def test_a_stream_without_an_execution_names_its_task(rehearsal):
    said = await stream(rehearsal, "dialect=plain")
    assert not [event for event in said if event["type"].startswith("execution")]
    assert (await rehearsal.record("eachlabs"))["external_id"] == said[-1]["task_id"]


async def test_all_types_are_said_in_both_wrappings(rehearsal):
    types, wrapped = set(), set()
    for number in range(30):
        answer = await rehearsal.order(SENSE, f"ref=r{number} run=0")
        types |= {event["type"] for event in events(answer)}
        wrapped.add("chat.completion.chunk" in answer.text)
    for name in ("clarification_needed", "generation_failed"):
        types |= {event["type"] for event in await stream(rehearsal, f"outcome={name}")}
    assert (set(ALL_TYPES.split()), {True, False}) == (types, wrapped)


async def test_a_chunk_has_the_words_where_openai_has_them(rehearsal):
    for number in range(9):
        answer = await rehearsal.order(SENSE, f"ref=r{number} run=0 dialect=chunk")
        frames = [json.loads(frame[6:]) for frame in answer.text.split("\n\n")[:-2]]
        assert {"chat.completion.chunk"} == {frame["object"] for frame in frames}
        for frame in frames:
            delta = frame["choices"][0]["delta"]
            assert ("content" in delta) == (frame["eachlabs"]["type"] == "text_response")
        assert frames[-1]["choices"][0]["finish_reason"] == "stop"


async def test_a_cut_stream_breaks_off_after_its_execution_has_started(rehearsal):
    said = await cut_off(rehearsal, "submit=cut dialect=execution,raw")
    entry = await rehearsal.record("eachlabs")
    assert (said[-1]["type"], said[-1]["execution_id"]) == ("execution_started", entry["external_id"])
    assert (entry["submits"], entry["answer_cut"], entry["outcome"]) == (1, True, "completed")
    assert (await rehearsal.poll(WORKFLOWS, entry["external_id"])).json()["status"] == "completed"


async def test_a_cut_stream_without_an_execution_breaks_off_in_its_middle(rehearsal):
    said = await cut_off(rehearsal, "submit=cut dialect=plain,raw")
    assert said[0]["type"] == "thinking_delta"
    assert (await rehearsal.record("eachlabs"))["outcome"] == "completed"


@pytest.mark.parametrize("name", [name for name, row in EVENTS.items() if row.where is Where.FAILURE])
async def test_an_event_closes_the_stream_of_a_failed_job(rehearsal, name):
    row = EVENTS[name]
    said = await stream(rehearsal, f"outcome={name}")
    assert said[0]["type"] == "thinking_delta"
    last = said[-2] if row.body["type"] == "clarification_needed" and said[-1]["type"] == "complete" else said[-1]
    assert row.body == {key: last[key] for key in row.body}
    entry = await rehearsal.record("eachlabs")
    assert ("failed", row.code, [], 1) == tuple(entry[key] for key in ("outcome", "code", "outputs", "submits"))


async def test_a_failed_execution_says_so_when_polled(rehearsal):
    said = await stream(rehearsal, "outcome=CONTENT_FILTER dialect=execution")
    [started] = [event for event in said if event["type"] == "execution_started"]
    body = (await rehearsal.poll(WORKFLOWS, started["execution_id"])).json()
    assert (body["status"], body["error"]) == ("failed", "ExecutionFailed")
    assert body["error_cause"] == "Failed to generate image: Model returned error"


@pytest.mark.parametrize("number", range(8))
async def test_a_stream_gives_up_and_its_execution_completes(rehearsal, number):
    body = {"messages": [{"role": "user", "content": f"a fox [rehearse ref=r{number} run=0 outcome=TIMEOUT]"}]}
    said = await stream(rehearsal, "", **body)
    assert (said[-1]["type"], said[-1]["error_code"]) == ("error", "TIMEOUT")
    entry = await rehearsal.record("eachlabs", f"r{number}")
    named = {event["execution_id"] for event in said if "execution_id" in event}
    assert ({entry["external_id"]}, "completed") == (named, entry["outcome"])
    assert (await rehearsal.poll(WORKFLOWS, entry["external_id"])).json()["output"]


async def test_a_busy_session_says_so_before_anything_else(rehearsal):
    said = await stream(rehearsal, "outcome=SESSION_BUSY")
    assert [event["error_code"] for event in said] == ["SESSION_BUSY"]
    entry = await rehearsal.record("eachlabs")
    assert (entry["submits"], entry["refused"], entry["code"]) == (0, 1, "SESSION_BUSY")
