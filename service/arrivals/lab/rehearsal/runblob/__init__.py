"""RunBlob's side of the wire: one pair of paths for each family, and those of the older Veo host.

Its webhooks are not signed, and some of its families fail in a poll without saying why.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.runblob import bodies, errors, legacy
from arrivals.lab.rehearsal.runblob.errors import OUTCOMES
from arrivals.lab.rehearsal.runblob.families import FAMILIES
from arrivals.lab.rehearsal.runblob.rules import broken
from arrivals.lab.rehearsal.stand_in import StandIn, read_json, text, uuid
from arrivals.lab.rehearsal.state import RehearsalState, Submission, Voice

__all__ = ["OUTCOMES", "routes"]


def _files(
    route: str, rehearsal_state: RehearsalState, _submission: Submission, external_id: str, shape: int
) -> tuple[str, ...]:
    stem = f"{rehearsal_state.cdn_origin}/cdn/runblob/{external_id}"
    frame = (f"{stem}-last.png",) if route == "seedance" and not shape else ()
    return (f"{stem}{FAMILIES[route].ending}", *frame)


def _stand_in(route: str) -> StandIn:
    family = FAMILIES[route]
    return StandIn(
        provider="runblob",
        route=route,
        outcomes=OUTCOMES[route],
        faults=errors.faults(route, family.not_found),
        unauthorized=errors.unauthorized,
        identity=lambda _, rng: f"{family.prefix}{uuid(rng)}",
        files=partial(_files, route),
        accepted=bodies.accepted,
        accepted_status=201,
        state=bodies.state,
        check=lambda submission: broken(submission, family.rules, family.apart),
        voice=Voice(write=bodies.call, tries=family.tries, tells_running=True),
    )


def _paths(rehearsal_state: RehearsalState, stand_in: StandIn) -> list[Route]:
    async def generate(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        callback_url = text(body.get("callback_url")) or None
        model = text(body.get("model"), stand_in.route)
        submission = Submission(prompt=text(body.get("prompt")), model=model, body=body, callback_url=callback_url)
        return await requests.submit(rehearsal_state, stand_in, request, submission)

    async def look(request: Request) -> Response:
        return requests.poll(rehearsal_state, {stand_in.route: stand_in}, request, request.path_params["id"])

    return [
        Route(f"/v1/{stand_in.route}/generate", generate, methods=["POST"]),
        Route(f"/v1/{stand_in.route}/generations/{{id}}", look),
        Route(f"/v1/{stand_in.route}/generations/{{id}}/", look),  # as the examples of Sora write it
    ]


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """RunBlob's paths."""
    return [
        *(path for route in FAMILIES for path in _paths(rehearsal_state, _stand_in(route))),
        *legacy.routes(rehearsal_state),
    ]
