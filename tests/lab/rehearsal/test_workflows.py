"""each::labs' workflows: triggered singly, in bulk up to ten, or publicly."""

import json

import httpx
import pytest

from tests.lab.rehearsal.conftest import SECRET

WORKFLOWS = ("eachlabs", "workflows")
HEADERS = {"authorization": "Bearer rehearsal-eachlabs"}
BULK = "/eachlabs/v1/workflows/bulk-trigger/wf-one/v1"
PUBLIC = "/eachlabs/v1/public/@somebody/workflows/fox/versions/v2/trigger"


def inputs(*words):
    return [{"prompt": f"a red fox [rehearse {said}]"} for said in words]


async def test_a_workflow_goes_step_by_step(rehearsal):
    for number in range(8):
        answer = await rehearsal.order(WORKFLOWS, f"ref=r{number} run=10")
        assert (answer.status_code, answer.json()["status"]) == (202, "queued")
        external_id = answer.json()["execution_id"]
        counts = []
        for _ in range(11):
            body = (await rehearsal.poll(WORKFLOWS, external_id)).json()
            counts.append(sum(step["status"] == "completed" for step in body["step_outputs"].values()))
            assert ("total_cost" in body) == (body["status"] == "completed")
            rehearsal.clock.at += 1
        assert counts == sorted(counts)
        assert counts[-1] == len(body["step_outputs"])
        assert (body["workflow_id"], body["version_id"], body["total_cost"]) == ("wf-one", "v1", 0.014 * counts[-1])
        assert body["output"] == (await rehearsal.record("eachlabs", f"r{number}"))["outputs"]


async def test_some_steps_fall_back_and_some_workflows_map_their_output(rehearsal):
    fallbacks, mapped = set(), set()
    for number in range(12):
        external_id = await rehearsal.accepted(WORKFLOWS, f"ref=r{number} run=0")
        body = (await rehearsal.poll(WORKFLOWS, external_id)).json()
        fallbacks.add("primary_error" in body["step_outputs"]["step1"]["metadata"])
        mapped.add("workflow_output" in body)
    assert ({True, False}, {True, False}) == (fallbacks, mapped)


async def test_the_webhook_is_the_poll(rehearsal, receiver):
    external_id = await rehearsal.accepted(WORKFLOWS, callback=receiver.url)
    [(_, headers, body)] = await receiver.until(1)
    assert headers["x-webhook-secret"] == SECRET
    assert json.loads(body) == (await rehearsal.poll(WORKFLOWS, external_id)).json()


async def test_the_query_may_say_whom_to_call(rehearsal, receiver):
    path = f"/eachlabs/v1/workflows/trigger/wf/v1?webhook_url={receiver.url}"
    body = {"inputs": inputs("ref=one run=0")[0]}
    await rehearsal.client.post(path, json=body, headers=HEADERS)
    await receiver.until(1)


async def test_a_failure_names_its_cause(rehearsal):
    external_id = await rehearsal.accepted(WORKFLOWS, "ref=one run=0 outcome=model_timeout")
    body = (await rehearsal.poll(WORKFLOWS, external_id)).json()
    assert (body["error"], body["error_cause"]) == (
        "ExecutionFailed",
        "Step 'generate_image' failed: Model timeout after 30s",
    )


@pytest.mark.parametrize("wrong_inputs", [None, "a fox", []])
async def test_inputs_are_an_object(rehearsal, wrong_inputs):
    assert (await rehearsal.order(WORKFLOWS, inputs=wrong_inputs)).json() == {"error": "inputs is required"}


async def test_in_public_the_key_stands_in_the_body(rehearsal, receiver):
    body = {"inputs": inputs("ref=one run=0")[0], "webhook_url": receiver.url}
    assert (await rehearsal.client.post(PUBLIC, json=body, headers=HEADERS)).status_code == 401
    body["api_key"] = "rehearsal-eachlabs"
    answer = await rehearsal.client.post(PUBLIC, json=body)
    assert answer.status_code == 202
    execution = (await rehearsal.poll(WORKFLOWS, answer.json()["execution_id"])).json()
    assert (execution["workflow_id"], execution["version_id"]) == ("fox", "v2")
    await receiver.until(1)


async def test_of_many_each_is_its_own_job(rehearsal, receiver):
    said = ("ref=a run=0", "ref=b outcome=invalid_input", "ref=c run=0 outcome=step_failed", "ref=d submit=402")
    body = {"inputs": inputs(*said), "webhook_url": receiver.url, "webhook_secret": SECRET}
    answer = await rehearsal.client.post(BULK, json=body, headers=HEADERS)
    bulk = answer.json()
    assert (answer.status_code, [execution["status"] for execution in bulk["executions"]]) == (
        202,
        ["queued", "failed", "queued", "failed"],
    )
    assert bulk["executions"][1]["message"] == "invalid input: missing required field 'prompt'"
    assert bulk["executions"][3]["message"] == "insufficient balance"
    entries = {ref: await rehearsal.record("eachlabs", ref) for ref in "abcd"}
    assert {"a": 1, "b": 0, "c": 1, "d": 0} == {ref: entry["submits"] for ref, entry in entries.items()}
    assert entries["a"]["external_id"] == bulk["executions"][0]["execution_id"]
    called = {json.loads(body)["execution_id"]: json.loads(body) for _, _, body in await receiver.until(2)}
    assert {bulk["bulk_id"]} == {body["bulk_id"] for body in called.values()}
    assert called[entries["c"]["external_id"]]["status"] == "failed"


@pytest.mark.parametrize("wrong_inputs", [None, [], {}, [{"prompt": "a fox"}] * 11, [{"prompt": "a fox"}, "a fox"]])
async def test_many_are_one_to_ten_objects(rehearsal, wrong_inputs):
    answer = await rehearsal.client.post(BULK, json={"inputs": wrong_inputs}, headers=HEADERS)
    assert (answer.status_code, answer.json()) == (400, {"error": "inputs must contain between 1 and 10 objects"})
    assert (await rehearsal.client.get("/rehearsal/record")).json()["jobs"] == []


async def test_ten_are_not_too_many(rehearsal):
    body = {"inputs": inputs(*(f"ref=r{number} run=0" for number in range(10)))}
    answer = await rehearsal.client.post(BULK, json=body, headers=HEADERS)
    assert len({execution["execution_id"] for execution in answer.json()["executions"]}) == 10


async def test_a_slip_in_one_of_many_refuses_them_all(rehearsal):
    body = {"inputs": inputs("ref=a run=0", "ref=b outcome=NO_SUCH")}
    answer = await rehearsal.client.post(BULK, json=body, headers=HEADERS)
    assert (answer.status_code, "unknown fault" in answer.text) == (400, True)
    assert (await rehearsal.client.get("/rehearsal/record")).json()["jobs"] == []


async def test_many_need_the_key(rehearsal):
    assert (await rehearsal.client.post(BULK, json={"inputs": inputs("ref=a")})).status_code == 401


async def test_a_cut_in_one_of_many_cuts_the_answer(rehearsal):
    body = {"inputs": inputs("ref=a run=0", "ref=b run=0 submit=cut")}
    with pytest.raises(httpx.RemoteProtocolError):
        await rehearsal.client.post(BULK, json=body, headers=HEADERS)
    assert [(await rehearsal.record("eachlabs", ref))["submits"] for ref in "ab"] == [1, 1]
