"""Kirin's unsigned webhooks and the task ids that callers choose; and the order fields of Vtrix's other models."""

import json

import pytest

KIRIN = ("vtrix", "kirin")
FLAT = ("vtrix", "flat")
HEADERS = {"authorization": "Bearer rehearsal-vtrix"}


async def test_half_of_the_webhooks_are_klings(rehearsal, receiver):
    forms = set()
    for number in range(12):
        external_id = await rehearsal.accepted(KIRIN, f"ref=r{number} run=0", callback=receiver.url)
        payload = json.loads((await receiver.until(number + 1))[-1][2])
        forms.add("task_id" in payload)
        [url] = (await rehearsal.record("vtrix", f"r{number}"))["outputs"]
        if "task_id" in payload:
            [film] = payload["task_result"]["videos"]
            assert (external_id, "succeed", url) == (payload["task_id"], payload["task_status"], film["url"])
        else:
            assert payload == (await rehearsal.poll(KIRIN, external_id)).json()
    assert {True, False} == forms


@pytest.mark.parametrize("name", ["failed_in_words", "failed_with_number"])
async def test_a_failure_in_both_forms(rehearsal, receiver, name):
    await rehearsal.accepted(KIRIN, f"ref=one run=0 dialect=kling outcome={name}", callback=receiver.url)
    await rehearsal.accepted(KIRIN, f"ref=two run=0 dialect=own outcome={name}", callback=receiver.url)
    bodies = [json.loads(body) for _, _, body in await receiver.until(2)]
    [kling] = [body for body in bodies if "task_id" in body]
    [own] = [body for body in bodies if "task_id" not in body]
    assert ("failed", "Generation failed") == (kling["task_status"], kling["task_status_msg"])
    assert ("failed", True) == (own["status"], "Generation failed" in str(own["error"]))


async def test_a_task_that_starts_calls_as_well(rehearsal, receiver):
    await rehearsal.accepted(KIRIN, "ref=one run=0.01 dialect=kling", callback=receiver.url)
    first, second = await receiver.until(2)
    assert ["processing", "succeed"] == [json.loads(body)["task_status"] for _, _, body in (first, second)]
    await rehearsal.recorded("vtrix", sent=2, answered_2xx=2)


async def test_without_a_callback_url_nobody_is_called(rehearsal):
    await rehearsal.accepted(KIRIN)
    assert (await rehearsal.client.post("/rehearsal/webhooks/vtrix/one")).status_code == 404


async def test_a_name_is_given_once(rehearsal):
    first = await rehearsal.accepted(KIRIN, "ref=one run=0 submit=429:0", external_task_id="mine")
    again = await rehearsal.order(KIRIN, external_task_id="mine")
    assert (again.status_code, again.json()) == (400, {"message": "external_task_id must be unique"})
    assert {"submits": 1, "refused": 1} == {k: (await rehearsal.record("vtrix"))[k] for k in ("submits", "refused")}
    assert (await rehearsal.poll(KIRIN, "mine")).json()["id"] == first


async def test_a_refused_order_uses_no_name_up(rehearsal):
    answers = [
        (await rehearsal.order(KIRIN, "ref=one run=0 submit=429:1", external_task_id="mine")).status_code
        for _ in range(2)
    ]
    assert answers == [429, 200]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"prompt": ""}, "prompt is required"),
        ({"prompt": "x" * 2501}, "2500"),
        ({"mode": "turbo"}, "mode must be"),
        ({"duration": "7"}, "duration must be"),
        ({"duration": 5}, "duration must be"),
        ({"image": "data:image/png;base64,AA=="}, "without a data: prefix"),
    ],
)
async def test_kirin_refuses_what_its_page_refuses(rehearsal, more, words):
    body = {"model": "kirin-v2-6-i2v", "prompt": "a fox"} | more
    answer = await rehearsal.client.post("/vtrix/model/v1/generation", json=body, headers=HEADERS)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True)


async def test_kirin_takes_what_its_page_allows(rehearsal):
    more = {"mode": "pro", "duration": "10", "image": "AAAA", "model": "kirin-v2-6-i2v", "prompt": "x" * 2500}
    answer = await rehearsal.client.post("/vtrix/model/v1/generation", json=more, headers=HEADERS)
    assert answer.status_code == 200


async def test_veo_has_its_fields_on_top(rehearsal):
    model = {"model": "vtrix-veo-3.1-generate-preview"}
    for body, status in (
        ({**model, "prompt": "a fox [rehearse ref=one run=0]", "seconds": "8", "size": "1280x720"}, 200),
        ({**model, "input": [{"params": {"prompt": "a fox [rehearse ref=two run=0]"}}]}, 200),
        ({**model, "input": {"prompt": "a fox"}}, 400),
    ):
        answer = await rehearsal.client.post("/vtrix/model/v1/generation", json=body, headers=HEADERS)
        assert status == answer.status_code
    entries = [await rehearsal.record("vtrix", ref) for ref in ("one", "two")]
    assert ["flat", "enveloped"] == [entry["route"] for entry in entries]
    assert entries[0]["outputs"][0].endswith(".mp4")


async def test_veo_fails_with_its_code(rehearsal):
    body = {"model": "vtrix-veo-3.1-generate-preview", "prompt": "a fox [rehearse ref=one run=0 outcome=002014001]"}
    answer = await rehearsal.client.post("/vtrix/model/v1/generation", json=body, headers=HEADERS)
    task = (await rehearsal.poll(FLAT, answer.json()["id"])).json()
    assert task["error"] == {"code": "002014001", "message": "Video generation failed"}
