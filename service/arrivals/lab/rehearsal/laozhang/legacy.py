"""LaoZhang's legacy VEO route: one submit, one poll, the video at a public URL. No webhooks: LaoZhang has none."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.stand_in import StandIn, failure, outputs, read_json, refusal, text, uuid, vanished
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View

PROVIDER = "laozhang"
MODELS = frozenset({"veo3", "veo3-fast", "veo3-pro", "veo3-pro-frames"})
MAX_PROMPT = 2000
_HALF = 0.5


def _error(status: int, message: str, code: str | None = None, **details: str) -> Outcome:
    body: dict[str, Any] = {"success": False, "message": message}
    if code is not None:
        body["error_code"] = code
    if details:
        body["details"] = details
    return refusal(status, body, code)


# https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting and …/veo/api-reference
# The pages give codes and HTTP statuses, and not which goes with which: the pairs here are ours.
OUTCOMES: Mapping[str, Outcome] = {
    "INVALID_PROMPT": _error(
        400,
        "Invalid prompt",
        "INVALID_PROMPT",
        field="prompt",
        reason="too long or empty",
        suggestion="Check prompt length and content",
    ),
    "INVALID_MODEL": _error(
        400,
        "Model does not exist",
        "INVALID_MODEL",
        field="model",
        reason="unknown",
        suggestion="Use supported model names",
    ),
    "QUOTA_EXCEEDED": _error(429, "Quota exceeded", "QUOTA_EXCEEDED", suggestion="Contact to increase quota"),
    "INVALID_IMAGE_URL": _error(
        400,
        "Invalid image URL",
        "INVALID_IMAGE_URL",
        field="images",
        reason="not reachable",
        suggestion="Ensure image is accessible",
    ),
    "IMAGE_TOO_LARGE": _error(
        400,
        "Image too large",
        "IMAGE_TOO_LARGE",
        field="images",
        reason="over 10MB",
        suggestion="Compress image to under 10MB",
    ),
    "INSUFFICIENT_BALANCE": _error(403, "Insufficient balance", "INSUFFICIENT_BALANCE", suggestion="Top up account"),
    "TASK_NOT_FOUND": vanished(
        404, {"success": False, "message": "Task does not exist", "error_code": "TASK_NOT_FOUND"}, "TASK_NOT_FOUND"
    ),
    "TASK_TIMEOUT": failure({"error_code": "TASK_TIMEOUT", "message": "Task timeout"}, "TASK_TIMEOUT"),
    "failed_in_words": failure("Video generation failed"),
    "failed_without_reason": failure(None),
    "bad_parameters": _error(400, "Invalid parameters"),
    "invalid_key": _error(401, "Invalid API key"),
    "account_restricted": _error(403, "Account disabled or restricted"),
    "wrong_path": _error(404, "Not found"),
    "concurrent_tasks": _error(429, "Too many concurrent tasks: the limit is 10"),
    "request_frequency": _error(429, "Too many requests: the limit is 100 requests/min"),
    "server_error": _error(500, "Internal server error"),
    "bad_gateway": _error(502, "Bad gateway"),
    "service_unavailable": _error(503, "Service unavailable"),
}


def _stage(rehearsal_state: RehearsalState, job: Job, view: View) -> dict[str, Any]:
    if view.progress < _HALF:
        upstream = {"id": job.external_id, "created_at": int(job.accepted_at * 1000), "status": "image_downloading"}
        progress = {"upstreamStatus": "image_downloading", "retryCount": 0, "maxRetries": 3}
        # Not LaoZhang's own host: a client that polls it sends a key to another origin.
        polling_url = f"{rehearsal_state.cdn_origin}/cdn/source/{job.external_id}"
        return {"pollingUrl": polling_url, "upstreamData": upstream, "status": "processing", "progress": progress}
    upstream = {"status": "video_generating", "video_generation_status": "MEDIA_GENERATION_STATUS_ACTIVE"}
    return {"upstreamData": upstream, "status": "processing"}


def _accepted(rehearsal_state: RehearsalState, job: Job) -> Any:
    polling_url = f"{rehearsal_state.cdn_origin}/cdn/source/{job.external_id}"
    task = {
        "taskId": job.external_id,
        "pollingUrl": polling_url,
        "status": "processing",
        "message": "Task submitted successfully",
    }
    return {"success": True, "data": task}


def _state(rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    task: dict[str, Any] = {"taskId": job.external_id, **_stage(rehearsal_state, job, view)}
    if view.odd is not None:
        task["status"] = view.odd
    elif view.phase is Phase.COMPLETED:
        result = (
            {"video_url": url, "video_media_id": "CAUSJGRl"} if (url := next(iter(outputs(job, view)), None)) else {}
        )
        task = {"taskId": job.external_id, "status": "completed", "result": result}
    elif view.phase is Phase.FAILED and job.outcome is not None:
        reason = job.outcome.body
        # No page shows a failed task; its clients read `data.error`, whose type is not documented: both forms are sent.
        task = {
            "taskId": job.external_id,
            "status": "failed",
            "error": job.outcome.code if job.coins[1] and job.outcome.code else reason,
        }
    return {"success": True, "data": task}


def _check(submission: Submission) -> Outcome | None:
    if not submission.prompt or len(submission.prompt) > MAX_PROMPT:
        return OUTCOMES["INVALID_PROMPT"]
    return None if submission.model in MODELS else OUTCOMES["INVALID_MODEL"]


STAND_IN = StandIn(
    provider=PROVIDER,
    route="legacy",
    outcomes=OUTCOMES,
    faults={
        "402": OUTCOMES["INSUFFICIENT_BALANCE"],
        "404": _error(404, "Task does not exist", "TASK_NOT_FOUND"),
        "429": OUTCOMES["concurrent_tasks"],
        "500": OUTCOMES["server_error"],
        "503": OUTCOMES["service_unavailable"],
    },
    unauthorized=lambda _: OUTCOMES["invalid_key"],
    identity=lambda submission, rng: f"{submission.model}:{uuid(rng)}",
    files=lambda rehearsal_state, _submission, external_id, _shape: (
        f"{rehearsal_state.cdn_origin}/cdn/laozhang/{external_id[-12:]}.mp4",
    ),
    accepted=_accepted,
    state=_state,
    check=_check,
)


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The legacy paths."""

    async def submit(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        submission = Submission(prompt=text(body.get("prompt")), model=text(body.get("model"), "veo3"), body=body)
        return await requests.submit(rehearsal_state, STAND_IN, request, submission)

    async def poll(request: Request) -> Response:
        return requests.poll(rehearsal_state, {"legacy": STAND_IN}, request, request.path_params["id"])

    return [
        Route("/veo/v1/api/video/submit", submit, methods=["POST"]),
        Route("/veo/v1/api/video/status/{id}", poll),
    ]
