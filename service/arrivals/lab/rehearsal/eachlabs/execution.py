"""An execution of a workflow, as a poll and a webhook show it, for any route: sense starts executions as well."""

from datetime import UTC, datetime
from typing import Any

from arrivals.lab.rehearsal.stand_in import outputs, text
from arrivals.lab.rehearsal.state import Job, Phase, View

MAPPED = 1  # the job's shape: the definition declares its own output as well
STEP_PRICE = 0.014
LIE = "Step 'step1' failed: content rejected"  # what a false failure gives as its reason
_WORDS = {
    Phase.QUEUED: "running",
    Phase.RUNNING: "running",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
    Phase.CANCELED: "cancelled",
}


def steps(job: Job) -> int:
    """The number of steps of its workflow."""
    return job.shape + 1


# https://docs.eachlabs.ai/workflows/endpoints/get-execution, …/concepts/fallback-configuration
def payload(job: Job, view: View) -> dict[str, Any]:
    """The body of Get Execution, and of the webhook."""
    ordered = job.submission.body
    body = {
        "execution_id": job.external_id,
        "workflow_id": text(ordered.get("workflow_id")) or "50741f40-8621-4d46-8a91-dff4d873be98",
        "version_id": text(ordered.get("version_id")) or "v1",
        "status": view.odd or ("pending" if view.phase is Phase.QUEUED and job.coins[0] else _WORDS[view.phase]),
        "inputs": ordered.get("inputs", {}),
        "step_outputs": _steps(job, view),
    }
    if view.phase is not Phase.QUEUED:
        body["started_at"] = _moment(job.accepted_at)  # left out until the run starts
    if view.odd is not None or view.phase in {Phase.QUEUED, Phase.RUNNING}:
        return body
    body |= {"completed_at": _moment(job.ends_at), "total_cost": round(STEP_PRICE * steps(job), 3)}
    if view.phase is Phase.COMPLETED:
        shown = list(outputs(job, view))
        mapped = {"workflow_output": {"media": shown}} if job.shape == MAPPED else {}
        return {**body, "output": shown or None, **mapped}
    if view.phase is Phase.FAILED:
        return {**body, "output": None, "error": "ExecutionFailed", "error_cause": cause(job)}
    return body


def cause(job: Job) -> str:
    """The reason of a failure, as a sentence."""
    if job.outcome is None:
        return LIE
    reason = job.outcome.body
    return text(reason.get("message"), "Task failed") if isinstance(reason, dict) else text(reason)


def _steps(job: Job, view: View) -> dict[str, Any]:
    """The steps that have begun. A step that fell back on another model says so."""
    count = steps(job)
    done = count if view.phase is Phase.COMPLETED else min(int(view.progress * count), count - 1)
    begun = {f"step{number}": _done(job, view, number) for number in range(1, done + 1)}
    if view.phase is Phase.RUNNING:
        name = f"step{done + 1}"
        begun[name] = {"step_id": name, "status": "running", "started_at": _moment(job.accepted_at)}
    if view.phase is Phase.FAILED:
        name = f"step{done + 1}"
        begun[name] = {"step_id": name, "status": "failed", "error": cause(job)}
    return begun


def _done(job: Job, view: View, number: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"model": "flux-1-1-pro", "version": "0.0.1"}
    if number == 1 and job.coins[1]:
        metadata |= {"fallback_used": True, "primary_error": "Model timeout after 30s"}
    last = number == steps(job)
    made: Any = list(outputs(job, view)) if last else "A red fox, from the side, in fresh snow"
    return {
        "step_id": f"step{number}",
        "status": "completed",
        "started_at": _moment(job.accepted_at),
        "completed_at": _moment(job.ends_at),
        "output": made,
        "primary": (made[0] if made else None) if last else made,
        "metadata": metadata,
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
