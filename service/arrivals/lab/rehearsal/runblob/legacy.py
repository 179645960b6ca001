"""RunBlob's older Veo API, in reality on a host of its own (api.runblob.com): other paths, other bodies, same keys."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.runblob import bodies, errors
from arrivals.lab.rehearsal.runblob.rules import broken
from arrivals.lab.rehearsal.stand_in import StandIn, outputs, read_json, text, uuid
from arrivals.lab.rehearsal.state import Job, Phase, RehearsalState, Submission, View, Voice

ROUTE = "legacy/veo"
_MESSAGES = {Phase.COMPLETED: "Task completed successfully", Phase.RUNNING: "Task is processing"}


def _fields(job: Job, view: View) -> dict[str, Any]:
    message = bodies.reason(job, view) or _MESSAGES.get(view.phase, "Task is pending")
    return {"task_id": job.external_id, "message": message, "video_url": next(iter(outputs(job, view)), None)}


def _state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    return {"status": bodies.word(view), **_fields(job, view)}


def _call(job: Job, view: View) -> Any:
    return {"success": view.phase is Phase.COMPLETED, **_fields(job, view)}


STAND_IN = StandIn(
    provider="runblob",
    route=ROUTE,
    outcomes=errors.OUTCOMES[ROUTE],
    faults=errors.faults(ROUTE, "task_not_found"),
    unauthorized=errors.unauthorized,
    identity=lambda _, rng: uuid(rng),
    files=lambda rehearsal_state, _submission, external_id, _shape: (
        f"{rehearsal_state.cdn_origin}/cdn/runblob/{external_id}.mp4",
    ),
    accepted=lambda rehearsal_state, job: _state(rehearsal_state, job, View(phase=Phase.QUEUED)),
    state=_state,
    check=lambda submission: broken(submission, (), {}),
    voice=Voice(write=_call, tries=5),
)


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The older host's paths."""

    async def generate(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        callback_url = text(body.get("callback_url")) or None
        submission = Submission(prompt=text(body.get("prompt")), model="veo", body=body, callback_url=callback_url)
        return await requests.submit(rehearsal_state, STAND_IN, request, submission)

    async def look(request: Request) -> Response:
        return requests.poll(rehearsal_state, {ROUTE: STAND_IN}, request, request.path_params["id"])

    return [Route("/api/veo/generate", generate, methods=["POST"]), Route("/api/veo/status/{id}", look)]
