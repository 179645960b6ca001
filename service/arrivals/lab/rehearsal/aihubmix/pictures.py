"""Pictures, made while the caller waits: `/v1/models/{model}/predictions` and OpenAI's `/v1/images/generations`.

The only answer comes when the job's run is over.
"""

from collections.abc import Mapping
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import callbacks, requests
from arrivals.lab.rehearsal.aihubmix import errors
from arrivals.lab.rehearsal.aihubmix.videos import FAULTS, PROVIDER, unauthorized
from arrivals.lab.rehearsal.faults import UnknownFault
from arrivals.lab.rehearsal.files import data_uri, file_name
from arrivals.lab.rehearsal.stand_in import StandIn, outputs, read_json, text, token
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission

MAX_PICTURES = 10
MAX_PROMPT_BY_MODEL = {"dall-e-3": 4000}
MAX_PROMPT_DEFAULT = 32_000
AS_URLS, AS_BYTES = 0, 1  # the job's shape, for predictions: their own two forms; otherwise as OpenAI answers
_SIZE = re.compile(r"auto|[1-9]\d{2,3}x[1-9]\d{2,3}")

# https://docs.aihubmix.com/en/FAQs/HTTP-Codes; most 400 are passed on from the vendor as they are
_OUTCOMES_PICTURES: Mapping[str, Outcome] = {
    **errors.OUTCOMES,
    "moderation_blocked": errors.error(
        400, "Your request was rejected as a result of our safety system.", "moderation_blocked"
    ),
    "input_missing": errors.error(400, "input is required"),
}
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {"predictions": _OUTCOMES_PICTURES, "images": _OUTCOMES_PICTURES}


def _check(submission: Submission) -> Outcome | None:
    """Checks an order; `submission.body` holds the input of the model."""
    model_input = submission.body
    if not isinstance(model_input, dict):
        return _OUTCOMES_PICTURES["input_missing"]
    if not submission.prompt:
        return _OUTCOMES_PICTURES["prompt_missing"]
    if len(submission.prompt) > MAX_PROMPT_BY_MODEL.get(submission.model, MAX_PROMPT_DEFAULT):
        return _OUTCOMES_PICTURES["prompt_too_long"]
    count = model_input.get("n", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_PICTURES:
        return _OUTCOMES_PICTURES["n_not_within_range"]
    size = model_input.get("size", "auto")
    sound = isinstance(size, str) and _SIZE.fullmatch(size)
    return None if sound else _OUTCOMES_PICTURES["size_not_supported"]


def _files(rehearsal_state: RehearsalState, submission: Submission, external_id: str, _shape: int) -> tuple[str, ...]:
    return tuple(
        f"{rehearsal_state.cdn_origin}/cdn/aihubmix/{external_id}-{number}.png" for number in range(submission.count)
    )


def _in_bytes(job: Job) -> bool:
    """Tells whether the answer holds the pictures themselves, as base64."""
    dialects = job.directive.dialects
    if dialects:
        return "base64" in dialects
    return job.shape == AS_BYTES if job.route == "predictions" and job.shape in {AS_URLS, AS_BYTES} else job.coins[0]


def _made(_rehearsal_state: RehearsalState, job: Job) -> Any:
    shown = outputs(job, job.view(Phase.COMPLETED))
    if job.route == "predictions" and job.shape in {AS_URLS, AS_BYTES}:
        if _in_bytes(job):
            return {"output": {"b64_json": [{"bytesBase64": _base64(uri)} for uri in shown]}}
        return {"output": [{"url": url} for url in shown]}
    items = [{"b64_json": _base64(url)} if _in_bytes(job) else {"url": url} for url in shown]
    return {"created": int(job.ends_at), "data": items}


def _base64(uri: str) -> str:
    return uri.partition(",")[2]


STAND_INS: Mapping[str, StandIn] = {
    route: StandIn(
        provider=PROVIDER,
        route=route,
        outcomes=outcomes,
        faults=FAULTS,
        unauthorized=unauthorized,
        identity=lambda _, rng: f"img_{token(rng, 24)}",
        files=_files,
        accepted=_made,
        state=lambda rehearsal_state, job, _: _made(rehearsal_state, job),
        check=_check,
        dialects=frozenset({"url", "base64"}),
        answers_once=True,
    )
    for route, outcomes in OUTCOMES.items()
}


async def _answer(
    rehearsal_state: RehearsalState, stand_in: StandIn, request: Request, model: str, model_input: Any
) -> Response:
    fields = model_input if isinstance(model_input, dict) else {}
    count = fields.get("n", 1)
    submission = Submission(
        prompt=text(fields.get("prompt")),
        model=model,
        body=model_input,
        count=count if isinstance(count, int) and 1 <= count <= MAX_PICTURES else 1,
    )
    try:
        admitted = requests.admit(rehearsal_state, stand_in, submission, request.headers.get("authorization"))
    except UnknownFault as unknown:
        return requests.unknown_fault(unknown)
    if isinstance(admitted, Outcome):
        return requests.error(stand_in, admitted, request, submission)
    job = admitted.job
    if _in_bytes(job):
        job.files = tuple(data_uri(file_name(url)) for url in job.files)
    await callbacks.sleep_until(rehearsal_state, job.ends_at)
    return requests.reply(
        200, stand_in.accepted(rehearsal_state, job), kind=requests.CutShort if admitted.cut else Response
    )


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The paths of pictures."""

    async def predictions(request: Request) -> Response:
        body = read_json(await request.body())
        model_input = body.get("input") if isinstance(body, dict) else None
        return await _answer(
            rehearsal_state, STAND_INS["predictions"], request, request.path_params["model"], model_input
        )

    async def images(request: Request) -> Response:
        body = read_json(await request.body())
        fields = body if isinstance(body, dict) else {}
        return await _answer(rehearsal_state, STAND_INS["images"], request, text(fields.get("model")), fields)

    return [
        Route("/v1/models/{model:path}/predictions", predictions, methods=["POST"]),
        Route("/v1/images/generations", images, methods=["POST"]),
    ]
