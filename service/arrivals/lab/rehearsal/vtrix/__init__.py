"""Vtrix's side of the wire: an `input` object is answered flat, a list in the older envelope; Kirin calls back."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.stand_in import StandIn, read_json, text
from arrivals.lab.rehearsal.state import Outcome, RehearsalState, Submission
from arrivals.lab.rehearsal.vtrix import enveloped, flat, kirin
from arrivals.lab.rehearsal.vtrix.outcomes import FAULTS
from arrivals.lab.rehearsal.vtrix.outcomes import OUTCOMES as OUTCOMES_MODELS
from arrivals.lab.rehearsal.vtrix.rule import MAX_IMAGES, broken

PROVIDER = "vtrix"
CHECKED_MODEL = "wan26_t2i"
PROMPTED_MODEL = "vtrix-veo-3.1-generate-preview"  # its fields stand on top: prompt, seconds, size
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    "flat": OUTCOMES_MODELS,
    "enveloped": OUTCOMES_MODELS,
    "kirin": kirin.OUTCOMES,
}


def _params(body: dict[str, Any]) -> Any:
    """The model's own fields, taken out of their wrapper if they have one."""
    model_input = body.get("input")
    if not isinstance(model_input, list):
        return body
    first = model_input[0] if model_input and isinstance(model_input[0], dict) else {}
    return first.get("params")


def _prompt(params: Any) -> str:
    model_input = params.get("input") if isinstance(params, dict) else None
    if isinstance(model_input, dict):
        try:
            return text(model_input["messages"][0]["content"][0]["text"])
        except (KeyError, IndexError, TypeError):
            return text(model_input.get("prompt"))
    return text(params.get("prompt")) if isinstance(params, dict) else ""


def _count(params: Any) -> int:
    parameters = params.get("parameters") if isinstance(params, dict) else None
    count = parameters.get("n", MAX_IMAGES) if isinstance(parameters, dict) else MAX_IMAGES
    return count if isinstance(count, int) and 1 <= count <= MAX_IMAGES else MAX_IMAGES


def _check(submission: Submission) -> Outcome | None:
    params = _params(submission.body)
    if submission.model == CHECKED_MODEL:
        code = broken(params)
        return None if code is None else OUTCOMES_MODELS[code]
    if submission.model == PROMPTED_MODEL and not (isinstance(params, dict) and text(params.get("prompt"))):
        return OUTCOMES_MODELS["prompt_required"]
    return None


def _stand_in(route: str, dialect: Any) -> StandIn:
    return StandIn(
        provider=PROVIDER,
        route=route,
        outcomes=OUTCOMES_MODELS,
        faults=FAULTS,
        unauthorized=lambda _: OUTCOMES_MODELS["invalid_key"],
        identity=flat.identity,
        files=flat.files,
        accepted=dialect.accepted,
        state=dialect.state,
        check=_check,
    )


STAND_INS: Mapping[str, StandIn] = {"flat": _stand_in("flat", flat), "enveloped": _stand_in("enveloped", enveloped)}


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """Vtrix's paths; an order of any dialect can be polled on either of them."""
    stand_ins = {**STAND_INS, "kirin": kirin.stand_in(rehearsal_state)}

    async def submit(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        model = text(body.get("model"))
        if isinstance(body.get("input"), list):
            stand_in = stand_ins["enveloped"]
        else:
            stand_in = stand_ins["kirin" if model.startswith(kirin.BEGINNING) else "flat"]
        params = _params(body)
        submission = Submission(
            prompt=_prompt(params),
            model=model,
            body=body,
            callback_url=text(body.get("callback_url")) or None,
            count=_count(params) if model == CHECKED_MODEL else 1,
        )
        return await requests.submit(rehearsal_state, stand_in, request, submission)

    async def poll(request: Request) -> Response:
        external_id = kirin.task_id(rehearsal_state, request.path_params["id"])
        return requests.poll(rehearsal_state, stand_ins, request, external_id)

    return [
        Route("/model/v1/generation", submit, methods=["POST"]),
        Route("/model/v1/generation/task/{id}", poll),
        Route("/api/v1/multi-models-generate/{id}", poll),
    ]
