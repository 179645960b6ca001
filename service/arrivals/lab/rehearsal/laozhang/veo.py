"""Veo 3.1 at LaoZhang: the official forward, and the older reverse queue, whose `/content` is JSON that names the film.

Of the forward only the paths and the form are documented; its words are those of Sora's forward.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.laozhang import errors, sora
from arrivals.lab.rehearsal.laozhang.errors import REFUSALS
from arrivals.lab.rehearsal.laozhang.form import picture_fault
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View

MODELS = frozenset({"veo-3.1-generate-preview", "veo-3.1-fast-generate-preview"})
REVERSE_MODELS = frozenset(
    f"veo-3.1{turned}{pace}{frames}"
    for turned in ("", "-landscape")
    for pace in ("", "-fast")
    for frames in ("", "-fl")
)
_WORDS = {Phase.QUEUED: "queued", Phase.RUNNING: "processing", Phase.COMPLETED: "completed", Phase.FAILED: "failed"}

# https://docs.laozhang.ai/en/api-capabilities/veo/official-forward
OUTCOMES: Mapping[str, Outcome] = {
    **REFUSALS,
    "generation_failed": errors.GENERATION_FAILED,
    "moderation_blocked": errors.MODERATION_BLOCKED,
    "failed_in_words": errors.FAILED_IN_WORDS,
}
# https://docs.laozhang.ai/en/api-capabilities/veo/veo-31-async-api
REVERSE_OUTCOMES: Mapping[str, Outcome] = {
    **REFUSALS,
    "no_channel_available": errors.error(503, "no channel available", "server_error"),
    "generation_failed": errors.GENERATION_FAILED,
    "queue_timeout": errors.QUEUE_TIMEOUT,
    "failed_in_words": errors.FAILED_IN_WORDS,
}


def _check(submission: Submission) -> Outcome | None:
    return (
        picture_fault(submission.body.get("input_reference"))
        if submission.prompt
        else REFUSALS["invalid_request_error"]
    )


def _reverse_check(submission: Submission) -> Outcome | None:
    picture = submission.body.get("input_reference")
    if submission.prompt and picture is not None and not submission.model.endswith("-fl"):
        return REFUSALS["model_not_support_image"]
    return _check(submission)


def _head(job: Job, word: str) -> dict[str, Any]:
    return {
        "id": job.external_id,
        "object": "video",
        "created": int(job.accepted_at),
        "status": word,
        "model": job.submission.model,
    }


def _reverse_state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    video = _head(job, view.odd or _WORDS.get(view.phase, "failed"))
    if view.odd is None and view.phase is Phase.COMPLETED:
        video["prompt"] = job.submission.prompt
    if view.odd is None and view.phase is Phase.FAILED and job.outcome is not None:
        video["error"] = job.outcome.body
    return video


FORWARD = errors.stand_in(
    route="veo-forward",
    outcomes=OUTCOMES,
    identity=sora.identity,
    files=sora.behind_the_key,
    accepted=lambda _, job: {**sora.head(job, "queued", 0), "model": job.submission.model},
    state=sora.state,
    check=_check,
)
REVERSE = errors.stand_in(
    route="veo-reverse",
    outcomes=REVERSE_OUTCOMES,
    identity=sora.identity,
    files=lambda rehearsal_state, _submission, external_id, _shape: (
        f"{rehearsal_state.cdn_origin}/cdn/laozhang/{external_id}.mp4",
    ),
    accepted=lambda _, job: _head(job, "queued"),
    state=_reverse_state,
    check=_reverse_check,
)


def content(rehearsal_state: RehearsalState, request: Request, external_id: str) -> Response:
    """The reverse queue's `/content`, which is not the film but its address."""
    job = requests.authorized_job(rehearsal_state, REVERSE, request, external_id)
    if isinstance(job, Response):
        return job
    now = rehearsal_state.now()
    if job.directive.gone or job.phase(now) is not Phase.COMPLETED:
        return requests.error(REVERSE, REVERSE.faults["404"], request, None)
    wide = "landscape" in job.submission.model
    video = {**_head(job, "completed"), "prompt": job.submission.prompt}
    video |= {"duration": 8, "resolution": "1280x720" if wide else "720x1280"}
    if job.has_output(now):
        video["url"] = job.files[0]
    return requests.reply(200, video)
