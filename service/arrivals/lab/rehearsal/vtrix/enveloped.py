"""The older, enveloped dialect of Vtrix, which answers an order whose `input` is a list."""

from typing import Any

from arrivals.lab.rehearsal.state import Job, Phase, RehearsalState, View
from arrivals.lab.rehearsal.vtrix.flat import head, items

_WORDS = {
    Phase.QUEUED: "in_queue",
    Phase.RUNNING: "processing",
    Phase.COMPLETED: "success",
    Phase.FAILED: "failed",
}


def _enveloped(task: dict[str, Any]) -> Any:
    return {"data": task, "status": {"code": 200, "message": "success"}}


def accepted(_rehearsal_state: RehearsalState, job: Job) -> Any:
    """The answer to an order."""
    return _enveloped(head(job, "in_queue"))


def state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    """The answer to a poll."""
    task = head(job, view.odd or _WORDS[view.phase])
    if view.odd is not None:
        return _enveloped(task)
    if view.phase is Phase.COMPLETED:
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        task |= {"updated_at": int(job.ends_at * 1000), "output": items(job, view), "usage": usage}
    elif view.phase is Phase.FAILED and job.outcome is not None:
        reason = job.outcome.body
        coded = isinstance(reason, dict) and "message" in reason
        task["error"] = {"code": reason["code"], "error_message": reason["message"]} if coded else reason
    elif view.phase is Phase.RUNNING:
        task["progress"] = round(view.progress, 2)
    return _enveloped(task)
