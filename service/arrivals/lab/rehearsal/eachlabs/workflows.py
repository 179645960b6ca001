"""Workflows: triggered alone, up to ten at once, or in public with the key in the body. Webhooks carry the secret."""

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
from arrivals.lab.rehearsal.state import Asked, Job, Outcome, RehearsalState, View, Voice

PROVIDER = "eachlabs"
ROUTE = "workflows"
MOST_INPUTS = 10
CODE = "ExecutionFailed"
_IN_FLIGHT = "the estimated cost of your in-flight executions exceeds your current balance ($1.00). please wait"
_CAP = "Account rate limited: accounts with a balance of $10.00 or less are limited to 10 concurrent executions."

# https://docs.eachlabs.ai/workflows (endpoints/trigger-workflow, endpoints/bulk-trigger, endpoints/get-execution)
OUTCOMES: Mapping[str, Outcome] = {
    # `error_cause` of an execution that failed; its `error` is always the same word
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
    """The webhook: the same body as the poll, and the bulk it came with."""
    bulk = job.asked.body.get("bulk_id")
    return execution.told(job, view) | ({} if bulk is None else {"bulk_id": bulk})


def _state(_world: RehearsalState, job: Job, view: View) -> Any:
    return _call(job, view)


def sign(job: Job, _body: bytes, /, *, forged: bool) -> Mapping[str, str]:
    """The secret itself, in a header; a forger guesses it, or leaves the header out."""
    secret = job.asked.secret
    if secret is None or (forged and job.coins[1]):
        return {}
    if forged:
        secret = f"{secret[:-1]}{'A' if secret[-1:] != 'A' else 'B'}"
    return {"x-webhook-secret": secret}


def _check(asked: Asked) -> Outcome | None:
    return None if isinstance(asked.body.get("inputs"), dict) else OUTCOMES["inputs_required"]


def _files(rehearsal_state: RehearsalState, asked: Asked, external_id: str, _shape: int) -> tuple[str, ...]:
    ending = "mp4" if "video" in asked.model else "png"
    return tuple(
        f"{rehearsal_state.cdn_origin}/cdn/eachlabs/{external_id}-{number}.{ending}" for number in range(asked.count)
    )


DESK = StandIn(
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
    identity=lambda _, dice: uuid(dice),
    files=_files,
    accepted=lambda _, job: {"execution_id": job.external_id, "status": "queued"},
    accepted_status=202,
    state=_state,
    check=_check,
    voice=Voice(write=_call, tries=3, sign=sign),
)


def _asked(request: Request, body: dict[str, Any], inputs: Any, **more: str) -> Asked:
    path = request.path_params
    name = path.get("slug") or path["workflow"]
    given = inputs if isinstance(inputs, dict) else {}
    return Asked(
        prompt=text(given.get("prompt")) or next(iter(strings(given)), ""),
        model=name,
        body={"inputs": inputs, "workflow_id": name, "version_id": path["version"], **more},
        # The body wins over the query.
        callback_url=text(body.get("webhook_url")) or request.query_params.get("webhook_url") or None,
        secret=text(body.get("webhook_secret")) or None,
    )


async def _bulk(rehearsal_state: RehearsalState, request: Request, body: dict[str, Any], given: str | None) -> Response:
    locked = requests.unauthorized(DESK, given)
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= MOST_INPUTS:
        locked = locked or OUTCOMES["bulk_inputs"]
    elif not all(isinstance(item, dict) for item in inputs):
        locked = locked or OUTCOMES["bulk_inputs"]  # one such entry refuses them all
    if locked is not None:
        return requests.error(DESK, locked, request, None)
    bulk_id = uuid(Random(f"{rehearsal_state.seed}:bulk:{len(rehearsal_state.jobs)}"))
    each = [_asked(request, body, item, bulk_id=bulk_id) for item in inputs or ()]
    try:
        for asked in each:
            requests.meant(DESK, asked)  # a slip in one of them refuses them all, before any is accepted
    except UnknownFault as unknown:
        return requests.misspelled(unknown)
    admitted = [requests.authenticate(rehearsal_state, DESK, asked, given) for asked in each]
    for one in admitted:
        if isinstance(one, requests.Admitted):
            await callbacks.begin(rehearsal_state, one.job)
    cut = any(isinstance(one, requests.Admitted) and one.cut for one in admitted)
    told = {"bulk_id": bulk_id, "executions": list(_executions(rehearsal_state, admitted))}
    return requests.reply(202, told, kind=requests.CutShort if cut else Response)


def _executions(rehearsal_state: RehearsalState, admitted: list[requests.Admitted | Outcome]) -> Iterator[Any]:
    """In the order of the inputs."""
    for one in admitted:
        if isinstance(one, Outcome):
            yield {"status": "failed", "message": one.body.get("details") or one.body["error"]}
        else:
            yield DESK.accepted(rehearsal_state, one.job)


def routes(rehearsal_state: RehearsalState, guests: Mapping[str, StandIn]) -> list[Route]:
    """The paths of workflows. `guests` are the routes that start executions elsewhere and have them polled here."""

    async def read(request: Request) -> dict[str, Any]:
        body = read_json(await request.body())
        return body if isinstance(body, dict) else {}

    async def trigger(request: Request) -> Response:
        body = await read(request)
        return await requests.submit(rehearsal_state, DESK, request, _asked(request, body, body.get("inputs")))

    async def public(request: Request) -> Response:
        body = await read(request)
        asked = _asked(request, body, body.get("inputs"))
        return await requests.submit(rehearsal_state, DESK, request, asked, given=f"Bearer {text(body.get('api_key'))}")

    async def bulk(request: Request) -> Response:
        return await _bulk(rehearsal_state, request, await read(request), request.headers.get("authorization"))

    async def poll(request: Request) -> Response:
        return requests.poll(rehearsal_state, {ROUTE: DESK, **guests}, request, request.path_params["id"])

    return [
        Route("/v1/workflows/trigger/{workflow}/{version}", trigger, methods=["POST"]),
        Route("/v1/workflows/bulk-trigger/{workflow}/{version}", bulk, methods=["POST"]),
        Route("/v1/public/@{nickname}/workflows/{slug}/versions/{version}/trigger", public, methods=["POST"]),
        Route("/v1/workflows/executions/{id}", poll),
    ]
