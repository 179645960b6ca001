"""RunBlob's answers and webhooks about a job: one function for each field. The family chooses the fields."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from arrivals.lab.rehearsal.runblob.errors import LIE
from arrivals.lab.rehearsal.runblob.families import FAMILIES
from arrivals.lab.rehearsal.stand_in import outputs, text
from arrivals.lab.rehearsal.state import Job, Phase, RehearsalState, View

MOMENT = "%Y-%m-%dT%H:%M:%S.%f"
SECOND = "%Y-%m-%dT%H:%M:%SZ"
TELLS_WHY = "kling_2.6"  # the one model of Kling's base family whose webhook has a `message`
_SEED_DIGITS = 7
_PLACES = 5
_WORDS = {
    Phase.QUEUED: "pending",
    Phase.RUNNING: "processing",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
    Phase.CANCELED: "failed",
}


def word(view: View) -> str:
    """The status word."""
    return view.odd or _WORDS[view.phase]


def reason(job: Job, view: View) -> Any:
    """The reason of a failure, if it failed."""
    if view.phase is not Phase.FAILED or view.odd is not None:
        return None
    return LIE if job.outcome is None else job.outcome.body


def ordered_model(job: Job) -> str:
    """The model that the order names, or the family's default."""
    return text(job.submission.body.get("model"), FAMILIES[job.route].default_model)


def _link(job: Job, view: View) -> str | None:
    return next(iter(outputs(job, view)), None)


def _output(job: Job, view: View) -> Any:
    if view.phase is not Phase.COMPLETED or view.odd is not None:
        return None
    shown = outputs(job, view)
    frames = [url for url in job.files if url.endswith(".png")]  # the last frame is there before the video
    return {"video_urls": [url for url in shown if url not in frames], "last_frame_url": next(iter(frames), None)}


def _error(job: Job, view: View) -> Any:
    why = reason(job, view)
    if why is None:
        return None
    if job.route == "seedance":
        return {"code": why, "message": f"Generation failed: {why}"}
    return why if job.route == "kling" and job.coins[1] else {"message": why}


def _ended_at(job: Job, view: View) -> str | None:
    if view.phase not in {Phase.COMPLETED, Phase.FAILED} or view.odd is not None:
        return None
    return _moment(job.ends_at, SECOND if job.route == "kling" else MOMENT)


def _moment(at: float, form: str = MOMENT) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)


def _percent(_job: Job, view: View) -> int | None:
    return int(view.progress * 100) if view.phase is Phase.RUNNING and view.odd is None else None


def _place(_job: Job, view: View) -> int | None:
    return 1 + int((1 - view.progress) * _PLACES) if view.phase is Phase.QUEUED else None


FIELDS: Mapping[str, Callable[[Job, View], Any]] = {
    "generation_id": lambda job, _: job.external_id,
    "task_uuid": lambda job, _: job.external_id,
    "status": lambda _, view: word(view),
    "prompt": lambda job, _: job.submission.prompt,
    "image_url": _link,
    "video_url": _link,
    "result_image_url": _link,
    "output": _output,
    "message": reason,
    "error": _error,
    "error_message": reason,
    "created_at": lambda job, _: _moment(job.accepted_at),
    "completed_at": _ended_at,
    "seed": lambda job, _: int(job.external_id.replace("-", "")[:_SEED_DIGITS], 16),
    "progress_pct": _percent,
    "progress_pos_in_queue": _place,
}


def _body(job: Job, view: View, names: str, model: str) -> dict[str, Any]:
    return {name: model or ordered_model(job) if name == "model" else FIELDS[name](job, view) for name in names.split()}


def accepted(_rehearsal_state: RehearsalState, job: Job) -> Any:
    """The answer to an order."""
    family = FAMILIES[job.route]
    if family.price is None:
        return _body(job, View(phase=Phase.QUEUED), family.polled, family.models[0])
    priced = job.route != "kling" or job.shape  # Kling's motion control is priced when it is done
    return {family.identity: job.external_id, "status": "pending", "price": family.price if priced else "calculating"}


def state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    """The answer to a poll."""
    family = FAMILIES[job.route]
    return _body(job, view, family.polled, family.models[0])


def call(job: Job, view: View) -> Any:
    """A webhook."""
    family = FAMILIES[job.route]
    body = _body(job, view, family.called, family.models[1])
    if job.route == "kling" and ordered_model(job).startswith(TELLS_WHY):
        body["message"] = reason(job, view)
    return body
