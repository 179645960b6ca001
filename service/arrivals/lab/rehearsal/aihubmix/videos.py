"""`/v1/videos` in JSON: one path for all vendors, each of which has a route of its own in the record.

A finished film is in one of three places, as the job's dice decide.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.aihubmix import errors, vendors
from arrivals.lab.rehearsal.stand_in import StandIn, failure, outputs, read_json, text, token, vanished
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View

PROVIDER = "aihubmix"
INLINE, ELSEWHERE = 0, 1  # the job's shape: `video_url` behind the key, `url` on the CDN; else nothing but /content
EXPIRES_S = 24 * 3600


_OUTCOMES_SHARED: Mapping[str, Outcome] = {
    **errors.OUTCOMES,
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
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    route: {**_OUTCOMES_SHARED, **own} for route, own in vendors.OUTCOMES.items()
}
_WORDS = {Phase.QUEUED: "queued", Phase.RUNNING: "in_progress", Phase.COMPLETED: "completed", Phase.FAILED: "failed"}


def _identity(submission: Submission, rng: Random) -> str:
    inner = msgspec.json.encode({"model": submission.model, "id": f"video_{token(rng, 48)}", "provider": "rehearsal"})
    return f"{urlsafe_b64encode(inner).decode().rstrip('=')}channel{rng.randrange(1000, 9999)}"


def _files(rehearsal_state: RehearsalState, _submission: Submission, external_id: str, shape: int) -> tuple[str, ...]:
    if shape == ELSEWHERE:
        return (f"{rehearsal_state.cdn_origin}/cdn/aihubmix/{external_id[-16:]}.mp4",)
    return (f"{rehearsal_state.origin}/aihubmix/v1/videos/{external_id}/content",)


def _accepted(_rehearsal_state: RehearsalState, job: Job) -> Any:
    if job.submission.model.startswith("wan"):
        size = {"duration": 5, "width": 1280, "height": 720}
        return {
            "id": job.external_id,
            "object": "video",
            "status": "in_progress",
            "model": job.submission.model,
            **size,
        }
    return _head(job, "queued", 0)


def _head(job: Job, word: str, progress: int) -> dict[str, Any]:
    return {
        "id": job.external_id,
        "object": "video",
        "model": job.submission.model,
        "status": word,
        "progress": progress,
        "created_at": int(job.accepted_at),
        "prompt": job.submission.prompt,
    }


def _state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    if view.odd is not None:
        return _head(job, view.odd, 0)
    video = _head(job, _WORDS[view.phase], int(view.progress * 100))
    if view.phase is Phase.FAILED and job.outcome is not None:
        return {**video, **job.outcome.body}
    if view.phase is Phase.COMPLETED:
        video |= {"completed_at": int(job.ends_at), "expires_at": int(job.ends_at) + EXPIRES_S}
        name = {INLINE: "video_url", ELSEWHERE: "url"}.get(job.shape)
        if name is not None and outputs(job, view):
            video[name] = job.files[0]
    return video


def _check(submission: Submission) -> Outcome | None:
    route = vendors.route(submission.model)
    name = vendors.broken(route, submission.body)
    if name is not None:
        return OUTCOMES[route][name]
    return None if submission.prompt else errors.OUTCOMES["prompt_missing"]


def unauthorized(authorization: str | None) -> Outcome:
    """The refusal of a missing or wrong key."""
    return errors.OUTCOMES["no_token" if authorization is None else "token_invalid"]


FAULTS: Mapping[str, Outcome] = {
    "402": errors.OUTCOMES["insufficient_user_quota"],
    "404": _OUTCOMES_SHARED["task_not_found"],
    "429": errors.OUTCOMES["too_many_requests"],
    "500": errors.OUTCOMES["no_valid_channel_error"],
    "503": errors.OUTCOMES["provider_rate_limited"],
}
STAND_INS: Mapping[str, StandIn] = {
    route: StandIn(
        provider=PROVIDER,
        route=route,
        outcomes=outcomes,
        faults=FAULTS,
        unauthorized=unauthorized,
        identity=_identity,
        files=_files,
        accepted=_accepted,
        state=_state,
        check=_check,
    )
    for route, outcomes in OUTCOMES.items()
}


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The paths of `/v1/videos`."""

    async def submit(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        submission = Submission(prompt=vendors.prompt(body), model=text(body.get("model")), body=body)
        return await requests.submit(rehearsal_state, STAND_INS[vendors.route(submission.model)], request, submission)

    async def poll(request: Request) -> Response:
        return requests.poll(rehearsal_state, STAND_INS, request, request.path_params["id"])

    async def content(request: Request) -> Response:
        job = rehearsal_state.jobs.get((PROVIDER, request.path_params["id"]))
        stand_in = STAND_INS["videos" if job is None else job.route]
        return requests.content(rehearsal_state, stand_in, request, request.path_params["id"])

    async def delete(request: Request) -> Response:
        job = requests.authorized_job(rehearsal_state, STAND_INS["videos"], request, request.path_params["id"])
        if isinstance(job, Response):
            return job
        job.deleted = True
        return requests.reply(200, {"id": job.external_id, "object": "video.deleted", "deleted": True})

    return [
        Route("/v1/videos", submit, methods=["POST"]),
        Route("/v1/videos/{id}", poll),
        Route("/v1/videos/{id}", delete, methods=["DELETE"]),
        Route("/v1/videos/{id}/content", content),
    ]
