"""SeaCloud's side of the wire: the queue. It sends no webhooks and refuses orders that ask for them.

A job that is `COMPLETED` has ended, successfully only if there is no `error`; its outputs are on a path of their own.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from string import ascii_lowercase, digits
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.files import MP4, file_name, picture
from arrivals.lab.rehearsal.stand_in import (
    StandIn,
    failure,
    outputs,
    read_json,
    refusal,
    strings,
    text,
    token,
    vanished,
)
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View, Where

PROVIDER = "seacloud"
ROUTE = "queue"
FILM_WORDS = ("video", "veo", "kling", "sora", "wan", "t2v", "i2v", "seedance", "hailuo")
CALLBACK_WORDS = ("webhook", "callback")
MAX_FILES = 4
PLAIN, TYPED, CODED = 0, 1, 2  # the job's shape: what `error` is; a sentence, an object beside `error_type`, or alone


def _enveloped(status: int, code: str, message: str) -> Outcome:
    return refusal(status, {"error": {"code": code, "message": message}, "request_id": "{tid}"}, code)


def _balance(code: int) -> Outcome:
    body = {"status": {"code": 402, "message": "Insufficient credits", "error_code": code}, "data": None}
    return refusal(402, body, str(code))


# https://cloud.seaart.ai/docs/model-api/multimodal/errors, …/poll, …/submit; github.com/SeaCloudAI/seacloud-cli
OUTCOMES_QUEUE: Mapping[str, Outcome] = {
    # `error_type` of a job that has ended badly
    "INFERENCE_FAILURE": failure("Task execution failed", "INFERENCE_FAILURE"),
    "INFERENCE_TIMEOUT": failure("Task execution timed out", "INFERENCE_TIMEOUT"),
    "REQUEST_INVALID": failure("Provider rejected request", "REQUEST_INVALID"),
    "CONTENT_BLOCKED": failure("Content was blocked by the safety system", "CONTENT_BLOCKED"),
    "CANCELED": Outcome(where=Where.CANCELED, body="Task was canceled", code="CANCELED"),
    "INTERNAL_SERVER_ERROR": failure("Internal server error", "INTERNAL_SERVER_ERROR"),
    # refused at submit
    "UNAUTHORIZED": _enveloped(401, "UNAUTHORIZED", "Invalid API key"),
    "RATE_LIMIT_EXCEEDED": _enveloped(429, "RATE_LIMIT_EXCEEDED", "Rate limit exceeded"),
    "app_not_found": refusal(404, {"detail": "App not found: {model}"}),
    "model_not_allowed": refusal(403, {"detail": "Model not allowed for this user"}),
    "runtime_failed": refusal(500, {"detail": "Runtime execution failed"}),
    "unavailable": refusal(503, {"detail": "Service temporarily unavailable"}),
    "webhook_not_supported": refusal(400, {"detail": "webhook not supported"}),
    "sse_not_supported": refusal(400, {"detail": "SSE streaming not supported"}),
    "invalid_body": refusal(422, {"detail": "Request body must be a JSON object"}),
    **{str(code): _balance(code) for code in range(40201, 40209)},
    "NOT_FOUND": vanished(404, {"error": {"code": "NOT_FOUND", "message": "Request not found"}, "request_id": "{tid}"}),
}
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {ROUTE: OUTCOMES_QUEUE}
_WORDS = {Phase.QUEUED: "IN_QUEUE", Phase.RUNNING: "IN_PROGRESS"}


def _urls(rehearsal_state: RehearsalState, job: Job) -> dict[str, str]:
    own = f"{rehearsal_state.origin}/seacloud/model/v1/queue/{job.submission.model}/requests/{job.external_id}"
    return {"response_url": f"{own}/response", "status_url": f"{own}/status", "cancel_url": f"{own}/cancel"}


def _accepted(rehearsal_state: RehearsalState, job: Job) -> Any:
    return {"request_id": job.external_id, **_urls(rehearsal_state, job), "queue_position": 0}


def _state(rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    body = {
        "status": view.odd or _WORDS.get(view.phase, "COMPLETED"),
        "request_id": job.external_id,
        "response_url": _urls(rehearsal_state, job)["response_url"],
    }
    if view.odd is not None:
        return body
    if view.phase is Phase.QUEUED:
        return {**body, "queue_position": 0}
    if view.phase is Phase.COMPLETED:
        return {**body, "metrics": {"inference_time": round(job.run_s, 2)}}
    if view.phase is Phase.CANCELED:
        return {**body, **_error(job, OUTCOMES_QUEUE["CANCELED"])}
    if view.phase is Phase.FAILED and job.outcome is not None:
        return {**body, **_error(job, job.outcome)}
    return body


def _error(job: Job, outcome: Outcome) -> dict[str, Any]:
    message, kind = outcome.body, outcome.code
    if job.shape == PLAIN:
        return {"error": message, "error_type": kind}
    fields = {
        "error": {"code": kind, "message": message},
        "provider_error": {"code": "InvalidParameter", "message": message, "task_status": "FAILED"},
        "logs": [{"message": message, "timestamp": "2026-06-27T10:12:27Z"}],
    }
    return fields if job.shape == CODED else {**fields, "error_type": kind}


def _result(job: Job, view: View) -> Any:
    items = [_item(url) for url in outputs(job, view)]
    return {"request_id": job.external_id, "outputs": items, "metadata": {"prompt": job.submission.prompt}}


def _item(url: str) -> dict[str, Any]:
    name = file_name(url)
    item = {"url": url, "file_name": name}
    if name.endswith(".mp4"):
        return {**item, "type": "video", "content_type": "video/mp4", "file_size": len(MP4), "duration": 5}
    return {**item, "type": "image", "content_type": "image/png", "file_size": len(picture(name))}


def _check(submission: Submission) -> Outcome | None:
    return None if isinstance(submission.body, dict) and submission.body else OUTCOMES_QUEUE["invalid_body"]


def _forbidden(request: Request, body: Any) -> Outcome | None:
    """The refusal of an order that asks for a webhook or a stream, in its body, its query or its headers."""
    names = [*(body if isinstance(body, dict) else ()), *request.query_params, *request.headers]
    if any(word in name.lower() for name in names for word in CALLBACK_WORDS):
        return OUTCOMES_QUEUE["webhook_not_supported"]
    streams = "text/event-stream" in request.headers.get("accept", "")
    return OUTCOMES_QUEUE["sse_not_supported"] if streams else None


def _files(rehearsal_state: RehearsalState, submission: Submission, external_id: str, _shape: int) -> tuple[str, ...]:
    ending = "mp4" if any(word in submission.model for word in FILM_WORDS) else "png"
    return tuple(
        f"{rehearsal_state.cdn_origin}/cdn/seacloud/{external_id}-{number}.{ending}"
        for number in range(submission.count)
    )


def _identity(_submission: Submission, rng: Random) -> str:
    return f"mmsu_{token(rng, 26, ascii_lowercase + digits)}"


STAND_IN = StandIn(
    provider=PROVIDER,
    route=ROUTE,
    outcomes=OUTCOMES_QUEUE,
    faults={
        "402": OUTCOMES_QUEUE["40201"],
        "404": OUTCOMES_QUEUE["NOT_FOUND"],
        "429": OUTCOMES_QUEUE["RATE_LIMIT_EXCEEDED"],
        "500": OUTCOMES_QUEUE["runtime_failed"],
        "503": OUTCOMES_QUEUE["unavailable"],
    },
    unauthorized=lambda _: OUTCOMES_QUEUE["UNAUTHORIZED"],
    identity=_identity,
    files=_files,
    accepted=_accepted,
    state=_state,
    check=_check,
    schemes=("Bearer", "Key"),
)


def _submission(request: Request, body: Any) -> Submission:
    fields = body if isinstance(body, dict) else {}
    count = fields.get("num_images", fields.get("n", 1))
    return Submission(
        prompt=text(fields.get("prompt")) or next(iter(strings(fields)), ""),
        model=request.path_params["model"],
        body=body,
        count=count if isinstance(count, int) and 1 <= count <= MAX_FILES else 1,
    )


def _response(lookup: requests.Lookup, rehearsal_state: RehearsalState, request: Request) -> Response:
    """The outputs of the job or, until it has ended, its state."""
    if lookup.view.phase in _WORDS or lookup.view.odd is not None:
        return lookup.answer(202, _state(rehearsal_state, lookup.job, lookup.view))
    if lookup.view.phase is not Phase.COMPLETED:
        return requests.error(STAND_IN, OUTCOMES_QUEUE["runtime_failed"], request, lookup.job.submission)
    return lookup.answer(200, _result(lookup.job, lookup.view))


def _cancel(job: Job, now: float) -> Response:
    if job.phase(now) not in _WORDS:
        return requests.reply(400, {"status": "ALREADY_COMPLETED"})
    job.canceled_at = now
    return requests.reply(202, {"status": "CANCELLATION_REQUESTED"})


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """SeaCloud's paths."""

    async def submit(request: Request) -> Response:
        body = read_json(await request.body())
        stand_in = replace(STAND_IN, check=lambda submission: _forbidden(request, body) or _check(submission))
        return await requests.submit(rehearsal_state, stand_in, request, _submission(request, body))

    def look_up(request: Request, *, shows: bool) -> requests.Lookup | Response:
        return requests.look_up(rehearsal_state, {ROUTE: STAND_IN}, request, request.path_params["id"], shows=shows)

    async def status(request: Request) -> Response:
        lookup = look_up(request, shows=False)
        return (
            lookup
            if isinstance(lookup, Response)
            else lookup.answer(200, _state(rehearsal_state, lookup.job, lookup.view))
        )

    async def response(request: Request) -> Response:
        lookup = look_up(request, shows=True)
        return lookup if isinstance(lookup, Response) else _response(lookup, rehearsal_state, request)

    async def cancel(request: Request) -> Response:
        job = requests.authorized_job(rehearsal_state, STAND_IN, request, request.path_params["id"])
        if isinstance(job, Job):
            return _cancel(job, rehearsal_state.now())
        unknown = job.status_code == STAND_IN.faults["404"].status
        return requests.reply(404, {"status": "NOT_FOUND"}) if unknown else job

    own = "/model/v1/queue/{model:path}"
    return [
        Route(f"{own}/requests/{{id}}/status", status),
        Route(f"{own}/requests/{{id}}/response", response),
        Route(f"{own}/requests/{{id}}/cancel", cancel, methods=["PUT"]),
        Route(own, submit, methods=["POST"]),
    ]
