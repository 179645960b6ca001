"""each::sense: refusals, empty outputs, and the answers where the caller wants no stream."""

import httpx
import pytest

from tests.lab.rehearsal.test_sense import ANSWERS, EVENTS, SENSE, WORKFLOWS, stream


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_order_may_be_refused_before_the_stream(rehearsal, name, stream):
    answer = await rehearsal.order(SENSE, f"ref=one outcome={name}", stream=stream)
    assert (ANSWERS[name].status, ANSWERS[name].body) == (answer.status_code, answer.json())
    assert (await rehearsal.record("eachlabs"))["refused"] == 1


async def test_a_limited_order_is_told_its_limits(rehearsal):
    answer = await rehearsal.order(SENSE, "ref=one outcome=RATE_LIMITED")
    limits = {name: answer.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")}
    reset = str(int(rehearsal.clock.at) + 30)
    assert ({"limit": "60", "remaining": "0", "reset": reset}, "30") == (limits, answer.headers["retry-after"])


async def test_keys_are_missed_and_refused_apart(rehearsal):
    path, body = "/eachlabs-sense/v1/chat/completions", {"messages": [{"role": "user", "content": "a fox"}]}
    for headers, detail in (
        ({}, "API key is required."),
        ({"authorization": "Bearer x"}, "Invalid API key. Please check your API key and try again."),
    ):
        answer = await rehearsal.client.post(path, json=body, headers=headers)
        assert (401, {"detail": detail}) == (answer.status_code, answer.json())


@pytest.mark.parametrize("messages", [None, [], [{"role": "system", "content": "a fox"}], "a fox"])
async def test_messages_are_required(rehearsal, messages):
    answer = await rehearsal.order(SENSE, messages=messages)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "messages"])


async def test_limits_of_an_order(rehearsal):
    assert (await stream(rehearsal, "", image_urls=["https://a.example/b.png"] * 5))[-1] == EVENTS[
        "too_many_images"
    ].body
    assert (await rehearsal.order(SENSE, prompt="x" * 10_001)).status_code == 422


@pytest.mark.parametrize(
    ("fault", "statuses"), [("429", [429, 429, 200]), ("500", [500, 500, 200]), ("503", [503, 503, 200])]
)
async def test_the_first_submissions_are_refused(rehearsal, fault, statuses):
    assert statuses == [(await rehearsal.order(SENSE, f"ref=one run=0 submit={fault}:2")).status_code for _ in range(3)]
    assert (await rehearsal.record("eachlabs"))["submits"] == 1


async def test_an_empty_account_is_told_in_the_stream(rehearsal):
    said = await stream(rehearsal, "submit=402:1")
    assert [event["type"] for event in said] == ["status", "error"]
    assert said[-1]["details"]["required_estimate"] == 0.5
    assert (await stream(rehearsal, "submit=402:1"))[-1]["status"] == "ok"


async def test_an_execution_may_show_its_output_late(rehearsal):
    said = await stream(rehearsal, "dialect=execution outcome=empty:2")
    assert said[-1]["generations"] == []
    external_id = (await rehearsal.record("eachlabs"))["external_id"]
    shown = [bool((await rehearsal.poll(WORKFLOWS, external_id)).json()["output"]) for _ in range(2)]
    assert shown == [False, True]


@pytest.mark.parametrize("words", ["dialect=plain outcome=empty:1", "outcome=empty"])
async def test_an_empty_stream_stays_empty(rehearsal, words):
    said = await stream(rehearsal, words)
    assert (said[-1]["status"], said[-1]["generations"]) == ("ok", [])
    assert (await rehearsal.record("eachlabs"))["has_output"] is False


async def test_without_a_stream(rehearsal):
    answer = await rehearsal.order(SENSE, stream=False, session_id="mine")
    body = answer.json()
    entry = await rehearsal.record("eachlabs")
    assert (body["object"], body["task_id"], body["session_id"]) == ("chat.completion", entry["external_id"], "mine")
    assert body["generations"] == entry["outputs"]
    assert answer.headers["x-request-id"].startswith("req_")


async def test_the_same_key_has_the_same_answer(rehearsal):
    headers = {"authorization": "Bearer rehearsal-eachlabs", "x-idempotency-key": "k1"}
    content = "a fox [rehearse ref=one run=0 submit=cut:1]"
    body = {"messages": [{"role": "user", "content": content}], "stream": False}
    path = "/eachlabs-sense/v1/chat/completions"
    with pytest.raises(httpx.RemoteProtocolError):
        await rehearsal.client.post(path, json=body, headers=headers)
    answers = [(await rehearsal.client.post(path, json=body, headers=headers)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    entry = await rehearsal.record("eachlabs")
    assert (1, True, answers[0]["generations"]) == (entry["submits"], entry["answer_cut"], entry["outputs"])
    assert (await rehearsal.client.post(path, json=body, headers=headers | {"authorization": "x"})).status_code == 401
    await rehearsal.client.post(path, json=body, headers=headers | {"x-idempotency-key": "k2"})
    assert (await rehearsal.record("eachlabs"))["submits"] == 2


@pytest.mark.parametrize("name", EVENTS)
async def test_without_a_stream_events_are_answers(rehearsal, name):
    row = EVENTS[name]
    answer = await rehearsal.order(SENSE, f"ref=one run=0 outcome={name}", stream=False)
    body = answer.json()
    asks = row.body["type"] == "clarification_needed" or row.body.get("status") in {
        "clarification_needed",
        "awaiting_input",
    }
    assert asks == (answer.status_code == 200)
    if asks:
        assert body.get("status", "clarification_needed") == row.code
    else:
        assert body["detail"] == row.body.get("message", "Task failed")
    if name == "TIMEOUT":
        assert (await rehearsal.poll(WORKFLOWS, body["execution_id"])).json()["status"] == "completed"


async def test_a_question_has_two_forms(rehearsal):
    forms = set()
    for number in range(12):
        answer = await rehearsal.order(SENSE, f"ref=r{number} run=0 outcome=clarification_needed", stream=False)
        forms.add(answer.json().get("clarification_needed"))
        assert answer.json()["options"] == ["Photorealistic", "Artistic", "Anime", "Cinematic"]
    assert {True, None} == forms


@pytest.mark.parametrize("words", ["webhok=lost", "outcome=NO_SUCH_CODE", "dialect=raw,hmac", "submit=418"])
async def test_an_unknown_fault_is_refused_aloud(rehearsal, words):
    answer = await rehearsal.order(SENSE, words)
    assert (answer.status_code, answer.json()["rehearsal"][:13]) == (400, "unknown fault")
