"""Vtrix's side of the wire, in both its dialects: `input` as an object is answered flat, a list in the older envelope.

It sends no webhooks: the pages of these models know none.
"""

from collections.abc import Mapping
from random import Random
from string import ascii_lowercase, digits
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.rehearsal import door
from service.rehearsal.desk import Desk, failure, outputs, read_json, refusal, text, token, vanished
from service.rehearsal.vtrix_rule import MOST_IMAGES, RULES, broken
from service.rehearsal.world import Asked, Job, Outcome, Phase, View, World

PROVIDER = "vtrix"
CHECKED_MODEL = "wan26_t2i"
FILM_WORDS = ("video", "veo", "t2v", "i2v", "kirin", "motion")
PRICE = 0.03


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i (the codes), https://doc.vtrix.ai/public/cli/cmd-run/ (the shapes)
OUTCOMES_ALL: Mapping[str, Outcome] = {
    **{code: refusal(400, {"error": _error(code, says)}, code) for code, says in RULES.items()},
    "001015095": failure(_error("001015095", "Internal generation error"), "001015095"),
    "001015096": failure(_error("001015096", "Result parsing error"), "001015096"),
    "001015097": failure(_error("001015097", "HTTP error response"), "001015097"),
    "001015098": failure(_error("001015098", "Status check error"), "001015098"),
    "001015099": failure(_error("001015099", "Task creation error"), "001015099"),
    "002014001": failure(_error("002014001", "Video generation failed"), "002014001"),
    "failed_in_words": failure("Generation failed"),
    "invalid_key": refusal(401, {"message": "invalid api key"}),
    "insufficient_balance": refusal(403, {"message": "insufficient balance"}),
    "permission_denied": refusal(403, {"error": "permission denied"}),
    "insufficient_credits": refusal(
        402, {"status": {"code": 402, "message": "Insufficient credits", "error_code": 40201}, "data": None}, "40201"
    ),
    "too_many_requests": refusal(429, {"message": "too many requests"}),
    "server_error": refusal(500, {"message": "internal server error"}),
    "service_unavailable": refusal(503, {"message": "service unavailable"}),
    "refused_without_id": refusal(200, {"error": "model is not available"}),
    "task_not_found": vanished(404, {"message": "task not found"}),
}
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {"flat": OUTCOMES_ALL, "enveloped": OUTCOMES_ALL}
_FLAT_WORDS = {
    Phase.QUEUED: "in_progress",
    Phase.RUNNING: "in_progress",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
}
_ENVELOPED_WORDS = {
    Phase.QUEUED: "in_queue",
    Phase.RUNNING: "processing",
    Phase.COMPLETED: "success",
    Phase.FAILED: "failed",
}


def _head(job: Job, word: str) -> dict[str, Any]:
    return {
        "id": job.external_id,
        "created_at": int(job.accepted_at * 1000),
        "status": word,
        "model": job.asked.model,
    }


def _items(job: Job, view: View) -> list[dict[str, str]]:
    return [
        {
            "type": "video" if url.endswith(".mp4") else "image",
            "url": url,
            "jobId": f"remote_{job.external_id}_{number}",
        }
        for number, url in enumerate(outputs(job, view))
    ]


def _flat_accepted(_world: World, job: Job) -> Any:
    return _head(job, "in_progress")


def _flat_state(_world: World, job: Job, view: View) -> Any:
    told = _head(job, view.odd or _FLAT_WORDS[view.phase])
    if view.odd is not None:
        return told
    if view.phase is Phase.COMPLETED:
        items = _items(job, view)
        usage = {"cost": f"{PRICE * len(job.files):.2f}", "discount": 1, "image_count": len(job.files)}
        return {**told, "output": [{"content": items}] if items else [], "usage": usage, "metadata": {}}
    if view.phase is Phase.FAILED and job.outcome is not None:
        return {**told, "error": job.outcome.body}
    return {**told, "progress": round(view.progress, 2)}


def _enveloped(told: dict[str, Any]) -> Any:
    return {"data": told, "status": {"code": 200, "message": "success"}}


def _enveloped_accepted(_world: World, job: Job) -> Any:
    return _enveloped(_head(job, "in_queue"))


def _enveloped_state(_world: World, job: Job, view: View) -> Any:
    told = _head(job, view.odd or _ENVELOPED_WORDS[view.phase])
    if view.odd is not None:
        return _enveloped(told)
    if view.phase is Phase.COMPLETED:
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        told |= {"updated_at": int(job.ends_at * 1000), "output": _items(job, view), "usage": usage}
    elif view.phase is Phase.FAILED and job.outcome is not None:
        reason = job.outcome.body
        known = isinstance(reason, dict)
        told["error"] = {"code": reason["code"], "error_message": reason["message"]} if known else reason
    elif view.phase is Phase.RUNNING:
        told["progress"] = round(view.progress, 2)
    return _enveloped(told)


def _params(body: dict[str, Any]) -> Any:
    """The model's own fields, out of whichever wrapper they came in."""
    given = body.get("input")
    if not isinstance(given, list):
        return body
    first = given[0] if given and isinstance(given[0], dict) else {}
    return first.get("params")


def _prompt(params: Any) -> str:
    given = params.get("input") if isinstance(params, dict) else None
    if isinstance(given, dict):
        try:
            return text(given["messages"][0]["content"][0]["text"])
        except (KeyError, IndexError, TypeError):
            return text(given.get("prompt"))
    return text(params.get("prompt")) if isinstance(params, dict) else ""


def _count(params: Any) -> int:
    parameters = params.get("parameters") if isinstance(params, dict) else None
    given = parameters.get("n", MOST_IMAGES) if isinstance(parameters, dict) else MOST_IMAGES
    return given if isinstance(given, int) and 1 <= given <= MOST_IMAGES else MOST_IMAGES


def _check(asked: Asked) -> Outcome | None:
    code = broken(_params(asked.body)) if asked.model == CHECKED_MODEL else None
    return None if code is None else OUTCOMES_ALL[code]


def _identity(_asked: Asked, dice: Random) -> str:
    return token(dice, 20, ascii_lowercase + digits)


def _files(world: World, asked: Asked, external_id: str, _shape: int) -> tuple[str, ...]:
    ending = "mp4" if any(word in asked.model for word in FILM_WORDS) else "png"
    return tuple(f"{world.cdn_origin}/cdn/vtrix/{external_id}-{number}.{ending}" for number in range(asked.count))


_FAULTS = {
    "402": OUTCOMES_ALL["insufficient_credits"],
    "404": OUTCOMES_ALL["task_not_found"],
    "429": OUTCOMES_ALL["too_many_requests"],
    "500": OUTCOMES_ALL["server_error"],
    "503": OUTCOMES_ALL["service_unavailable"],
}
DESKS: Mapping[str, Desk] = {
    "flat": Desk(
        provider=PROVIDER,
        route="flat",
        outcomes=OUTCOMES_ALL,
        faults=_FAULTS,
        unauthorized=lambda _: OUTCOMES_ALL["invalid_key"],
        identity=_identity,
        files=_files,
        accepted=_flat_accepted,
        state=_flat_state,
        check=_check,
    ),
    "enveloped": Desk(
        provider=PROVIDER,
        route="enveloped",
        outcomes=OUTCOMES_ALL,
        faults=_FAULTS,
        unauthorized=lambda _: OUTCOMES_ALL["invalid_key"],
        identity=_identity,
        files=_files,
        accepted=_enveloped_accepted,
        state=_enveloped_state,
        check=_check,
    ),
}


def routes(world: World) -> list[Route]:
    """Vtrix's paths; an order of either dialect is polled on either of them."""

    async def submit(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        desk = DESKS["enveloped" if isinstance(body.get("input"), list) else "flat"]
        params = _params(body)
        model = text(body.get("model"))
        count = _count(params) if model == CHECKED_MODEL else 1
        return await door.submit(
            world, desk, request, Asked(prompt=_prompt(params), model=model, body=body, count=count)
        )

    async def poll(request: Request) -> Response:
        return door.poll(world, DESKS, request, request.path_params["id"])

    return [
        Route("/model/v1/generation", submit, methods=["POST"]),
        Route("/model/v1/generation/task/{id}", poll),
        Route("/api/v1/multi-models-generate/{id}", poll),
    ]
