"""Sora 2 at LaoZhang: the official forward, which speaks as OpenAI does, and the older reverse queue.

Both make one film, and keep its bytes behind the key.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from arrivals.lab.rehearsal.laozhang import errors
from arrivals.lab.rehearsal.laozhang.errors import REFUSALS, bad_parameter
from arrivals.lab.rehearsal.laozhang.form import picture_fault
from arrivals.lab.rehearsal.stand_in import StandIn, outputs, token
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View

MODELS = frozenset({"sora-2", "sora-2-pro"})
SIZES = ("720x1280", "1280x720")
PRO_SIZES = (*SIZES, "1024x1792", "1792x1024")
SECONDS = ("4", "8", "12")
REVERSE_SECONDS = ("10", "15")
LENGTHS = ("seconds", "duration")
DAY_S = 24 * 60 * 60

# https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward
OUTCOMES: Mapping[str, Outcome] = {
    **REFUSALS,
    "generation_failed": errors.GENERATION_FAILED,
    "moderation_blocked": errors.MODERATION_BLOCKED,
    "failed_in_words": errors.FAILED_IN_WORDS,
}
# https://docs.laozhang.ai/en/api-capabilities/sora2/async-api
REVERSE_OUTCOMES: Mapping[str, Outcome] = {
    **REFUSALS,
    "generation_failed": errors.GENERATION_FAILED,
    "queue_timeout": errors.QUEUE_TIMEOUT,
    "failed_in_words": errors.FAILED_IN_WORDS,
}


def head(job: Job, word: str, progress: int) -> dict[str, Any]:
    """The fields of every answer about a job."""
    return {
        "id": job.external_id,
        "object": "video",
        "status": word,
        "progress": progress,
        "created_at": int(job.accepted_at),
    }


def accepted(_rehearsal_state: RehearsalState, job: Job) -> Any:
    """The official forward's answer to an order."""
    body = job.submission.body
    more = {"size": body.get("size", "720x1280"), "seconds": body.get("seconds", "4")}
    return {**head(job, "queued", 0), "model": job.submission.model, **more}


def state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    """The official forward's answer to a poll, which never says where the film is."""
    if view.odd is not None:
        return head(job, view.odd, 0)
    if view.phase is Phase.COMPLETED:
        return {**head(job, "completed", 100), "completed_at": int(job.ends_at)}
    if view.phase is Phase.FAILED and job.outcome is not None:
        return {**head(job, "failed", 0), "error": job.outcome.body}
    return head(job, "queued" if view.phase is Phase.QUEUED else "in_progress", int(view.progress * 100))


def identity(_submission: Submission, rng: Random) -> str:
    """The id of a job."""
    return f"video_{token(rng, 32)}"


def behind_the_key(
    rehearsal_state: RehearsalState, _submission: Submission, external_id: str, _shape: int
) -> tuple[str, ...]:
    """The film's address, which requires the key."""
    return (f"{rehearsal_state.origin}/laozhang/v1/videos/{external_id}/content",)


def _check(submission: Submission) -> Outcome | None:
    if not submission.prompt:
        return REFUSALS["invalid_request_error"]
    if submission.model not in MODELS:
        return REFUSALS["model_not_found"]
    if submission.body.get("seconds") not in SECONDS:
        return bad_parameter("seconds")
    if submission.body.get("size", "720x1280") not in (PRO_SIZES if submission.model == "sora-2-pro" else SIZES):
        return bad_parameter("size")
    return picture_fault(submission.body.get("input_reference"))


def _reverse_accepted(_rehearsal_state: RehearsalState, job: Job) -> Any:
    created_at = int(job.accepted_at)
    return {
        "id": job.external_id,
        "object": "task",
        "model": job.submission.model,
        "status": "submitted",
        "created_at": created_at,
        "expires_at": created_at + DAY_S,
    }


def _reverse_state(rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    video = {**state(rehearsal_state, job, view), "model": job.submission.model}
    if view.phase is Phase.QUEUED and view.odd is None:
        video |= {"status": "submitted", "progress": 0}
    if outputs(job, view):
        video["url"] = f"/v1/videos/{job.external_id}/content"
    return video


def _reverse_check(submission: Submission) -> Outcome | None:
    if not submission.prompt:
        return REFUSALS["invalid_request_error"]
    wrong = [name for name in LENGTHS if submission.body.get(name, "10") not in REVERSE_SECONDS]
    if submission.body.get("size", "720x1280") not in SIZES:
        wrong.append("size")
    return bad_parameter(wrong[0]) if wrong else picture_fault(submission.body.get("input_reference"))


FORWARD = errors.stand_in(
    route="sora-forward",
    outcomes=OUTCOMES,
    identity=identity,
    files=behind_the_key,
    accepted=accepted,
    state=state,
    check=_check,
)
REVERSE = errors.stand_in(
    route="sora-reverse",
    outcomes=REVERSE_OUTCOMES,
    identity=identity,
    files=behind_the_key,
    accepted=_reverse_accepted,
    state=_reverse_state,
    check=_reverse_check,
)


def chosen(body: Mapping[str, Any], *, form: bool) -> StandIn:
    """The route of an order for Sora, as its body has it: the reverse queue makes 10 and 15 seconds, the forward less.

    In reality the group of the caller's token decides, and a token that does not fit the body is refused.
    """
    long = any(body.get(name) in REVERSE_SECONDS for name in LENGTHS)
    return FORWARD if form and "seconds" in body and not long else REVERSE
