"""Webhooks and their faults: sent once, lost, late, doubled, forged and the rest."""

import hashlib
import hmac
import json

import pytest

from tests.lab.rehearsal.conftest import SECRET

PHOTO = ("runblob", "kling/o3-photo")
GEMINI = ("runblob", "gemini")
EACHLABS = ("eachlabs", "predictions")
WORKFLOWS = ("eachlabs", "workflows")
KIRIN = ("vtrix", "kirin")
CALLED = [PHOTO, GEMINI, EACHLABS, WORKFLOWS, KIRIN]
SIGNED = {EACHLABS, WORKFLOWS}
FAILING = {EACHLABS: "PROVIDER_FAILED", WORKFLOWS: "model_timeout", KIRIN: "failed_in_words"}  # else TIMEOUT


def says(body):
    """The status word of a webhook."""
    return (payload := json.loads(body)).get("status") or payload["task_status"]


def is_true(route, headers, body):
    """Tells whether a webhook is authenticated as each::labs does it; those of other providers never are."""
    if route not in SIGNED:
        return False
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return headers.get("x-webhook-secret") == SECRET or headers.get("x-webhook-signature") == signed


async def test_runblob_photo_webhook(rehearsal, receiver):
    external_id = await rehearsal.accepted(PHOTO, callback=receiver.url)
    [(path, headers, body)] = await receiver.until(1)
    payload = json.loads(body)
    assert (path, headers["content-type"]) == ("/callbacks/token-abcdefgh", "application/json")
    assert {"generation_id", "status", "image_url", "model", "message"} == set(payload)
    assert (external_id, "completed", None) == (payload["generation_id"], payload["status"], payload["message"])
    entry = await rehearsal.recorded("runblob", sent=1, answered_2xx=1)
    assert [payload["image_url"]] == entry["outputs"]


async def test_gemini_webhook(rehearsal, receiver):
    await rehearsal.accepted(GEMINI, "ref=one run=0 outcome=MODERATION_FAILED", callback=receiver.url)
    [(_, _, body)] = await receiver.until(1)
    payload = json.loads(body)
    assert (payload["status"], payload["result_image_url"], payload["message"]) == ("failed", None, "MODERATION_FAILED")


async def test_eachlabs_webhook_carries_the_secret(rehearsal, receiver):
    external_id = await rehearsal.accepted(EACHLABS, "ref=one run=0 dialect=secret", callback=receiver.url)
    [(_, headers, body)] = await receiver.until(1)
    payload = json.loads(body)
    assert headers["x-webhook-secret"] == SECRET
    assert (external_id, None, "succeeded", "") == tuple(
        payload[key] for key in ("exec_id", "flow_id", "status", "error")
    )
    assert payload["output"]["url"].startswith("http://localhost:")


async def test_eachlabs_failure_webhook(rehearsal, receiver):
    words = "ref=one run=0 dialect=secret outcome=EXECUTION_TIMEOUT"
    await rehearsal.accepted(EACHLABS, words, callback=receiver.url)
    payload = json.loads((await receiver.until(1))[0][2])
    assert payload["status"] == "failed"
    assert payload["output"] == [{"id": "", "status": "", "output": "", "error": "Error: Model timeout after 30s"}]


async def test_eachlabs_older_webhook_is_signed(rehearsal, receiver):
    await rehearsal.accepted(EACHLABS, "ref=one run=0 dialect=hmac", callback=receiver.url)
    [(_, headers, body)] = await receiver.until(1)
    assert {"id", "status", "output", "input", "metrics", "logs"} == set(json.loads(body))
    assert says(body) == "success"
    assert hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest() == headers["x-webhook-signature"]
    assert "x-webhook-secret" not in headers


async def test_eachlabs_speaks_either_dialect_by_its_dice(rehearsal, receiver):
    for number in range(12):
        await rehearsal.accepted(EACHLABS, f"ref=r{number} run=0", callback=receiver.url)
    received = await receiver.until(12)
    assert {True, False} == {"x-webhook-secret" in headers for _, headers, _ in received}


async def test_eachlabs_without_a_secret_signs_nothing(rehearsal, receiver):
    await rehearsal.accepted(EACHLABS, callback=receiver.url, webhook_secret=None)
    [(_, headers, _)] = await receiver.until(1)
    assert not [name for name in headers if name.startswith("x-webhook")]


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_twice(rehearsal, receiver, route):
    await rehearsal.accepted(route, "ref=one run=0 webhook=twice", callback=receiver.url)
    first, second = await receiver.until(2)
    assert first[2] == second[2]
    await rehearsal.recorded(route[0], sent=2, answered_2xx=2)


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_reordered(rehearsal, receiver, route):
    dialect = {EACHLABS: "dialect=secret", KIRIN: "dialect=own"}.get(route, "")
    await rehearsal.accepted(route, f"ref=one run=0 webhook=reordered {dialect}", callback=receiver.url)
    stale = {EACHLABS: ["succeeded", "succeeded"], WORKFLOWS: ["completed"] * 2, KIRIN: ["completed", "in_progress"]}
    expected = stale.get(route, ["completed", "processing"])
    assert expected == [says(body) for _, _, body in await receiver.until(2)]


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_contradiction_is_as_well_authenticated_as_the_truth(rehearsal, receiver, route):
    await rehearsal.accepted(route, "ref=one run=0 webhook=contradiction", callback=receiver.url)
    first, second = await receiver.until(2)
    assert says(first[2]) != "failed"
    assert says(second[2]) == "failed"
    assert is_true(route, first[1], first[2]) == is_true(route, second[1], second[2]) == (route in SIGNED)


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_a_contradiction_of_a_failure_shows_an_output(rehearsal, receiver, route):
    code = FAILING.get(route, "TIMEOUT")
    await rehearsal.accepted(route, f"run=0 webhook=contradiction outcome={code}", callback=receiver.url)
    first, second = await receiver.until(2)
    assert (says(first[2]), b"/cdn/" in second[2]) == ("failed", True)


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_lost(rehearsal, receiver, route):
    await rehearsal.accepted(route, "ref=one run=0 webhook=lost,early", callback=receiver.url)
    await rehearsal.accepted(route, "ref=two run=0", callback=receiver.url)
    await rehearsal.recorded(route[0], "two", sent=1, answered_2xx=1)
    entry = await rehearsal.recorded(route[0], sent=0, lost=True)
    assert entry["outcome"] == "completed"
    assert len(receiver.received) == 1


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_late(rehearsal, receiver, route):
    await rehearsal.accepted(route, "ref=never run=0 webhook=late:100000", callback=receiver.url)
    await rehearsal.accepted(route, "ref=late run=0 webhook=late:1", callback=receiver.url)
    await rehearsal.recorded(route[0], "late", sent=1, answered_2xx=1)
    assert (await rehearsal.record(route[0], "never"))["webhooks"]["sent"] == 0


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_early_is_answered_before_the_submission(rehearsal, receiver, route):
    external_id = await rehearsal.accepted(route, "ref=one run=60 webhook=early", callback=receiver.url)
    assert external_id.encode() in receiver.received[0][2]
    assert (await rehearsal.poll(route, external_id)).status_code == 200
    assert (await rehearsal.recorded(route[0], sent=1, answered_2xx=1))["outcome"] == "completed"


async def test_early_is_tried_again_where_it_was_refused(rehearsal, receiver):
    receiver.answers = [503]
    await rehearsal.accepted(PHOTO, "ref=one webhook=early", callback=receiver.url)
    await rehearsal.recorded("runblob", sent=2, answered_2xx=1)


@pytest.mark.parametrize("route", CALLED, ids="/".join)
@pytest.mark.parametrize("code", ["completed", "failed"])
async def test_forged(rehearsal, receiver, route, code):
    failing = FAILING.get(route, "TIMEOUT")
    outcome = failing if code == "failed" else code
    forged = set()
    for number in range(12):
        receiver.received.clear()
        ref = f"r{number}"
        await rehearsal.accepted(route, f"ref={ref} run=0 webhook=forged outcome={outcome}", callback=receiver.url)
        entry = await rehearsal.recorded(route[0], ref, sent=1, answered_2xx=1)
        lies, truth = receiver.received[:-1], receiver.received[-1]
        assert is_true(route, truth[1], truth[2]) == (route in SIGNED)
        assert not [1 for _, headers, body in lies if is_true(route, headers, body)]
        assert {says(truth[2]) == "failed"} != {says(body) == "failed" for _, _, body in lies}
        wrong = [path for path, _, _ in lies if path != truth[0]]
        assert (len(lies), len(wrong)) == (entry["webhooks"]["forged_sent"], entry["webhooks"]["forged_refused"])
        assert all(path.startswith("/callbacks/token-abcd") for path in wrong)
        forged.add(len(lies))
    assert {1, 2} == forged


async def test_unreadable_comes_first_and_is_signed(rehearsal, receiver):
    await rehearsal.accepted(EACHLABS, "ref=one run=0 webhook=unreadable dialect=hmac", callback=receiver.url)
    first, second = await receiver.until(2)
    with pytest.raises(json.JSONDecodeError):
        json.loads(first[2])
    assert is_true(EACHLABS, first[1], first[2])
    assert says(second[2]) == "success"


async def test_unreadable_may_be_all_that_comes(rehearsal, receiver):
    await rehearsal.accepted(GEMINI, "ref=one run=0 webhook=unreadable,lost", callback=receiver.url)
    await receiver.until(1)
    await rehearsal.recorded("runblob", sent=1, lost=True)


@pytest.mark.parametrize("route", [PHOTO, EACHLABS], ids="/".join)
async def test_huge_comes_first_and_is_refused_apart(rehearsal, receiver, route):
    await rehearsal.accepted(route, "ref=one run=0 webhook=huge", callback=receiver.url)
    first, second = await receiver.until(2)
    assert int(first[1]["content-length"]) == 12 * 1024 * 1024
    assert says(second[2]) != "failed"
    await rehearsal.recorded(route[0], sent=2, answered_2xx=1, refused_4xx=0, huge_refused=1)


@pytest.mark.parametrize("route", CALLED, ids="/".join)
async def test_chunked_says_nothing_of_its_length(rehearsal, receiver, route):
    await rehearsal.accepted(route, "ref=one run=0 webhook=twice,chunked", callback=receiver.url)
    first, second = await receiver.until(2)
    assert ["chunked"] * 2 == [headers["transfer-encoding"] for _, headers, _ in (first, second)]
    assert says(first[2]) != "failed"
    assert first[2] == second[2]


@pytest.mark.parametrize(
    ("route", "tries"), [(PHOTO, 5), (GEMINI, 4), (EACHLABS, 3), (WORKFLOWS, 3), (KIRIN, 3)], ids=str
)
async def test_a_webhook_is_tried_as_often_as_documented(rehearsal, receiver, route, tries):
    receiver.answers = [500] * 9
    await rehearsal.accepted(route, callback=receiver.url)
    await receiver.until(tries)
    await rehearsal.recorded(route[0], sent=tries, answered_2xx=0)
    receiver.answers = [404]
    answer = await rehearsal.client.post(f"/rehearsal/webhooks/{route[0]}/one")
    assert answer.json() == {"answered": 404}
    await rehearsal.recorded(route[0], sent=tries + 1, refused_4xx=1, answers={"500": tries, "404": 1})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/nobody", "not a URL", "ftp://127.0.0.1/x"])
async def test_a_receiver_that_is_not_there_does_no_harm(rehearsal, url):
    await rehearsal.accepted(GEMINI, callback=url)
    await rehearsal.recorded("runblob", sent=4, answered_2xx=0, refused_4xx=0, answers={"none": 4})


async def test_the_closing_webhook_can_be_had_again(rehearsal, receiver):
    await rehearsal.accepted(GEMINI, "ref=one run=0 webhook=lost", callback=receiver.url)
    answer = await rehearsal.client.post("/rehearsal/webhooks/runblob/one")
    assert answer.json() == {"answered": 200}
    assert says((await receiver.until(1))[0][2]) == "completed"
    await rehearsal.accepted(GEMINI, "ref=two run=9", callback=receiver.url)
    assert (await rehearsal.client.post("/rehearsal/webhooks/runblob/two")).status_code == 409
    assert (await rehearsal.client.post("/rehearsal/webhooks/runblob/three")).status_code == 404


async def test_nobody_is_called_where_no_url_was_given(rehearsal):
    await rehearsal.accepted(GEMINI)
    assert (await rehearsal.client.post("/rehearsal/webhooks/runblob/one")).status_code == 404


async def test_an_output_may_come_after_the_webhook(rehearsal, receiver):
    external_id = await rehearsal.accepted(PHOTO, "ref=one run=0 outcome=empty:1", callback=receiver.url)
    [(_, _, body)] = await receiver.until(1)
    assert (says(body), json.loads(body)["image_url"]) == ("completed", None)
    assert (await rehearsal.poll(PHOTO, external_id)).json()["image_url"]


async def test_a_vanished_job_calls_nobody(rehearsal, receiver):
    await rehearsal.accepted(PHOTO, "ref=one run=0 outcome=generation_not_found", callback=receiver.url)
    await rehearsal.accepted(PHOTO, "ref=two run=0", callback=receiver.url)
    await rehearsal.recorded("runblob", "two", sent=1)
    await rehearsal.recorded("runblob", sent=0)
