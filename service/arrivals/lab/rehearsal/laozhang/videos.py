"""LaoZhang's `/v1/videos`: an order's model and body choose the route, which then answers for the job."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.laozhang import form, seedance, sora, veo
from arrivals.lab.rehearsal.laozhang.errors import PROVIDER, REFUSALS
from arrivals.lab.rehearsal.stand_in import StandIn, text
from arrivals.lab.rehearsal.state import RehearsalState, Submission

STAND_INS: Mapping[str, StandIn] = {
    stand_in.route: stand_in for stand_in in (sora.FORWARD, veo.FORWARD, seedance.STAND_IN, sora.REVERSE, veo.REVERSE)
}
BY_MODEL: Mapping[str, StandIn] = {
    **dict.fromkeys(veo.MODELS, veo.FORWARD),
    **dict.fromkeys(veo.REVERSE_MODELS, veo.REVERSE),
    **dict.fromkeys(seedance.MODELS, seedance.STAND_IN),
}
FORMS_ONLY = frozenset({veo.FORWARD.route})
JSON_ONLY = frozenset({seedance.STAND_IN.route})
FILMS = frozenset({sora.FORWARD.route, sora.REVERSE.route, veo.FORWARD.route})  # their bytes are behind `/content`


def chosen(model: str, body: Mapping[str, Any], *, a_form: bool) -> StandIn:
    """The stand-in for an order; an unknown model goes to Sora's forward, which refuses it."""
    if model in sora.MODELS:
        return sora.chosen(body, form=a_form)
    stand_in = BY_MODEL.get(model, sora.FORWARD)
    if stand_in.route in (JSON_ONLY if a_form else FORMS_ONLY):
        return replace(stand_in, check=lambda _: REFUSALS["invalid_request_error"])
    return stand_in


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The paths of `/v1/videos`."""

    async def submit(request: Request) -> Response:
        body, a_form = await form.read(request)
        submission = Submission(prompt=seedance.prompt(body), model=text(body.get("model")), body=body)
        return await requests.submit(
            rehearsal_state, chosen(submission.model, body, a_form=a_form), request, submission
        )

    async def poll(request: Request) -> Response:
        return requests.poll(rehearsal_state, STAND_INS, request, request.path_params["id"])

    async def poll_veo(request: Request) -> Response:
        return requests.poll(rehearsal_state, {veo.FORWARD.route: veo.FORWARD}, request, request.path_params["id"])

    async def content(request: Request) -> Response:
        external_id = request.path_params["id"]
        job = rehearsal_state.jobs.get((PROVIDER, external_id))
        if job is not None and job.route == veo.REVERSE.route:
            return veo.content(rehearsal_state, request, external_id)
        return requests.content(
            rehearsal_state, STAND_INS[job.route] if job and job.route in FILMS else sora.FORWARD, request, external_id
        )

    return [
        Route("/v1/videos", submit, methods=["POST"]),
        Route("/v1/videos/{id}", poll),
        Route("/v1/videos/{id}/content", content),
        Route("/v1/video/generations/{id}", poll_veo),
    ]
