"""Seedance 2.0 at LaoZhang: the order is JSON, and the poll holds the film's temporary URL under one of two names."""

from collections.abc import Mapping
from random import Random
from string import ascii_lowercase, digits
from typing import Any

from arrivals.lab.rehearsal.laozhang import errors
from arrivals.lab.rehearsal.laozhang.errors import REFUSALS, bad_parameter
from arrivals.lab.rehearsal.stand_in import outputs, strings, token
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View

MODELS = frozenset({"doubao-seedance-2-0-260128", "doubao-seedance-2-0-fast-260128"})
TYPES = ("text", "image_url", "video_url", "audio_url")
ROLES = ("reference_image", "reference_video", "reference_audio")
MIN_SECONDS, MAX_SECONDS = 4, 15
_TAKEN_SHARE = 0.1  # the status is `submitted` until here, and `queued` after
_WORDS = {Phase.QUEUED: "queued", Phase.RUNNING: "in_progress", Phase.COMPLETED: "completed", Phase.FAILED: "failed"}

# https://docs.laozhang.ai/en/api-capabilities/seedance2-video-generation
OUTCOMES: Mapping[str, Outcome] = {
    **REFUSALS,
    "generation_failed": errors.GENERATION_FAILED,
    "failed_in_words": errors.FAILED_IN_WORDS,
}


def _head(job: Job, word: str) -> dict[str, Any]:
    video = {"id": job.external_id, "object": "video", "model": job.submission.model, "status": word}
    return {**video, "created_at": int(job.accepted_at)}


def _accepted(_rehearsal_state: RehearsalState, job: Job) -> Any:
    video = _head(job, "submitted")
    if job.coins[0]:  # the page names it, and shows nothing of it
        video["billing_detail"] = {"estimated": True, "duration": job.submission.body.get("duration", 5)}
    return video


def _state(rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    word = "submitted" if view.phase is Phase.QUEUED and view.progress < _TAKEN_SHARE else _WORDS.get(view.phase)
    video = _head(job, view.odd or word or "failed")
    if view.odd is None and view.phase is Phase.FAILED and job.outcome is not None:
        return {**video, "error": job.outcome.body}
    video["updated_at"] = int(min(rehearsal_state.now(), job.ends_at))
    for url in outputs(job, view):
        video["video_url" if job.coins[1] else "url"] = url
    return video


def _broken(item: Any) -> bool:
    return (
        not isinstance(item, dict) or item.get("type") not in TYPES or item.get("role", "reference_image") not in ROLES
    )


def _check(submission: Submission) -> Outcome | None:
    body = submission.body
    if not submission.prompt:
        return REFUSALS["invalid_request_error"]
    content, duration = body.get("content", []), body.get("duration", 5)
    if not isinstance(content, list) or any(map(_broken, content)):
        return bad_parameter("content")
    if type(duration) is not int or not MIN_SECONDS <= duration <= MAX_SECONDS:
        return bad_parameter("duration")
    if not isinstance(body.get("ratio", ""), str):
        return bad_parameter("ratio")
    wrong = [name for name in ("watermark", "generate_audio") if type(body.get(name, True)) is not bool]
    return bad_parameter(wrong[0]) if wrong else None


def prompt(body: Mapping[str, Any]) -> str:
    """The order's prompt: `prompt`, or the text among its `content`."""
    content = body.get("content")
    items = [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []
    return next(iter(strings([body.get("prompt"), *(item.get("text") for item in items)])), "")


def _identity(_submission: Submission, rng: Random) -> str:
    return f"cgt-20260410{token(rng, 6, '012345')}-{token(rng, 5, ascii_lowercase + digits)}"


STAND_IN = errors.stand_in(
    route="seedance",
    outcomes=OUTCOMES,
    identity=_identity,
    # A signed URL: it does not open if its end is cut off.
    files=lambda rehearsal_state, _submission, external_id, _shape: (
        f"{rehearsal_state.cdn_origin}/cdn/laozhang/{external_id}.mp4?sign=6f1e",
    ),
    accepted=_accepted,
    state=_state,
    check=_check,
)
