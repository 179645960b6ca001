"""Vtrix: `wan26_t2i` in two wire forms, the flat one of the model pages and the older enveloped one. Polling only."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from service.core.admission import Budget
from service.core.failure import Failure, FailureCode
from service.core.generation import Output, Status
from service.core.http import HttpCall, HttpReply
from service.core.observation import Reading
from service.providers.base import (
    Account,
    Order,
    Refused,
    Route,
    Target,
    Unreadable,
    no_cancel,
    no_cancel_answer,
    no_webhook_body,
    no_webhooks,
)
from service.providers.explain import Said, explain, retry_after_s
from service.providers.shapes import (
    OWN_KINDS,
    get,
    identifier,
    loose_record,
    outputs,
    part,
    post,
    price,
    record,
    share,
    standing,
    text,
)

NAME = "vtrix"
BASE_URL = "https://cloud.vtrix.ai"
DOCUMENTATION = "https://doc.vtrix.ai/docs/api/qwen/wan26-t2i"

# No figures are published (https://doc.vtrix.ai/docs/api/qwen/wan26-t2i); these are ours, to be changed by settings.
BUDGET = Budget(max_in_flight=20, requests_per_minute=120)

LIMITS = {
    "text": "1-2100 characters",
    "negative_prompt": "500 characters",
    "n": "1-4",
    "seed": "0-2147483647",
    "size": "width*height, aspect ratio 1:4 to 4:1",
}
FLAT = Route(
    name="flat",
    models=("wan26_t2i",),
    # the official command line polls every 5 s for 10 min
    documentation="https://doc.vtrix.ai/docs/api/qwen/wan26-t2i",
    kind="image",
    first_poll_s=5,
    poll_every_s=5,
    usual_s=60,
    ceiling_s=1800,
    limits=LIMITS,
)
ENVELOPED = Route(
    name="enveloped",
    models=("enveloped/wan26_t2i",),
    # the older form of the same interface
    documentation="https://doc.vtrix.ai/docs/api/anthropic/model_api_documentation_extra",
    kind="image",
    first_poll_s=5,
    poll_every_s=5,
    usual_s=60,
    ceiling_s=1800,
    limits=LIMITS,
)
ROUTES: tuple[Route, ...] = (FLAT, ENVELOPED)

# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i, https://doc.vtrix.ai/docs/api/anthropic/model_api_documentation_extra
# Vtrix' status: ours
STATUSES: Mapping[str, Status] = {
    "in_queue": Status.SUBMITTED,
    "pending": Status.SUBMITTED,
    "queued": Status.SUBMITTED,
    "in_progress": Status.PROCESSING,
    "processing": Status.PROCESSING,
    "completed": Status.COMPLETED,
    "success": Status.COMPLETED,
    "failed": Status.FAILED,
}

# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
# Vtrix' code: ours
CODES: Mapping[str, FailureCode] = {
    "001015001": FailureCode.INVALID_REQUEST,  # input is missing
    "001015002": FailureCode.INVALID_REQUEST,  # not one message
    "001015003": FailureCode.INVALID_REQUEST,  # role is not user
    "001015004": FailureCode.INVALID_REQUEST,  # not one text object
    "001015005": FailureCode.INVALID_REQUEST,  # no text field
    "001015006": FailureCode.PROMPT_TOO_LONG,  # 1-2100 characters
    "001015007": FailureCode.PROMPT_TOO_LONG,  # negative prompt over 500
    "001015008": FailureCode.INVALID_REQUEST,  # n
    "001015009": FailureCode.INVALID_REQUEST,  # seed
    "001015010": FailureCode.INVALID_REQUEST,  # size format
    "001015011": FailureCode.INVALID_REQUEST,  # size range
    "001015012": FailureCode.INVALID_REQUEST,  # aspect ratio
    "001015013": FailureCode.INVALID_REQUEST,  # size not in integers
    "001015095": FailureCode.PROVIDER_ERROR,  # internal generation error
    "001015096": FailureCode.PROVIDER_ERROR,  # result parsing error
    "001015097": FailureCode.PROVIDER_ERROR,  # HTTP error response
    "001015098": FailureCode.PROVIDER_ERROR,  # status check error
    "001015099": FailureCode.PROVIDER_ERROR,  # task creation error
    **{str(code): FailureCode.INSUFFICIENT_FUNDS for code in range(40201, 40209)},  # the gateway's balance family
}
# 403 is a missing balance or a missing permission: https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
WORDS = ((r"insufficient (balance|credit|fund)|balance", FailureCode.INSUFFICIENT_FUNDS),)


def submit(order: Order, account: Account) -> HttpCall:
    """Flat: the fields of the model page at the top. Enveloped: the same fields as `input: [{"params": …}]`."""
    if order.route == FLAT.name:
        return post(account, "/model/v1/generation", {**order.input, "model": order.model})
    model = order.model.removeprefix("enveloped/")
    return post(account, "/model/v1/generation", {"model": model, "input": [{"params": dict(order.input)}]})


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """An answer that speaks of an error and names no id is a refusal, whatever its HTTP status."""
    return _read(reply, target, "submit")


def poll(target: Target, account: Account) -> HttpCall:
    """https://github.com/VtrixAI/vtrix-cli (flat), …/model_api_documentation_extra (enveloped)."""
    path = "/model/v1/generation/task/" if target.route == FLAT.name else "/api/v1/multi-models-generate/"
    return get(account, path + quote(target.known_id, safe=""))


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """Either form, told apart by the shape."""
    return _read(reply, target, "poll")


cancel = no_cancel
read_canceled = no_cancel_answer
verify = no_webhooks
read_webhook = no_webhook_body


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    if not reply.ok:
        raise Refused(_failure(reply, origin))
    body = record(reply.body)
    work = part(body, "data") if isinstance(body.get("status"), dict) else body
    word, external_id = text(work.get("status")), identifier(work.get("id"))
    if _spoke_of_error(body, work) and (external_id if origin == "submit" else word) is None:
        raise Refused(_failure(reply, origin))
    if origin == "submit" and external_id is None:
        raise Unreadable("an accepted submission without an id")
    status = standing(word, STATUSES, origin)
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        progress=share(work.get("progress")),
        outputs=_outputs(work, target) if status is Status.COMPLETED else (),
        failure=explain(_said(work), None, origin, codes=CODES, words=WORDS) if status is Status.FAILED else None,
        cost=price(part(work, "usage").get("cost")),
    )


def _spoke_of_error(body: Mapping[str, Any], work: Mapping[str, Any]) -> bool:
    named = part(body, "status").get("error_code") or work.get("status") == "failed"
    return bool(named or any(level.get(name) for level in (body, work) for name in ("error", "message")))


def _outputs(work: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    """`output[].content[]` in the flat form, `output[]` itself in the older one."""
    items = work.get("output")
    flat: list[Any] = []
    for item in items if isinstance(items, list) else []:
        content = item.get("content") if isinstance(item, dict) else None
        flat += content if isinstance(content, list) else [item]
    return tuple(
        replace(output, kind=word if (word := str(item.get("type"))) in OWN_KINDS else output.kind)
        for item in flat
        if isinstance(item, dict)
        for output in outputs([text(item.get("url"))], target.base_url)
    )


def read_failure(http_status: int | None, body: bytes, origin: str) -> Failure:
    """https://doc.vtrix.ai/docs/api/qwen/wan26-t2i."""
    return _failure(HttpReply(http_status=http_status or 200, body=body), origin)


def _failure(reply: HttpReply, origin: str) -> Failure:
    body = loose_record(reply.body)
    work = part(body, "data") if part(body, "data").get("error") else body
    facts = replace(_said(work), retry_after_s=retry_after_s(reply))
    return explain(facts, reply.http_status, origin, codes=CODES, words=WORDS)


def _said(body: Mapping[str, Any]) -> Said:
    """`error` as text, `{"code", "message"}` or `{"code", "error_message"}`; `{"message"}`; `{"status": {…}}`."""
    error, status = part(body, "error"), part(body, "status")
    code = identifier(error.get("code")) or identifier(status.get("error_code"))
    message = (
        text(error.get("message"))
        or text(error.get("error_message"))
        or text(body.get("error"))
        or text(body.get("message"))
        or text(status.get("message"))
    )
    return Said(message=message or code, provider_code=code)
