"""Predictions. Webhooks carry the secret itself or, in the older form, a signature."""

from collections.abc import Mapping
import hashlib
import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import requests
from arrivals.lab.rehearsal.stand_in import StandIn, failure, outputs, read_json, refusal, strings, text, uuid, vanished
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View, Voice

PROVIDER = "eachlabs"
ROUTE = "predictions"
LIST, OBJECT = 1, 2  # the job's shape: what `output` is in a poll; else one string
FILM_WORDS = ("video", "veo", "kling", "sora", "t2v", "i2v")
LIE = "Error: content rejected"  # what a false failure gives as its reason
_IN_FLIGHT = "the estimated cost of your in-flight executions exceeds your current balance ($1.00). please wait"
_CAP = "Account rate limited: accounts with a balance of $10.00 or less are limited to 10 concurrent executions."


def _envelope(category: str, code: str | None, message: str, *, retryable: bool = False, **more: Any) -> Outcome:
    """A failed prediction with this envelope in its `output`."""
    body = {
        "classification": {"category": category},
        "error": "Execution failed",
        **({} if code is None else {"error_code": code}),
        "error_message": message,
        "error_step": "Model.0",
        "provider": "rehearsal",
        "retryable": retryable,
        "status": "ERROR",
        "success": False,
        **more,
    }
    return failure({"output": body, "logs": None}, code)


# https://docs.eachlabs.ai (api/errors, api/predictions), from github.com/eachlabs/mintlify-docs
OUTCOMES: Mapping[str, Outcome] = {
    # error codes of the failure envelope
    "INPUT_VALIDATION_ERROR": _envelope("VALIDATION", "INPUT_VALIDATION_ERROR", "prompt is not valid for this model"),
    "INPUT_DOWNLOAD_ERROR": _envelope("VALIDATION", "INPUT_DOWNLOAD_ERROR", "could not download the input image"),
    "PROVIDER_REJECTED": _envelope(
        "PROVIDER", "PROVIDER_REJECTED", "the provider rejected the request", http_status=422
    ),
    "PROVIDER_BAD_REQUEST": _envelope(
        "PROVIDER", "PROVIDER_BAD_REQUEST", "the provider could not read the request", provider_error_code="bad_request"
    ),
    "PROVIDER_FAILED": _envelope("PROVIDER", "PROVIDER_FAILED", "the provider failed", retryable=True),
    "PROVIDER_RATE_LIMIT": _envelope(
        "RATE_LIMIT", "PROVIDER_RATE_LIMIT", "the provider is rate limited", retryable=True
    ),
    "PROVIDER_AUTH_ERROR": _envelope("AUTH", "PROVIDER_AUTH_ERROR", "the provider refused our credentials"),
    "PROVIDER_SERVER_ERROR": _envelope(
        "PROVIDER", "PROVIDER_SERVER_ERROR", "the provider answered 500", retryable=True
    ),
    "NETWORK_ERROR": _envelope("NETWORK", "NETWORK_ERROR", "connection reset", retryable=True),
    "EXECUTION_TIMEOUT": _envelope("TIMEOUT", "EXECUTION_TIMEOUT", "Model timeout after 30s", retryable=True),
    # category words alone, with no code beside them
    "VALIDATION": _envelope("VALIDATION", None, "the input is not valid"),
    "PROVIDER": _envelope("PROVIDER", None, "the provider failed"),
    "AUTH": _envelope("AUTH", None, "the provider refused our credentials"),
    "RATE_LIMIT": _envelope("RATE_LIMIT", None, "the provider is rate limited", retryable=True),
    "NETWORK": _envelope("NETWORK", None, "connection reset", retryable=True),
    "TIMEOUT": _envelope("TIMEOUT", None, "timed out", retryable=True),
    "INTERNAL": _envelope("INTERNAL", None, "internal error"),
    "UNKNOWN": _envelope("UNKNOWN", None, "unknown error"),
    # a dispatch that failed, and the older documents' place for the reason
    "dispatch_failed": failure({"output": {"error": "Error: Model timeout after 30s"}, "logs": None}),
    "failed_in_logs": failure({"output": None, "logs": "Error: Model timeout after 30s"}),
    # refused at submit
    "invalid_input": refusal(400, {"error": "Invalid input for model"}),
    "model_required": refusal(400, {"error": "model field is required"}),
    "invalid_key": refusal(401, {"error": "Invalid or missing API key"}),
    "payment_required": refusal(402, {"status": 402, "error": "payment required", "details": _IN_FLIGHT}),
    "insufficient_balance": refusal(402, {"error": "insufficient balance"}),
    "forbidden": refusal(403, {"error": "forbidden"}),
    "model_not_found": refusal(404, {"error": "model not found"}),
    "too_many_requests": refusal(429, {"status": 429, "error": "too many requests", "details": _CAP}, Retry_After="1"),
    "started_at_once": refusal(
        429,
        {"status": 429, "error": "too many requests", "details": "too many executions were started at once"},
        Retry_After="1",
    ),
    "server_error": refusal(500, {"error": "internal server error"}),
    "service_unavailable": refusal(503, {"error": "service unavailable"}),
    "prediction_not_found": vanished(404, {"error": "Prediction not found"}),
}
_WORDS = {
    Phase.QUEUED: "starting",
    Phase.RUNNING: "processing",
    Phase.COMPLETED: "success",
    Phase.FAILED: "error",
    Phase.CANCELED: "cancelled",
}


def _state(rehearsal_state: RehearsalState, job: Job, view: View) -> Any:
    own = f"{rehearsal_state.origin}/eachlabs/v1/prediction/{job.external_id}"
    prediction = {
        "id": job.external_id,
        "input": job.submission.body.get("input"),
        "status": view.odd or _WORDS[view.phase],
        "output": _output(job, view),
        "logs": None,
        "metrics": {"predict_time": round(job.run_s, 2), "cost": 0.05 if view.phase is Phase.COMPLETED else 0},
        "urls": {"cancel": f"{own}/cancel", "get": own},
    }
    if view.odd is None and view.phase is Phase.FAILED and job.outcome is not None:
        prediction |= job.outcome.body
    return prediction


def _output(job: Job, view: View) -> Any:
    shown = outputs(job, view)
    if not shown:
        return None
    if job.shape == LIST:
        return list(shown)
    return {"url": shown[0]} if job.shape == OBJECT else shown[0]


def _reason(job: Job) -> str:
    if job.outcome is None:
        return LIE
    envelope = job.outcome.body["output"]
    if envelope is None:
        return text(job.outcome.body["logs"])
    return f"Error: {envelope['error_message']}" if "error_message" in envelope else text(envelope["error"])


def _is_older(job: Job) -> bool:
    return job.directive.dialect == "hmac" or (job.directive.dialect is None and job.coins[1])


def _call(job: Job, view: View) -> Any:
    """The webhook: today's form, or the one documented before July 2026."""
    completed = view.phase is Phase.COMPLETED
    if _is_older(job):
        return {
            "id": job.external_id,
            "status": "success" if completed else "failed",
            "output": _output(job, view),
            "input": job.submission.body.get("input"),
            "metrics": {"predict_time": round(job.run_s, 2), "cost": 0.05 if completed else 0},
            "logs": None if completed else _reason(job),
        }
    failed = [{"id": "", "status": "", "output": "", "error": "" if completed else _reason(job)}]
    shown = outputs(job, view)
    return {
        "exec_id": job.external_id,
        "flow_id": None,
        "status": "succeeded" if completed else "failed",
        "output": ({"url": shown[0]} if shown else None) if completed else failed,
        "error": "",
    }


def _sign(job: Job, body: bytes, /, *, forged: bool) -> Mapping[str, str]:
    secret = job.submission.secret
    if secret is None:
        return {}
    if forged:
        # A forger does not know the secret: it guesses, or leaves the header out.
        secret = f"{secret[:-1]}{'A' if secret[-1:] != 'A' else 'B'}"
        if job.shape == LIST:
            return {}
    if _is_older(job):
        return {"x-webhook-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    return {"x-webhook-secret": secret}


def _check(submission: Submission) -> Outcome | None:
    if not submission.model:
        return OUTCOMES["model_required"]
    return None if isinstance(submission.body.get("input"), dict) else OUTCOMES["invalid_input"]


def _files(rehearsal_state: RehearsalState, submission: Submission, external_id: str, _shape: int) -> tuple[str, ...]:
    ending = "mp4" if any(word in submission.model for word in FILM_WORDS) else "png"
    return (f"{rehearsal_state.cdn_origin}/cdn/eachlabs/{external_id}.{ending}",)


STAND_IN = StandIn(
    provider=PROVIDER,
    route=ROUTE,
    outcomes=OUTCOMES,
    faults={
        "402": OUTCOMES["payment_required"],
        "404": OUTCOMES["prediction_not_found"],
        "429": OUTCOMES["too_many_requests"],
        "500": OUTCOMES["server_error"],
        "503": OUTCOMES["service_unavailable"],
    },
    unauthorized=lambda _: OUTCOMES["invalid_key"],
    identity=lambda _, rng: uuid(rng),
    files=_files,
    accepted=lambda _, job: {
        "status": "success",
        "message": "Prediction created successfully",
        "predictionID": job.external_id,
    },
    state=_state,
    check=_check,
    voice=Voice(write=_call, tries=3, sign=_sign),
    dialects=frozenset({"hmac", "secret"}),
)


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The paths of predictions."""

    async def submit(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        model_input = body.get("input")
        prompt = text(model_input.get("prompt") if isinstance(model_input, dict) else None) or next(
            iter(strings(model_input)), ""
        )
        submission = Submission(
            prompt=prompt,
            model=text(body.get("model")),
            body=body,
            callback_url=text(body.get("webhook_url")) or None,
            secret=text(body.get("webhook_secret")) or None,
        )
        return await requests.submit(rehearsal_state, STAND_IN, request, submission)

    async def poll(request: Request) -> Response:
        return requests.poll(rehearsal_state, {ROUTE: STAND_IN}, request, request.path_params["id"])

    async def cancel(request: Request) -> Response:
        job = requests.authorized_job(rehearsal_state, STAND_IN, request, request.path_params["id"])
        if isinstance(job, Response):
            return job
        ended = job.phase(rehearsal_state.now()) in {Phase.COMPLETED, Phase.FAILED}
        if not ended:
            job.canceled_at = rehearsal_state.now()
        answer = {"message": "Prediction canceled successfully", "predictionID": job.external_id}
        # Best effort: the pages show both words, and a prediction that has ended stays as it is.
        return requests.reply(200, {"status": "success" if ended else "cancelled", **answer})

    return [
        Route("/v1/prediction", submit, methods=["POST"]),
        Route("/v1/prediction/{id}", poll),
        Route("/v1/prediction/{id}/cancel", cancel, methods=["POST"]),
    ]
