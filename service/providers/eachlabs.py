"""each::labs predictions. The words of submit, poll and webhook clash: `success` first means accepted, later finished.

Its webhooks send the secret that was given with the submission; an older form signs the body with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from service.core.admission import Budget
from service.core.failure import Failure, FailureCode
from service.core.generation import Status, VerifiedBy
from service.core.http import HttpCall, HttpReply, InboundWebhook
from service.core.observation import Reading
from service.providers.base import Account, Order, Refused, Route, Target, Trust, Unreadable, Unverified
from service.providers.explain import Said, explain, retry_after_s
from service.providers.shapes import (
    duration,
    get,
    identifier,
    loose_record,
    outputs,
    part,
    post,
    price,
    record,
    standing,
    text,
    texts,
    urls,
)
from service.providers.signing import hex_hmac_matches, secret_matches

NAME = "eachlabs"
BASE_URL = "https://api.eachlabs.ai"
DOCUMENTATION = "https://docs.eachlabs.ai/sense/edge-cases"

# 10 executions in flight while the balance is small, 60 requests/min on the Pro plan:
# https://docs.eachlabs.ai/sense/edge-cases
BUDGET = Budget(max_in_flight=10, requests_per_minute=60)

PREDICTIONS = Route(
    name="predictions",
    models=("*",),
    # image 10-60 s, video 60-600 s, at most 15 min
    documentation="https://docs.eachlabs.ai/api/predictions",
    kind="image",
    first_poll_s=5,
    poll_every_s=5,
    usual_s=60,
    ceiling_s=900,
    trust=Trust.BODY,
    cancels=True,
    limits={"input": "as the model's page says"},
)
ROUTES: tuple[Route, ...] = (PREDICTIONS,)

# https://docs.eachlabs.ai/api/predictions (the OpenAPI file beside it still lists `failed`)
# https://docs.eachlabs.ai/api/webhooks (`succeeded`, `failed`; `success` is the older payload's word)
# word of a poll or a webhook (not of the submit answer): ours
STATUSES: Mapping[str, Status] = {
    "created": Status.SUBMITTED,
    "queued": Status.SUBMITTED,
    "starting": Status.PROCESSING,
    "processing": Status.PROCESSING,
    "running": Status.PROCESSING,
    "success": Status.COMPLETED,
    "succeeded": Status.COMPLETED,
    "error": Status.FAILED,
    "failed": Status.FAILED,
    "cancelled": Status.CANCELED,
    "canceled": Status.CANCELED,
}

# https://docs.eachlabs.ai/api/predictions (error_code of the failure envelope), https://docs.eachlabs.ai/sense/edge-cases
# each::labs' code: ours
CODES: Mapping[str, FailureCode] = {
    "INPUT_VALIDATION_ERROR": FailureCode.INVALID_REQUEST,
    "PROVIDER_REJECTED": FailureCode.INVALID_REQUEST,
    "PROVIDER_BAD_REQUEST": FailureCode.INVALID_REQUEST,
    "PROVIDER_FAILED": FailureCode.PROVIDER_ERROR,
    "PROVIDER_SERVER_ERROR": FailureCode.PROVIDER_ERROR,
    "PROVIDER_AUTH_ERROR": FailureCode.PROVIDER_ERROR,
    "PROVIDER_RATE_LIMIT": FailureCode.RATE_LIMITED,
    "NETWORK_ERROR": FailureCode.PROVIDER_ERROR,
    "EXECUTION_TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
    "INPUT_DOWNLOAD_ERROR": FailureCode.INPUT_UNREACHABLE,
    "CONTENT_FILTER": FailureCode.CONTENT_POLICY,
    "AGE_VERIFICATION_REQUIRED": FailureCode.CONTENT_POLICY,
    "INSUFFICIENT_BALANCE": FailureCode.INSUFFICIENT_FUNDS,
    "RATE_LIMITED": FailureCode.RATE_LIMITED,
    "SESSION_BUSY": FailureCode.CONCURRENCY_LIMITED,
    "SESSION_NOT_FOUND": FailureCode.INVALID_REQUEST,
    "TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
}

# https://docs.eachlabs.ai/api/predictions (classification.category of the failure envelope)
# each::labs' category: ours
CATEGORIES: Mapping[str, FailureCode] = {
    "VALIDATION": FailureCode.INVALID_REQUEST,
    "PROVIDER": FailureCode.PROVIDER_ERROR,
    "AUTH": FailureCode.PROVIDER_ERROR,
    "RATE_LIMIT": FailureCode.RATE_LIMITED,
    "NETWORK": FailureCode.PROVIDER_ERROR,
    "TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
    "INTERNAL": FailureCode.PROVIDER_ERROR,
    "UNKNOWN": FailureCode.UNKNOWN,
}

# Many errors are only a sentence: https://docs.eachlabs.ai/sense/edge-cases
WORDS = (
    (r"insufficient balance|payment required", FailureCode.INSUFFICIENT_FUNDS),
    (r"concurrent executions|too many executions", FailureCode.CONCURRENCY_LIMITED),
    (r"rate limit|too many requests", FailureCode.RATE_LIMITED),
    (r"^model not found|^workflow not found", FailureCode.MODEL_NOT_FOUND),
    (r"temporarily unavailable", FailureCode.MODEL_UNAVAILABLE),
    (r"unable to fetch", FailureCode.INPUT_UNREACHABLE),
    (r"invalid image url", FailureCode.INVALID_INPUT),
    (r"^maximum \d+ images", FailureCode.INVALID_REQUEST),
    (r"session memory limit", FailureCode.INVALID_REQUEST),
    (r"currently processing another request", FailureCode.CONCURRENCY_LIMITED),
    (r"timed? ?out|timeout", FailureCode.PROVIDER_TIMEOUT),
)
# The older page names no header for its signature: https://docs.eachlabs.ai/api/webhooks (before July 2026)
SIGNATURE_HEADERS = ("x-webhook-signature", "x-eachlabs-signature", "x-signature", "webhook-signature")
TOO_MANY = 429


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/api/predictions. `version` goes only if the order has one: OpenAPI ignores it.

    The order's input is the model's, or the whole `{"input": {…}, "version"}`.
    """
    given = order.input
    enclosed = isinstance(given.get("input"), Mapping)
    body = {"model": order.model, "input": given["input"] if enclosed else given}
    if enclosed and "version" in given:
        body["version"] = given["version"]
    if order.callback_url:
        body["webhook_url"] = order.callback_url
        body["webhook_secret"] = order.webhook_secret
    return post(account, "/v1/prediction", body)


def read_submitted(reply: HttpReply, target: Target) -> Reading:  # noqa: ARG001 - the protocol's form
    """`success` here says that the order was accepted."""
    body = _ok(reply, "submit")
    external_id = identifier(body.get("predictionID")) or identifier(body.get("id"))
    word = text(body.get("status"))
    if external_id is None:
        if body.get("error") or word in ("error", "failed"):
            raise Refused(_failure(reply, "submit"))
        raise Unreadable("an accepted submission without an id")
    return Reading(status=Status.SUBMITTED, provider_status=word, external_id=external_id)


def poll(target: Target, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/api/predictions."""
    return get(account, f"/v1/prediction/{quote(target.known_id, safe='')}")


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """A failed prediction has its envelope in `output`."""
    body = _ok(reply, "poll")
    word = text(body.get("status"))
    status = standing(word, STATUSES, "poll")
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(body.get("id")),
        outputs=outputs(list(urls(body.get("output"))), target.base_url) if status is Status.COMPLETED else (),
        failure=_work_failure(body, "poll") if status is Status.FAILED else None,
        cost=price(part(body, "metrics").get("cost")),
    )


def cancel(target: Target, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/api/predictions."""
    return post(account, f"/v1/prediction/{quote(target.known_id, safe='')}/cancel", {})


def read_canceled(reply: HttpReply, target: Target) -> Reading:
    """Two pages answer `cancelled` and `success`; both mean that it was canceled, and no webhook will say so."""
    body = _ok(reply, "cancel")
    word = text(body.get("status"))
    if word not in ("cancelled", "canceled", "success"):
        raise Refused(_failure(reply, "cancel"))
    return Reading(status=Status.CANCELED, provider_status=word, external_id=target.external_id)


def verify(webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:
    """https://docs.eachlabs.ai/api/webhooks: the secret itself; before July 2026 an HMAC-SHA256 of the raw body."""
    if secret_matches(webhook.headers.get("x-webhook-secret"), secrets):
        return VerifiedBy.SECRET
    if any(hex_hmac_matches(webhook.headers.get(name), webhook.body, secrets) for name in SIGNATURE_HEADERS):
        return VerifiedBy.SIGNATURE
    raise Unverified("neither X-Webhook-Secret nor a signature of the body matches")


def read_webhook(webhook: InboundWebhook, target: Target) -> Reading:
    """The payload of today (`exec_id`) and the older one (`id`). A failure's code stands only in polls."""
    body = record(webhook.body)
    word = text(body.get("status"))
    status = standing(word, STATUSES, "webhook")
    failure = _work_failure(body, "webhook") if status is Status.FAILED else None
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(body.get("exec_id")) or identifier(body.get("id")),
        outputs=outputs(list(urls(body.get("output"))), target.base_url) if status is Status.COMPLETED else (),
        failure=failure,
        cost=price(part(body, "metrics").get("cost")),
        awaits_detail=failure is not None and failure.provider_code is None,
    )


def _ok(reply: HttpReply, origin: str) -> dict[str, Any]:
    if not reply.ok:
        raise Refused(_failure(reply, origin))
    return record(reply.body)


def _work_failure(body: Mapping[str, Any], origin: str) -> Failure:
    """What did not succeed settles at cost 0: https://docs.eachlabs.ai/api/video."""
    output = body.get("output")
    first = output[0] if isinstance(output, list) and output else output
    envelope = first if isinstance(first, dict) else {"error": first}
    if not text(envelope.get("error")) and not text(envelope.get("error_message")):
        envelope = {**envelope, "error": text(body.get("error")) or text(body.get("logs"))}
    return explain(replace(_said(envelope), billed=False), None, origin, codes=CODES, words=WORDS)


def read_failure(http_status: int | None, body: bytes, origin: str) -> Failure:
    """https://docs.eachlabs.ai/sense/edge-cases; a stream's chunk may wrap the event as `eachlabs`."""
    return _failure(HttpReply(http_status=http_status or 200, body=body), origin)


def _failure(reply: HttpReply, origin: str) -> Failure:
    body = loose_record(reply.body)
    event = part(body, "eachlabs") or body
    said = _said(event)
    billed = False if reply.http_status == TOO_MANY else said.billed  # a rejected submission creates and bills nothing
    facts = replace(said, retry_after_s=retry_after_s(reply) or duration(event.get("retry_after")), billed=billed)
    return explain(facts, reply.http_status, origin, codes=CODES, words=WORDS)


def _said(body: Mapping[str, Any]) -> Said:
    """The failure envelope, `{"error", "details"}`, `{"detail"}`, and the error events of a stream."""
    details, detail, param = body.get("details"), body.get("detail"), None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        where = detail[0].get("loc")
        steps = [str(step) for step in where if step != "body"] if isinstance(where, list) else []
        param, detail = ".".join(steps) or None, detail[0].get("msg")
    code = text(body.get("error_code")) or text(part(body, "details").get("error_code"))
    message = (
        text(body.get("error_message"))
        or text(details)
        or text(body.get("message"))
        or text(detail)
        or text(body.get("error"))
        or code
    )
    category = text(part(body, "classification").get("category"))
    retryable = body.get("retryable")
    return Said(
        message=message,
        provider_code=code,
        param=param,
        category=CATEGORIES.get(category or ""),
        suggestion=text(body.get("suggestion")),
        alternatives=texts(body.get("alternatives")),
        retryable=retryable if isinstance(retryable, bool) else None,
    )
