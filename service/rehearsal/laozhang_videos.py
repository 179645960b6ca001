"""LaoZhang's `/v1/videos` as the Sora 2 official forward has it: a form, and the film behind the key. No webhooks."""

from collections.abc import Mapping
from email import policy
from email.parser import BytesParser
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.rehearsal import door
from service.rehearsal.desk import Desk, failure, refusal, token, vanished
from service.rehearsal.world import Asked, Job, Outcome, Phase, View, World

PROVIDER = "laozhang"
MODELS = frozenset({"sora-2", "sora-2-pro"})


def _error(status: int, message: str, kind: str, code: str | None = None) -> Outcome:
    return refusal(status, {"error": {"message": message, "type": kind, "code": code, "param": None}}, code)


# https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward and https://docs.laozhang.ai/en/api-manual
OUTCOMES: Mapping[str, Outcome] = {
    "invalid_api_key": _error(401, "Invalid API key", "authentication_error", "invalid_api_key"),
    "authentication_error": _error(401, "Authentication failed", "authentication_error"),
    "insufficient_balance": _error(402, "Insufficient balance", "insufficient_quota", "insufficient_balance"),
    "insufficient_quota": _error(429, "You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
    "model_not_found": _error(404, "The model does not exist", "invalid_request_error", "model_not_found"),
    "invalid_request_error": _error(400, "Invalid request", "invalid_request_error"),
    "invalid_parameter": _error(400, "Invalid parameter: seconds", "invalid_request_error", "invalid_parameter"),
    "image_fetch_failed": _error(400, "Failed to fetch image", "invalid_request_error", "image_fetch_failed"),
    "invalid_image_format": _error(400, "Invalid image format", "invalid_request_error", "invalid_image_format"),
    "image_too_large": _error(400, "Image too large", "invalid_request_error", "image_too_large"),
    "model_not_support_image": _error(
        400, "Model does not support images", "invalid_request_error", "model_not_support_image"
    ),
    "rate_limit_exceeded": _error(429, "Rate limit exceeded", "rate_limit_error", "rate_limit_exceeded"),
    "server_error": _error(500, "Internal server error", "server_error", "server_error"),
    "service_unavailable": _error(503, "Service unavailable", "server_error"),
    "task_expired": vanished(
        404, {"error": {"message": "Task not found", "type": "invalid_request_error", "code": None, "param": None}}
    ),
    "generation_failed": failure({"message": "generation failed"}),
    "moderation_blocked": failure(
        {"code": "moderation_blocked", "message": "Content policy violation"}, "moderation_blocked"
    ),
    "failed_in_words": failure("Content policy violation"),
}


def _accepted(_world: World, job: Job) -> Any:
    asked = job.asked.body
    return {
        **_head(job, "queued", 0),
        "model": job.asked.model,
        "size": asked.get("size", "720x1280"),
        "seconds": asked.get("seconds", "4"),
    }


def _head(job: Job, word: str, progress: int) -> dict[str, Any]:
    return {
        "id": job.external_id,
        "object": "video",
        "status": word,
        "progress": progress,
        "created_at": int(job.accepted_at),
    }


def _state(_world: World, job: Job, view: View) -> Any:
    if view.odd is not None:
        return _head(job, view.odd, 0)
    if view.phase is Phase.COMPLETED:
        return {**_head(job, "completed", 100), "completed_at": int(job.ends_at)}
    if view.phase is Phase.FAILED and job.outcome is not None:
        return {**_head(job, "failed", 0), "error": job.outcome.body}
    return _head(job, "queued" if view.phase is Phase.QUEUED else "in_progress", int(view.progress * 100))


def _check(asked: Asked) -> Outcome | None:
    if not asked.prompt:
        return OUTCOMES["invalid_request_error"]  # also where the body was not multipart/form-data
    return None if asked.model in MODELS else OUTCOMES["model_not_found"]


def _id(_asked: Asked, dice: Random) -> str:
    return f"video_{token(dice, 32)}"


DESK = Desk(
    provider=PROVIDER,
    route="videos",
    outcomes=OUTCOMES,
    faults={
        "402": OUTCOMES["insufficient_balance"],
        "404": _error(404, "Task not found", "invalid_request_error"),
        "429": OUTCOMES["rate_limit_exceeded"],
        "500": OUTCOMES["server_error"],
        "503": OUTCOMES["service_unavailable"],
    },
    unauthorized=lambda _: OUTCOMES["invalid_api_key"],
    identity=_id,
    files=lambda world, _asked, external_id, _shape: (f"{world.origin}/laozhang/v1/videos/{external_id}/content",),
    accepted=_accepted,
    state=_state,
    check=_check,
)


def form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a multipart/form-data body, each as text; nothing where it is not such a body."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parts = BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts()
    fields = {}
    for part in parts:
        name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            fields[name] = value.decode(errors="replace")
    return fields


def routes(world: World) -> list[Route]:
    """The paths of `/v1/videos`."""

    async def submit(request: Request) -> Response:
        body = form(request.headers.get("content-type", ""), await request.body())
        asked = Asked(prompt=body.get("prompt", ""), model=body.get("model", ""), body=body)
        return await door.submit(world, DESK, request, asked)

    async def poll(request: Request) -> Response:
        return door.poll(world, {"videos": DESK}, request, request.path_params["id"])

    async def content(request: Request) -> Response:
        return door.content(world, DESK, request, request.path_params["id"])

    return [
        Route("/v1/videos", submit, methods=["POST"]),
        Route("/v1/videos/{id}", poll),
        Route("/v1/videos/{id}/content", content),
    ]
