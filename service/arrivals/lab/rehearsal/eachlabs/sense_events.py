"""The events of one each::sense stream, in order. This module neither sends nor waits."""

from collections.abc import Iterator
from typing import Any

from arrivals.lab.rehearsal.eachlabs import execution
from arrivals.lab.rehearsal.eachlabs.sense_outcomes import MAY_HAVE_RUN, OUTCOMES
from arrivals.lab.rehearsal.state import Job, Where

Event = dict[str, Any]
SEARCHES, BUILDS = 1, 2  # the job's shape: the agent searches the web, or builds a workflow; else it just makes
MODEL = "nano-banana-pro"
WORKFLOW = {"workflow_id": "wf_abc123", "version_id": "v1"}
_RUNS = [OUTCOMES[name] for name in MAY_HAVE_RUN]


def runs_workflow(job: Job) -> bool:
    """Tells whether the job starts an execution that can be polled elsewhere; by default half of them do."""
    dialects = job.directive.dialects & {"execution", "plain"}
    outcome = job.outcome
    if outcome is not None and outcome.where is Where.STREAM:
        return True
    if outcome is not None and outcome not in _RUNS:
        return False
    return "execution" in dialects if dialects else job.coins[0]


def task_id(job: Job) -> str:
    """The task's own id, by which it cannot be polled."""
    return job.external_id if "_" in job.external_id else f"chat_{job.external_id[:8]}"


def sequence(job: Job, shown: tuple[str, ...]) -> Iterator[Event]:
    """The events before [DONE]; `shown` are the outputs in them."""
    yield {"type": "thinking_delta", "content": "Let me analyze this request. The user wants a picture"}
    yield {"type": "status", "message": "Searching for best model...", "tool_name": "search_models", "parameters": {}}
    yield from _before(job)
    if job.outcome is None:
        yield from _run(job, shown) if runs_workflow(job) else _work()
        yield from _made(job, shown)
        yield _complete(job, "ok", shown)
        return
    if runs_workflow(job) and not _names_execution_late(job):
        yield {"type": "execution_started", "execution_id": job.external_id, "workflow_id": WORKFLOW["workflow_id"]}
    yield from _bad_end(job)


def _before(job: Job) -> Iterator[Event]:
    if job.shape == SEARCHES:
        yield {"type": "web_search_query", "query": "red fox in snow", "recency": "month"}
        citation = {"title": "Foxes", "url": "https://example.com/foxes", "snippet": "A fox"}
        yield {"type": "web_search_citations", "citations": [citation], "count": 1}
    elif job.shape == BUILDS:
        yield {"type": "workflow_fetched", "workflow_name": "my-workflow", "existing_steps": 1}
        yield {"type": "workflow_created", **WORKFLOW, "input_schema": {}, "steps_count": execution.steps(job)}
        yield {"type": "workflow_built", "steps_count": execution.steps(job), "definition": {}}
        yield {"type": "workflow_updated", "success": True, **WORKFLOW}
    else:
        yield {"type": "text_response", "content": "I found the perfect model for your picture!"}
    arguments = {"model_name": MODEL, "inputs": {"prompt": "a red fox"}}
    yield {"type": "tool_call", "name": "execute_model", "input": arguments}
    yield {"type": "message", "content": "Your picture is being made. This typically takes a minute."}


def _work() -> Iterator[Event]:
    for percent in (12.5, 50, 87.5):
        yield {"type": "progress", "message": f"{percent} of 100", "percent": percent}


def _run(job: Job, shown: tuple[str, ...]) -> Iterator[Event]:
    yield {"type": "execution_started", "execution_id": job.external_id, "workflow_id": WORKFLOW["workflow_id"]}
    count = execution.steps(job)
    for done in range(1, count + 1):
        yield {
            "type": "execution_progress",
            "step_id": f"step{done}",
            "step_status": "completed",
            "model": MODEL,
            "output": shown[0] if shown and done == count else None,
            "completed_steps": done,
            "total_steps": count,
            "progress_percent": round(100 * done / count, 1),
        }
    yield {
        "type": "execution_completed",
        "execution_id": job.external_id,
        "status": "completed",
        "output": shown[0] if shown else None,
        "all_outputs": {f"step{number}": url for number, url in enumerate(shown, 1)},
        "total_time_ms": int(job.run_s * 1000),
    }


def _made(job: Job, shown: tuple[str, ...]) -> Iterator[Event]:
    if shown:
        spent = {"model": MODEL, "execution_time_ms": int(job.run_s * 1000)}
        yield {"type": "generation_response", "url": shown[0], "generations": list(shown), "total": len(shown), **spent}


def _bad_end(job: Job) -> Iterator[Event]:
    outcome = job.outcome
    if outcome is None:
        return
    event = outcome.body
    if event["type"] == "complete":
        yield _complete(job, event["status"], ())
    elif outcome.where is Where.STREAM and (_names_execution_late(job) or job.coins[1]):
        yield {**event, "execution_id": job.external_id}
    else:
        yield event
    if event["type"] == "clarification_needed" and job.coins[1]:
        yield _complete(job, "clarification_needed", ())


def _names_execution_late(job: Job) -> bool:
    """Tells whether a stream that gives up names its execution only at that point."""
    return job.outcome is not None and job.outcome.where is Where.STREAM and job.shape == 0


def _complete(job: Job, status: str, shown: tuple[str, ...]) -> Event:
    spent = {"model": MODEL, "total_time_ms": int(job.run_s * 1000)}
    return {"type": "complete", "task_id": task_id(job), "status": status, "generations": list(shown), **spent}
