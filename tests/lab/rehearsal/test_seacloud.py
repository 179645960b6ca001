"""SeaCloud's queue: COMPLETED may be a failure, outputs are on a path of their own, and there are no webhooks."""

import pytest

from arrivals.lab.rehearsal.app import PROVIDERS
from arrivals.lab.rehearsal.state import Where

QUEUE = ("seacloud", "queue")
HEADERS = {"authorization": "Bearer rehearsal-seacloud"}
BASE = "/seacloud/model/v1/queue/nano_banana_2"
FAILURES = [name for name, row in PROVIDERS["seacloud"].OUTCOMES["queue"].items() if row.where is Where.FAILURE]


async def test_the_answer_says_where_to_ask(rehearsal):
    queued = (await rehearsal.order(QUEUE, "ref=one run=10")).json()
    own = f"{rehearsal.client.base_url}{BASE}/requests/{queued['request_id']}"
    assert {
        "request_id": queued["request_id"],
        "response_url": f"{own}/response",
        "status_url": f"{own}/status",
        "cancel_url": f"{own}/cancel",
        "queue_position": 0,
    } == queued
    assert queued["request_id"].startswith("mmsu_")
    running = await rehearsal.client.get(queued["response_url"], headers=HEADERS)
    assert (running.status_code, running.json()["status"]) == (202, "IN_QUEUE")
    rehearsal.clock.at += 10
    status = (
        await rehearsal.client.get(queued["status_url"], headers={"authorization": "Key rehearsal-seacloud"})
    ).json()
    assert (status["status"], status["metrics"], "error" in status) == ("COMPLETED", {"inference_time": 10}, False)
    made = (await rehearsal.client.get(queued["response_url"], headers=HEADERS)).json()
    [output] = made["outputs"]
    assert (output["type"], output["content_type"]) == ("image", "image/png")
    assert [output["url"]] == (await rehearsal.record("seacloud"))["outputs"]
    picture = (await rehearsal.client.get(output["url"])).content
    assert (output["content_type"], output["file_size"]) == ("image/png", len(picture))
    assert (await rehearsal.client.get(output["url"])).status_code == 200


async def test_films_and_several_pictures(rehearsal):
    body = {"prompt": "a fox [rehearse ref=film run=0]", "num_images": 2}
    answer = await rehearsal.client.post("/seacloud/model/v1/queue/wan26/t2v", json=body, headers=HEADERS)
    made = (await rehearsal.client.get(answer.json()["response_url"], headers=HEADERS)).json()
    assert [(output["type"], output["duration"]) for output in made["outputs"]] == [("video", 5)] * 2


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_is_completed_with_an_error_of_some_form(rehearsal, name):
    forms = set()
    for number in range(9):
        external_id = await rehearsal.accepted(QUEUE, f"ref=r{number} run=0 outcome={name}")
        status = (await rehearsal.poll(QUEUE, external_id)).json()
        forms.add((type(status["error"]), "error_type" in status, "logs" in status))
        assert name in {
            status.get("error_type"),
            status["error"]["code"] if isinstance(status["error"], dict) else None,
        }
        answer = await rehearsal.client.get(f"{BASE}/requests/{external_id}/response", headers=HEADERS)
        assert (answer.status_code, answer.json()) == (500, {"detail": "Runtime execution failed"})
    assert {(str, True, False), (dict, True, True), (dict, False, True)} == forms


async def test_a_job_may_be_canceled_by_its_provider(rehearsal):
    external_id = await rehearsal.accepted(QUEUE, "ref=one run=0 outcome=CANCELED")
    status = (await rehearsal.poll(QUEUE, external_id)).json()
    assert ("COMPLETED", True) == (status["status"], "CANCELED" in str(status))
    entry = await rehearsal.record("seacloud")
    assert ("canceled", None, []) == (entry["outcome"], entry["code"], entry["outputs"])


async def test_a_result_may_stay_away(rehearsal):
    external_id = await rehearsal.accepted(QUEUE, "ref=one run=0 outcome=empty:2")
    path = f"{BASE}/requests/{external_id}/response"
    await rehearsal.poll(QUEUE, external_id)
    counts = [len((await rehearsal.client.get(path, headers=HEADERS)).json()["outputs"]) for _ in range(3)]
    assert counts == [0, 0, 1]
    assert (await rehearsal.record("seacloud"))["polls"] == 4


async def test_faults_of_polls_reach_the_result_too(rehearsal):
    external_id = await rehearsal.accepted(QUEUE, "ref=one run=0 poll=odd:1,fail:1")
    path = f"{BASE}/requests/{external_id}/response"
    odd = await rehearsal.client.get(path, headers=HEADERS)
    assert (odd.status_code, odd.json()["status"]) == (202, "warming_up")
    assert [(await rehearsal.client.get(path, headers=HEADERS)).status_code for _ in range(2)] == [503, 200]


async def test_cancel(rehearsal):
    runs = await rehearsal.accepted(QUEUE, "ref=one run=10")
    ended = await rehearsal.accepted(QUEUE, "ref=two run=0")
    for external_id, status, word in (
        (runs, 202, "CANCELLATION_REQUESTED"),
        (runs, 400, "ALREADY_COMPLETED"),
        (ended, 400, "ALREADY_COMPLETED"),
        ("nobody", 404, "NOT_FOUND"),
    ):
        answer = await rehearsal.client.put(f"{BASE}/requests/{external_id}/cancel", headers=HEADERS)
        assert (status, {"status": word}) == (answer.status_code, answer.json())
    assert (await rehearsal.client.put(f"{BASE}/requests/{runs}/cancel")).status_code == 401
    polled = (await rehearsal.poll(QUEUE, runs)).json()
    assert ("COMPLETED", True) == (polled["status"], "CANCELED" in str(polled))
    assert (await rehearsal.record("seacloud"))["outcome"] == "canceled"


@pytest.mark.parametrize("name", ["webhook", "webhook_url", "webhookUrl", "callback_url", "callBackUrl"])
async def test_webhooks_are_refused_wherever_they_are_asked_for(rehearsal, name):
    url = "https://a.example/hook"
    answers = [
        await rehearsal.order(QUEUE, **{name: url}),
        await rehearsal.client.post(f"{BASE}?{name}={url}", json={"prompt": "a fox"}, headers=HEADERS),
        await rehearsal.client.post(BASE, json={"prompt": "a fox"}, headers={**HEADERS, f"X-{name}": url}),
    ]
    assert [(400, {"detail": "webhook not supported"})] * 3 == [
        (answer.status_code, answer.json()) for answer in answers
    ]
    assert {"submits": 0, "refused": 1} == {k: (await rehearsal.record("seacloud"))[k] for k in ("submits", "refused")}


async def test_nobody_is_streamed_to(rehearsal):
    headers = {**HEADERS, "accept": "text/event-stream"}
    answer = await rehearsal.client.post(BASE, json={"prompt": "a fox"}, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"detail": "SSE streaming not supported"})


@pytest.mark.parametrize("content", [b"[1]", b"not JSON", b"{}"])
async def test_a_body_is_an_object(rehearsal, content):
    assert (await rehearsal.client.post(BASE, content=content, headers=HEADERS)).status_code == 422


async def test_an_unknown_app_is_named(rehearsal):
    answer = await rehearsal.order(QUEUE, "ref=one outcome=app_not_found")
    assert (answer.status_code, answer.json()) == (404, {"detail": "App not found: nano_banana_2"})
