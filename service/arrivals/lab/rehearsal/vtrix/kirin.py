"""Kirin, which is Kling: the only family of Vtrix that calls back. Its webhooks are not signed.

No page documents their body: half of them carry Vtrix's own task, the other half what Kling would send.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from arrivals.lab.rehearsal.stand_in import StandIn, outputs, refusal, text
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View, Voice
from arrivals.lab.rehearsal.vtrix import flat
from arrivals.lab.rehearsal.vtrix.outcomes import FAULTS, SHARED

PROVIDER = "vtrix"
ROUTE = "kirin"
BEGINNING = "kirin-"
MAX_PROMPT = 2500
MODES = ("std", "pro")
DURATIONS = ("5", "10")
PICTURES = ("image", "image_tail")
LIE = "Content rejected"  # what a false failure gives as its reason

# https://doc.vtrix.ai/docs/api/vtrix/kirin-v2-6-t2v and its siblings; they document no code
OUTCOMES: Mapping[str, Outcome] = {
    **SHARED,
    "external_task_id_used": refusal(400, {"message": "external_task_id must be unique"}),
    "prompt_too_long": refusal(400, {"message": "prompt cannot exceed 2500 characters"}),
    "invalid_mode": refusal(400, {"message": "mode must be std or pro"}),
    "invalid_duration": refusal(400, {"message": "duration must be 5 or 10"}),
    "invalid_image": refusal(400, {"message": "image must be a URL or base64 without a data: prefix"}),
}
_KLING_WORDS = {
    Phase.QUEUED: "submitted",
    Phase.RUNNING: "processing",
    Phase.COMPLETED: "succeed",
    Phase.FAILED: "failed",
}


def task_id(rehearsal_state: RehearsalState, name: str) -> str:
    """The task's own id, where the name is the caller's `external_task_id`; tasks can be polled by either."""
    job = _owner(rehearsal_state, name)
    return name if job is None else job.external_id


def _owner(rehearsal_state: RehearsalState, name: str) -> Job | None:
    jobs = [job for job in rehearsal_state.jobs.values() if job.route == ROUTE and job.provider == PROVIDER]
    return next((job for job in jobs if job.submission.body.get("external_task_id") == name), None)


def _check(rehearsal_state: RehearsalState, submission: Submission) -> Outcome | None:
    body, name = submission.body, submission.body.get("external_task_id")
    pictures = [body[field] for field in PICTURES if field in body]
    if not submission.prompt and not pictures:
        return OUTCOMES["prompt_required"]
    if len(submission.prompt) > MAX_PROMPT:
        return OUTCOMES["prompt_too_long"]
    if body.get("mode", "std") not in MODES:
        return OUTCOMES["invalid_mode"]
    if body.get("duration", "5") not in DURATIONS:
        return OUTCOMES["invalid_duration"]
    if any(not text(picture) or text(picture).startswith("data:") for picture in pictures):
        return OUTCOMES["invalid_image"]
    used = name is not None and _owner(rehearsal_state, name) is not None
    return OUTCOMES["external_task_id_used"] if used else None


def _call(job: Job, view: View) -> Any:
    """The webhook, in one of its two forms."""
    dialects = job.directive.dialects
    if "own" in dialects or (not dialects and job.coins[1]):
        lies = view.phase is Phase.FAILED and job.outcome is None
        return {**flat.head(job, "failed"), "error": LIE} if lies else flat.state_of(job, view)
    films = [{"id": f"film_{job.external_id}", "url": url, "duration": "5"} for url in outputs(job, view)]
    return {
        "task_id": job.external_id,
        "task_status": _KLING_WORDS[view.phase],
        "task_status_msg": _reason(job) if view.phase is Phase.FAILED else "",
        "created_at": int(job.accepted_at * 1000),
        "updated_at": int(job.ends_at * 1000),
        "task_result": {"images": [], "videos": films},
    }


def _reason(job: Job) -> str:
    if job.outcome is None:
        return LIE
    body = job.outcome.body
    return text(body) or text(body.get("error_message") or body.get("message"))


def stand_in(rehearsal_state: RehearsalState) -> StandIn:
    """The stand-in for this rehearsal; its check refuses an `external_task_id` that is already in use."""
    return StandIn(
        provider=PROVIDER,
        route=ROUTE,
        outcomes=OUTCOMES,
        faults=FAULTS,
        unauthorized=lambda _: OUTCOMES["invalid_key"],
        identity=flat.identity,
        files=flat.files,
        accepted=flat.accepted,
        state=flat.state,
        check=partial(_check, rehearsal_state),
        voice=Voice(write=_call, tries=3, tells_running=True, tells_start=True),
        dialects=frozenset({"own", "kling"}),
    )
