"""Workflows: triggered singly, in bulk up to ten, or publicly with the key in the body. Webhooks carry the secret."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import callbacks, requests
from arrivals.lab.rehearsal.eachlabs import execution
from arrivals.lab.rehearsal.faults import UnknownFault
from arrivals.lab.rehearsal.stand_in import StandIn, failure, read_json, refusal, strings, text, uuid, vanished
from arrivals.lab.rehearsal.state import Job, Outcome, RehearsalState, Submission, View, Voice

PROVIDER = "eachlabs"
ROUTE = "workflows"
MAX_INPUTS = 10
CODE = "ExecutionFailed"
_IN_FLIGHT = "the estimated cost of your in-flight executions exceeds your current balance ($1.00). please wait"
_CAP = "Account rate limited: accounts with a balance of $10.00 or less are limited to 10 concurrent executions."

# https://docs.eachlabs.ai/workflows (endpoints/trigger-workflow, endpoints/bulk-trigger, endpoints/get-execution)
OUTCOMES: Mapping[str, Outcome] = {
    # `error_cause` of an execution that failed; its `error` is always the same
    "model_timeout": failure("Step 'generate_image' failed: Model timeout after 30s", CODE),
    "execution_timeout": failure("Workflow execution timeout", CODE),
    "step_failed": failure("Step 'generate_image' failed: Model returned error", CODE),
    "step_moderated": failure("Step 'generate_image' failed: content moderation rejected the prompt", CODE),
    "step_invalid": failure("Step 'generate_image' failed: invalid input: prompt is required", CODE),
    # refused at the trigger
    "inputs_required": refusal(400, {"error": "inputs is required"}),
    "invalid_input": refusal(400, {"error": "invalid input: missing required field 'prompt'"}),
    "bulk_inputs": refusal(400, {"error": "inputs must contain between 1 and 10 objects"}),
    "invalid_key": refusal(401, {"error": "Invalid or missing API key"}),
    "insufficient_balance": refusal(402, {"error": "insufficient balance"}),
    "payment_required": refusal(402, {"status": 402, "error": "payment required", "details": _IN_FLIGHT}),
    "forbidden": refusal(403, {"error": "forbidden"}),
    "workflow_not_found": refusal(404, {"error": "workflow not found"}),
    "request_timed_out": refusal(408, {"error": "request timed out"}),
    "conflict": refusal(409, {"error": "workflow has no published version"}),
    "too_many_requests": refusal(429, {"status": 429, "error": "too many requests", "details": _CAP}, Retry_After="1"),
    "server_error": refusal(500, {"error": "internal server error"}),
    "engine_unavailable": refusal(502, {"error": "Workflows Engine unavailable"}),
    "service_unavailable": refusal(503, {"error": "service unavailable"}),
    "execution_not_found": vanished(404, {"error": "execution not found"}),
}


def _call(job: Job, view: View) -> Any:
    """The webhook: the same body as the poll, and the id of its bulk."""
    bulk = job.submission.body.get("bulk_id")
    return execution.payload(job, view) | ({} if bulk is None else {"bulk_id": bulk})


def _state(_rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    return _call(job, view)


def sign(job: Job, _body: bytes, /, *, forged: bool) -> Mapping[str, str]:
    """The secret itself, in a header; a forger guesses it or leaves the header out."""
    secret = job.submission.secret
    if secret is None or (forged and job.coins[1]):
        return {}
    if forged:
        secret = f"{secret[:-1]}{'A' if secret[-1:] != 'A' else 'B'}"
    return {"x-webhook-secret": secret}


def _check(submission: Submission) -> Outcome | None:
    return None if isinstance(submission.body.get("inputs"), dict) else OUTCOMES["inputs_required"]


def _files(rehearsal_state: RehearsalState, submission: Submission, external_id: str, _shape: int) -> tuple[str, ...]:
    ending = "mp4" if "video" in submission.model else "png"
    return tuple(
        f"{rehearsal_state.cdn_origin}/cdn/eachlabs/{external_id}-{number}.{ending}"
        for number in range(submission.count)
    )


STAND_IN = StandIn(
    provider=PROVIDER,
    route=ROUTE,
    outcomes=OUTCOMES,
    faults={
        "402": OUTCOMES["insufficient_balance"],
        "404": OUTCOMES["execution_not_found"],
        "429": OUTCOMES["too_many_requests"],
        "500": OUTCOMES["server_error"],
        "503": OUTCOMES["service_unavailable"],
    },
    unauthorized=lambda _: OUTCOMES["invalid_key"],
    identity=lambda _, rng: uuid(rng),
    files=_files,
    accepted=lambda _, job: {"execution_id": job.external_id, "status": "queued"},
    accepted_status=202,
    state=_state,
    check=_check,
    voice=Voice(write=_call, tries=3, sign=sign),
)


def _submission(request: Request, body: dict[str, Any], inputs: Any, **more: str) -> Submission:
    path = request.path_params
    name = path.get("slug") or path["workflow"]
    fields = inputs if isinstance(inputs, dict) else {}
    return Submission(
        prompt=text(fields.get("prompt")) or next(iter(strings(fields)), ""),
        model=name,
        body={"inputs": inputs, "workflow_id": name, "version_id": path["version"], **more},
        # The body wins over the query.
        callback_url=text(body.get("webhook_url")) or request.query_params.get("webhook_url") or None,
        secret=text(body.get("webhook_secret")) or None,
    )


async def _bulk(
    rehearsal_state: RehearsalState, request: Request, body: dict[str, Any], authorization: str | None
) -> Response:
    rejection = requests.unauthorized(STAND_IN, authorization)
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= MAX_INPUTS:
        rejection = rejection or OUTCOMES["bulk_inputs"]
    elif not all(isinstance(item, dict) for item in inputs):
        rejection = rejection or OUTCOMES["bulk_inputs"]  # a single wrong entry refuses them all
    if rejection is not None:
        return requests.error(STAND_IN, rejection, request, None)
    bulk_id = uuid(Random(f"{rehearsal_state.seed}:bulk:{len(rehearsal_state.jobs)}"))
    submissions = [_submission(request, body, item, bulk_id=bulk_id) for item in inputs or ()]
    try:
        for submission in submissions:
            # An unknown fault in any of them refuses them all, before any is accepted.
            requests.read_directive(STAND_IN, submission)
    except UnknownFault as unknown:
        return requests.unknown_fault(unknown)
    admissions = [requests.admit(rehearsal_state, STAND_IN, submission, authorization) for submission in submissions]
    for admission in admissions:
        if isinstance(admission, requests.Admitted):
            await callbacks.begin(rehearsal_state, admission.job)
    cut = any(isinstance(admission, requests.Admitted) and admission.cut for admission in admissions)
    answer = {"bulk_id": bulk_id, "executions": list(_executions(rehearsal_state, admissions))}
    return requests.reply(202, answer, kind=requests.CutShort if cut else Response)


def _executions(rehearsal_state: RehearsalState, admissions: list[requests.Admitted | Outcome]) -> Iterator[Any]:
    """The entries of `executions`, in the order of the inputs."""
    for admission in admissions:
        if isinstance(admission, Outcome):
            yield {"status": "failed", "message": admission.body.get("details") or admission.body["error"]}
        else:
            yield STAND_IN.accepted(rehearsal_state, admission.job)


def routes(rehearsal_state: RehearsalState, guests: Mapping[str, StandIn]) -> list[Route]:
    """The paths of workflows. `guests` are routes whose executions start elsewhere and are polled here."""

    async def read(request: Request) -> dict[str, Any]:
        body = read_json(await request.body())
        return body if isinstance(body, dict) else {}

    async def trigger(request: Request) -> Response:
        body = await read(request)
        return await requests.submit(rehearsal_state, STAND_IN, request, _submission(request, body, body.get("inputs")))

    async def public(request: Request) -> Response:
        body = await read(request)
        submission = _submission(request, body, body.get("inputs"))
        return await requests.submit(
            rehearsal_state, STAND_IN, request, submission, authorization=f"Bearer {text(body.get('api_key'))}"
        )

    async def bulk(request: Request) -> Response:
        return await _bulk(rehearsal_state, request, await read(request), request.headers.get("authorization"))

    async def poll(request: Request) -> Response:
        return requests.poll(rehearsal_state, {ROUTE: STAND_IN, **guests}, request, request.path_params["id"])

    return [
        Route("/v1/workflows/trigger/{workflow}/{version}", trigger, methods=["POST"]),
        Route("/v1/workflows/bulk-trigger/{workflow}/{version}", bulk, methods=["POST"]),
        Route("/v1/public/@{nickname}/workflows/{slug}/versions/{version}/trigger", public, methods=["POST"]),
        Route("/v1/workflows/executions/{id}", poll),
    ]
