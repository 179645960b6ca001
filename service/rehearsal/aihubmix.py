"""AiHubMix's side of the wire: `/v1/videos` in JSON. It sends no webhooks.

A finished film stands in one of three places, as the job's dice have it.
"""
# ruff: noqa: RUF001 - the dashes are the provider's own

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.rehearsal import door
from service.rehearsal.desk import Desk, failure, outputs, read_json, refusal, text, token, vanished
from service.rehearsal.world import Asked, Job, Outcome, Phase, View, World

PROVIDER = "aihubmix"
INLINE, ELSEWHERE = 0, 1  # the job's shape: `video_url` behind the key, `url` on the CDN; else nothing but /content
EXPIRES_S = 24 * 3600


def _error(status: int, message: str, code: str | None = None) -> Outcome:
    body: dict[str, Any] = {"message": f"{message} (tid: {{tid}})", "type": "Aihubmix_api_error", "param": ""}
    if code is not None:
        body["code"] = code
    return refusal(status, {"error": body}, code)


# https://docs.aihubmix.com/en/FAQs/HTTP-Codes: HTTP status, identifier (none in most rows), message
OUTCOMES_VIDEOS: Mapping[str, Outcome] = {
    "no_available_channel": _error(
        503, "Incorrect model ID. Please request to view the model page or you do not have permission to use this model"
    ),
    "provider_rate_limited": _error(
        503, "Rate limited by provider – contact support to request higher concurrency or try again later."
    ),
    "too_many_requests": _error(429, "The {model} model Too many requests; please try again later."),
    "insufficient_user_quota": _error(
        403,
        "Your account balance is insufficient. Please recharge your account to continue using the API.",
        "insufficient_user_quota",
    ),
    "account_suspended": _error(403, "Account suspended."),
    "insufficient_permissions": _error(403, "Forbidden – insufficient permissions."),
    "ip_not_allowed": _error(403, "Forbidden – key({key}) allowed only from approved IP ranges."),
    "model_not_allowed": _error(403, "Forbidden – key({key}) not authorized to access the requested model."),
    "key_error": _error(403, "Key error;({key})"),
    "channel_disabled": _error(403, "Forbidden – channel has been disabled."),
    "no_token": _error(401, "Unauthorized – no access token supplied; please log in and include a valid token."),
    "token_invalid": _error(401, "Unauthorized – access token is invalid or expired."),
    "invalid_channel_id": _error(400, "Bad Request – invalid channel ID."),
    "prompt_missing": _error(400, "prompt is required", "prompt_missing"),
    "prompt_too_long": _error(400, "prompt is too long", "prompt_too_long"),
    "text_too_long": _error(400, "input is too long", "text_too_long"),
    "size_not_supported": _error(400, "size not supported", "size_not_supported"),
    "n_not_within_range": _error(400, "invalid value of n", "n_not_within_range"),
    # Not in the table; seen on the wire by its users.
    "no_key_provided": _error(401, "no key provided"),
    "no_valid_channel_error": _error(500, "no_valid_channel_error"),
    "token_not_retrieved": _error(500, "Failed to retrieve token"),
    "task_not_found": vanished(
        404, {"error": {"message": "video not found (tid: {tid})", "type": "Aihubmix_api_error", "param": ""}}
    ),
    # The four places its own client reads a failed video's reason from: github.com/AIhubmix/aihubmix-media-adapters
    "generation_failed": failure(
        {"error": {"code": "generation_failed", "message": "The generation failed"}}, "generation_failed"
    ),
    "moderation_blocked": failure(
        {"error": {"code": "moderation_blocked", "message": "Blocked by moderation"}}, "moderation_blocked"
    ),
    "failed_in_words": failure({"error": "The generation failed"}),
    "failed_with_reason": failure({"failure_reason": "The generation failed"}),
    "failed_with_message": failure({"message": "The generation failed"}),
}
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {"videos": OUTCOMES_VIDEOS}
_WORDS = {Phase.QUEUED: "queued", Phase.RUNNING: "in_progress", Phase.COMPLETED: "completed", Phase.FAILED: "failed"}


def _identity(asked: Asked, dice: Random) -> str:
    inner = msgspec.json.encode({"model": asked.model, "id": f"video_{token(dice, 48)}", "provider": "rehearsal"})
    return f"{urlsafe_b64encode(inner).decode().rstrip('=')}channel{dice.randrange(1000, 9999)}"


def _files(world: World, _asked: Asked, external_id: str, shape: int) -> tuple[str, ...]:
    if shape == ELSEWHERE:
        return (f"{world.cdn_origin}/cdn/aihubmix/{external_id[-16:]}.mp4",)
    return (f"{world.origin}/aihubmix/v1/videos/{external_id}/content",)


def _accepted(_world: World, job: Job) -> Any:
    if job.asked.model.startswith("wan"):
        size = {"duration": 5, "width": 1280, "height": 720}
        return {"id": job.external_id, "object": "video", "status": "in_progress", "model": job.asked.model, **size}
    return _head(job, "queued", 0)


def _head(job: Job, word: str, progress: int) -> dict[str, Any]:
    return {
        "id": job.external_id,
        "object": "video",
        "model": job.asked.model,
        "status": word,
        "progress": progress,
        "created_at": int(job.accepted_at),
        "prompt": job.asked.prompt,
    }


def _state(_world: World, job: Job, view: View) -> Any:
    if view.odd is not None:
        return _head(job, view.odd, 0)
    told = _head(job, _WORDS[view.phase], int(view.progress * 100))
    if view.phase is Phase.FAILED and job.outcome is not None:
        return {**told, **job.outcome.body}
    if view.phase is Phase.COMPLETED:
        told |= {"completed_at": int(job.ends_at), "expires_at": int(job.ends_at) + EXPIRES_S}
        name = {INLINE: "video_url", ELSEWHERE: "url"}.get(job.shape)
        if name is not None and outputs(job, view):
            told[name] = job.files[0]
    return told


def _check(asked: Asked) -> Outcome | None:
    return None if asked.prompt else OUTCOMES_VIDEOS["prompt_missing"]


def _unauthorized(given: str | None) -> Outcome:
    return OUTCOMES_VIDEOS["no_token" if given is None else "token_invalid"]


DESK = Desk(
    provider=PROVIDER,
    route="videos",
    outcomes=OUTCOMES_VIDEOS,
    faults={
        "402": OUTCOMES_VIDEOS["insufficient_user_quota"],
        "404": OUTCOMES_VIDEOS["task_not_found"],
        "429": OUTCOMES_VIDEOS["too_many_requests"],
        "500": OUTCOMES_VIDEOS["no_valid_channel_error"],
        "503": OUTCOMES_VIDEOS["provider_rate_limited"],
    },
    unauthorized=_unauthorized,
    identity=_identity,
    files=_files,
    accepted=_accepted,
    state=_state,
    check=_check,
)


def routes(world: World) -> list[Route]:
    """AiHubMix's paths."""

    async def submit(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        inner = body.get("input")
        prompt = text(body.get("prompt")) or text(inner.get("prompt") if isinstance(inner, dict) else None)
        return await door.submit(world, DESK, request, Asked(prompt=prompt, model=text(body.get("model")), body=body))

    async def poll(request: Request) -> Response:
        return door.poll(world, {DESK.route: DESK}, request, request.path_params["id"])

    async def content(request: Request) -> Response:
        return door.content(world, DESK, request, request.path_params["id"])

    async def delete(request: Request) -> Response:
        held = door.held(world, DESK, request, request.path_params["id"])
        if isinstance(held, Response):
            return held
        held.deleted = True
        return door.reply(200, {"id": held.external_id, "object": "video.deleted", "deleted": True})

    return [
        Route("/v1/videos", submit, methods=["POST"]),
        Route("/v1/videos/{id}", poll),
        Route("/v1/videos/{id}", delete, methods=["DELETE"]),
        Route("/v1/videos/{id}/content", content),
    ]
