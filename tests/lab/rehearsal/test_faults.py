"""Faults at submit and at poll, on every route."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.lab.rehearsal.conftest import FAMILIES, FORWARDS, VENDORS
from tests.lab.rehearsal.test_routes import ROUTES, word

REFUSALS = {
    ("laozhang", "legacy"): {"429": 429, "402": 403, "500": 500, "503": 503},
    **{("laozhang", name): {"429": 429, "402": 402, "500": 500, "503": 503} for name in FORWARDS},
    **{("runblob", name): {"429": 429, "402": 402, "500": 500, "503": 503} for name in [*FAMILIES, "legacy/veo"]},
    **{("aihubmix", vendor): {"429": 429, "402": 403, "500": 500, "503": 503} for vendor in VENDORS},
    ("eachlabs", "workflows"): {"429": 429, "402": 402, "500": 500, "503": 503},
    ("vtrix", "kirin"): {"429": 429, "402": 402, "500": 500, "503": 503},
    ("seacloud", "queue"): {"429": 429, "402": 402, "500": 500, "503": 503},
    ("eachlabs", "predictions"): {"429": 429, "402": 402, "500": 500, "503": 503},
    ("vtrix", "flat"): {"429": 429, "402": 402, "500": 500, "503": 503},
    ("vtrix", "enveloped"): {"429": 429, "402": 402, "500": 500, "503": 503},
}


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
@pytest.mark.parametrize("fault", ["429", "402", "500", "503"])
async def test_the_first_submissions_are_refused(rehearsal, route, fault):
    answers = [(await rehearsal.order(route, f"ref=one run=0 submit={fault}:2")).status_code for _ in range(3)]
    assert [REFUSALS[route][fault]] * 2 == answers[:2]
    assert answers[2] in {200, 201, 202}
    entry = await rehearsal.record(route[0])
    assert (entry["submits"], entry["refused"], entry["refused_with"]) == (1, 2, None)


async def test_eachlabs_says_when_to_come_back(rehearsal):
    answer = await rehearsal.order(("eachlabs", "predictions"), "submit=429")
    assert answer.headers["retry-after"] == "1"
    assert "concurrent executions" in answer.json()["details"]


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_a_cut_answer_leaves_a_job_behind(rehearsal, route):
    with pytest.raises(httpx.RemoteProtocolError):
        await rehearsal.order(route, "ref=one run=0 submit=cut:1")
    entry = await rehearsal.record(route[0])
    assert (entry["submits"], entry["answer_cut"], entry["outcome"]) == (1, True, "completed")
    assert (await rehearsal.poll(route, entry["external_id"])).status_code == 200
    await rehearsal.accepted(route, "ref=one run=0 submit=cut:1")
    assert (await rehearsal.record(route[0]))["submits"] == 2


@pytest.mark.parametrize("words", ["webhok=lost", "outcome=NO_SUCH_CODE", "dialect=hmac2", "submit=418"])
@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_an_unknown_fault_is_refused_aloud(rehearsal, route, words):
    answer = await rehearsal.order(route, words)
    assert answer.status_code == 400
    assert answer.json()["rehearsal"].startswith("unknown fault")
    assert (await rehearsal.client.get("/rehearsal/record")).json()["jobs"] == []


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
@pytest.mark.parametrize(
    ("words", "answers"),
    [
        ("poll=fail:2", [500, 503, 200]),
        ("poll=lag:2", [404, 404, 200]),
        ("poll=limited:1", [429, 200, 200]),
        ("poll=lag:1,fail:1", [404, 503, 200]),
        ("poll=gone", [404, 404, 404]),
    ],
)
async def test_polls_fail_as_told(rehearsal, route, words, answers):
    external_id = await rehearsal.accepted(route, f"ref=one run=0 {words}")
    assert answers == [(await rehearsal.poll(route, external_id)).status_code for _ in answers]
    entry = await rehearsal.record(route[0])
    assert (len(answers), "completed", True) == (entry["polls"], entry["outcome"], entry["has_output"])


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_a_job_is_gone_only_once_it_has_ended(rehearsal, route):
    external_id = await rehearsal.accepted(route, "ref=one run=5 poll=gone")
    assert (await rehearsal.poll(route, external_id)).status_code == 200
    rehearsal.clock.at += 5
    assert (await rehearsal.poll(route, external_id)).status_code == 404


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_a_poll_that_is_behind_tells_the_truth_of_a_second_ago(rehearsal, route):
    external_id = await rehearsal.accepted(route, "ref=one run=5 poll=behind")
    rehearsal.clock.at += 5.5
    behind = (await rehearsal.poll(route, external_id)).json()
    rehearsal.clock.at += 0.6
    assert behind != (await rehearsal.poll(route, external_id)).json()


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_an_odd_word_is_said_and_then_the_truth(rehearsal, route):
    external_id = await rehearsal.accepted(route, "ref=one run=0 poll=odd:1 outcome=empty:1")
    said = (await rehearsal.poll(route, external_id)).json()
    assert word(route, said) == "warming_up"
    assert ".png" not in str(said)
    assert word(route, (await rehearsal.poll(route, external_id)).json()) in {"completed", "success", "COMPLETED"}


EMPTY: dict[tuple[str, str], Callable[..., Any]] = {
    ("laozhang", "legacy"): lambda body: body["data"]["result"],
    ("laozhang", "seedance"): lambda body: body.get("video_url") or body.get("url"),
    ("laozhang", "sora-reverse"): lambda body: body.get("url"),
    **{("runblob", name): lambda body, field=field: body[field] for name, (_, field) in FAMILIES.items()},
    ("runblob", "seedance"): lambda body: body["output"]["video_urls"],
    ("runblob", "legacy/veo"): lambda body: body["video_url"],
    **{("aihubmix", vendor): lambda body: body.get("video_url") or body.get("url") for vendor in VENDORS},
    ("eachlabs", "workflows"): lambda body: body["output"],
    ("vtrix", "kirin"): lambda body: body["output"],
    ("eachlabs", "predictions"): lambda body: body["output"],
    ("vtrix", "flat"): lambda body: body["output"],
    ("vtrix", "enveloped"): lambda body: body["data"]["output"],
}


@pytest.mark.parametrize("route", EMPTY, ids="/".join)
async def test_a_completed_job_stays_empty(rehearsal, route):
    external_id = await rehearsal.accepted(route, "ref=one run=0 outcome=empty")
    for _ in range(3):
        body = (await rehearsal.poll(route, external_id)).json()
        assert word(route, body) in {"completed", "success"}
        assert not EMPTY[route](body)
    entry = await rehearsal.record(route[0])
    assert (entry["outcome"], entry["has_output"], entry["outputs"]) == ("completed", False, [])


@pytest.mark.parametrize("route", [route for route in EMPTY if route[0] != "aihubmix"], ids="/".join)
async def test_an_output_may_come_after_some_answers(rehearsal, route):
    external_id = await rehearsal.accepted(route, "ref=one run=0 outcome=empty:2")
    shown = [bool(EMPTY[route]((await rehearsal.poll(route, external_id)).json())) for _ in range(3)]
    assert shown == [False, False, True]
    assert (await rehearsal.record(route[0]))["has_output"] is True


@pytest.mark.parametrize(
    "route",
    [("laozhang", "sora-forward"), ("laozhang", "veo-forward"), ("laozhang", "sora-reverse"), ("aihubmix", "videos")],
    ids="/".join,
)
async def test_content_is_not_there_while_the_job_looks_empty(rehearsal, route):
    provider = route[0]
    external_id = await rehearsal.accepted(route, "ref=one run=0 outcome=empty:1")
    path, headers = f"/{provider}/v1/videos/{external_id}/content", {"authorization": f"Bearer rehearsal-{provider}"}
    assert (await rehearsal.client.get(path, headers=headers)).status_code == 404
    await rehearsal.poll(route, external_id)
    assert (await rehearsal.client.get(path, headers=headers)).status_code == 200
