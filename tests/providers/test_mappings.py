"""Words of providers that public reports show, wherever they may stand, and what each of them means."""

import pytest

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Status
from arrivals.core.http import HttpReply, InboundWebhook
from arrivals.core.wire import to_json
from arrivals.providers._shared.reading import read_message, read_stream_event
from arrivals.providers.contract import Refused
from tests.support.requests import adapter_of, target


def failure_in(provider, model, reads, body, http_status=200):
    """The failure that this answer, or webhook, reports."""
    adapter, about = adapter_of(provider, model), target(provider, model, "x-1")
    content = to_json(body).encode()
    if reads == "webhook":
        return read_message(adapter.read_webhook, InboundWebhook(body=content), about).failure
    if reads == "stream":
        return read_stream_event(adapter.read_event, content, about).failure
    reader = adapter.read_submitted if reads == "submit" else adapter.poll.parse
    try:
        return read_message(reader, HttpReply(http_status=http_status, body=content), about).failure
    except Refused as refused:
        return refused.failure


TIMED_OUT = [
    (200, {"success": True, "data": {"taskId": "x-1", "status": "failed", "error": "TASK_TIMEOUT"}}),
    (200, {"success": True, "data": {"taskId": "x-1", "status": "failed", "error": {"code": "TASK_TIMEOUT"}}}),
    (200, {"success": True, "data": {"taskId": "x-1", "status": "failed", "error": {"message": "TASK_TIMEOUT"}}}),
    (200, {"success": True, "data": {"taskId": "x-1", "status": "failed", "error_code": "TASK_TIMEOUT"}}),
    (200, {"success": True, "data": {"taskId": "x-1", "status": "failed", "message": "TASK_TIMEOUT"}}),
    (200, {"success": True, "error_code": "TASK_TIMEOUT", "data": {"taskId": "x-1", "status": "failed"}}),
    (200, {"success": False, "message": "Task timed out", "error_code": "TASK_TIMEOUT"}),
    (200, {"success": False, "message": "TASK_TIMEOUT"}),
    (408, {"success": False, "message": "late", "details": {"reason": "TASK_TIMEOUT"}}),
    (504, {"success": False, "error_code": "task_timeout"}),
    (500, {"error": {"message": "late", "type": "TASK_TIMEOUT"}}),
]


@pytest.mark.parametrize(("http_status", "body"), TIMED_OUT, ids=range(len(TIMED_OUT)))
def test_laozhangs_task_timeout_is_its_own_and_costs_nothing_wherever_it_stands(http_status, body):
    failure = failure_in("laozhang", "veo3", "poll", body, http_status)

    assert (FailureCode.PROVIDER_TIMEOUT, False) == (failure.code, failure.billed)


@pytest.mark.parametrize(
    "error",
    ["TASK_TIMEOUT", {"code": "TASK_TIMEOUT"}, {"message": "TASK_TIMEOUT"}, {"error_code": "TASK_TIMEOUT"}],
    ids=str,
)
def test_and_on_its_videos(error):
    failure = failure_in("laozhang", "sora-2", "poll", {"id": "x-1", "status": "failed", "error": error})

    assert (FailureCode.PROVIDER_TIMEOUT, False) == (failure.code, failure.billed)


@pytest.mark.parametrize(
    ("message", "code", "retryable"),
    [
        (
            "Incorrect model ID. Please request to view the model page or you do not have permission to use this model",
            "model_not_found",
            False,
        ),
        ("No available channel to handle request: rate limited by provider", "model_unavailable", True),
        ("Rate limited by provider", "rate_limited", True),
    ],
)
def test_aihubmix_503_means_what_its_sentence_says(message, code, retryable):
    failure = failure_in(
        "aihubmix", "sora-2", "submit", {"error": {"message": message, "type": "Aihubmix_api_error"}}, 503
    )

    assert (code, retryable) == (failure.code, failure.retryable)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no", "tid": "t-7"}},
        {"error": {"message": "no"}, "tid": "t-7"},
        {"error": {"message": "no (tid: t-7)"}},
    ],
)
def test_aihubmix_tid_is_a_trace_id_wherever_it_stands(body):
    assert "t-7" == failure_in("aihubmix", "sora-2", "submit", body, 400).trace_id


@pytest.mark.parametrize("code", ["GOOGLE_DECLINED", "OPENAI_DECLINED", "google_declined"])
@pytest.mark.parametrize("reads", ["poll", "webhook"])
def test_runblobs_upstream_that_declined_is_an_error_of_the_provider(reads, code):
    failure = failure_in("runblob", "gemini", reads, {"task_uuid": "x-1", "status": "failed", "message": code})

    assert (FailureCode.PROVIDER_ERROR, code, False) == (failure.code, failure.provider_code, failure.billed)


def test_runblobs_new_code_says_more_than_that_it_failed():
    webhook = failure_in(
        "runblob", "kling/o3-photo", "webhook", {"generation_id": "x-1", "status": "failed", "message": "NEW_RULE"}
    )
    polled = failure_in("runblob", "kling/o3-photo", "poll", {"generation_id": "x-1", "status": "failed"})

    assert (FailureCode.UNKNOWN, "NEW_RULE") == (
        polled.filled_from(webhook).code,
        polled.filled_from(webhook).provider_code,
    )
    assert make_failure(FailureCode.PROVIDER_ERROR).code is polled.code


@pytest.mark.parametrize("frame", [{"video_urls": []}, {"video_urls": None}, {}])
def test_last_frame_alone_is_no_video(frame):
    about = target("runblob", "seedance", "x-1")
    body = {"task_uuid": "x-1", "status": "completed", "output": {**frame, "last_frame_url": "https://cdn.test/f.png"}}

    reading = read_message(
        adapter_of("runblob", "seedance").poll.parse, HttpReply(http_status=200, body=to_json(body).encode()), about
    )

    assert (Status.COMPLETED, ()) == (reading.status, reading.outputs)


RESERVED = "the estimated cost of your in-flight executions exceeds your current balance ($1.00). please wait for them"


@pytest.mark.parametrize("model", ["flux-1-1-pro", "workflows/fox/v1"])
def test_eachlabs_balance_that_is_only_reserved_comes_back(model):
    body = {"status": 402, "error": "payment required", "details": RESERVED}

    failure = failure_in("eachlabs", model, "submit", body, 402)

    assert (FailureCode.INSUFFICIENT_FUNDS, True) == (failure.code, failure.retryable)
    assert failure_in("eachlabs", model, "submit", {"error": "insufficient balance"}, 402).retryable is False


# (provider, model, channel, HTTP status, what was said, what of it is kept beside our words)
FACTS = [
    (
        "eachlabs",
        "eachsense/beta",
        "stream",
        200,
        {
            "type": "error",
            "error_code": "INSUFFICIENT_BALANCE",
            "message": "no",
            "details": {"top_up_url": "https://u", "current_balance": 0.1},
        },
        {"top_up_url": "https://u", "current_balance": 0.1},
    ),
    (
        "eachlabs",
        "flux-1-1-pro",
        "poll",
        200,
        {
            "id": "x-1",
            "status": "error",
            "output": {"error_code": "PROVIDER_FAILED", "provider_error_code": "E77", "error": "no"},
        },
        {"output": {"provider_error_code": "E77"}},
    ),
    (
        "laozhang",
        "veo3",
        "submit",
        400,
        {"success": False, "message": "no", "error_code": "INVALID_PROMPT", "details": {"reason": "2001 characters"}},
        {"reason": "2001 characters"},
    ),
    (
        "runblob",
        "gemini",
        "submit",
        422,
        {"detail": [{"loc": ["body", "prompt"], "msg": "too long"}, {"loc": ["body", "model"], "msg": "unknown"}]},
        {"detail": [{"loc": ["body"]}, {"loc": ["body", "model"], "msg": "unknown"}]},
    ),
]


@pytest.mark.parametrize(("provider", "model", "reads", "http_status", "said", "kept"), FACTS, ids=range(len(FACTS)))
def test_what_stands_beside_our_words_is_kept(provider, model, reads, http_status, said, kept):
    details = failure_in(provider, model, reads, said, http_status).details

    assert kept == {name: value for name, value in details.items() if name in kept}


def test_what_a_result_says_beside_our_words_is_kept():
    body = {
        "id": "x-1", "status": "completed", "model": "wan26_t2i",
        "output": [{"content": [{"type": "image", "url": "https://cdn.test/1.png", "jobId": "job-3"}]}],
        "usage": {"cost": "0.03", "discount": 1, "image_count": 1}, "metadata": {"region": "eu"},
    }  # fmt: skip
    about = target("vtrix", "wan26_t2i", "x-1")

    reading = read_message(
        adapter_of("vtrix", "wan26_t2i").poll.parse, HttpReply(http_status=200, body=to_json(body).encode()), about
    )

    assert {"discount": 1, "image_count": 1} == reading.provider_details["usage"]
    assert {"region": "eu"} == reading.provider_details["metadata"]
    assert "job-3" in str(reading.provider_details["output"])
