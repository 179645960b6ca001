"""The flat task object of Vtrix, as the answers to an order and a poll and the webhook show it."""

from random import Random
from string import ascii_lowercase, digits
from typing import Any

from arrivals.lab.rehearsal.stand_in import outputs, token
from arrivals.lab.rehearsal.state import Job, Phase, RehearsalState, Submission, View

FILM_WORDS = ("video", "veo", "t2v", "i2v", "kirin", "motion")
PRICE = 0.03
_WORDS = {
    Phase.QUEUED: "in_progress",
    Phase.RUNNING: "in_progress",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
}


def head(job: Job, word: str) -> dict[str, Any]:
    """The first fields of a task, in every form of it."""
    return {
        "id": job.external_id,
        "created_at": int(job.accepted_at * 1000),
        "status": word,
        "model": job.submission.model,
    }


def items(job: Job, view: View) -> list[dict[str, str]]:
    """The outputs that this view shows."""
    return [
        {
            "type": "video" if url.endswith(".mp4") else "image",
            "url": url,
            "jobId": f"remote_{job.external_id}_{number}",
        }
        for number, url in enumerate(outputs(job, view))
    ]


def accepted(_rehearsal_state: RehearsalState, job: Job) -> Any:
    """The answer to an order."""
    return head(job, "in_progress")


def state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    """The answer to a poll."""
    return state_of(job, view)


def state_of(job: Job, view: View) -> dict[str, Any]:
    """The task as it stands."""
    task = head(job, view.odd or _WORDS[view.phase])
    if view.odd is not None:
        return task
    if view.phase is Phase.COMPLETED:
        shown = items(job, view)
        usage = {"cost": f"{PRICE * len(job.files):.2f}", "discount": 1, "image_count": len(job.files)}
        return {**task, "output": [{"content": shown}] if shown else [], "usage": usage, "metadata": {}}
    if view.phase is Phase.FAILED and job.outcome is not None:
        return {**task, "error": job.outcome.body}
    return {**task, "progress": round(view.progress, 2)}


def identity(_submission: Submission, rng: Random) -> str:
    """The id of a task."""
    return token(rng, 20, ascii_lowercase + digits)


def files(rehearsal_state: RehearsalState, submission: Submission, external_id: str, _shape: int) -> tuple[str, ...]:
    """The URLs of the outputs."""
    ending = "mp4" if any(word in submission.model for word in FILM_WORDS) else "png"
    return tuple(
        f"{rehearsal_state.cdn_origin}/cdn/vtrix/{external_id}-{number}.{ending}" for number in range(submission.count)
    )
