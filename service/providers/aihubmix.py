"""AiHubMix: `/v1/videos`. No webhooks; error messages carry a trace id; balance errors arrive as 403."""

from collections.abc import Mapping
from dataclasses import replace
import re
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
    get,
    identifier,
    loose_record,
    moment,
    outputs,
    part,
    post,
    record,
    share,
    standing,
    text,
)

NAME = "aihubmix"
BASE_URL = "https://aihubmix.com"
DOCUMENTATION = "https://docs.aihubmix.com/en/FAQs/HTTP-Codes"

# No figures are published (https://docs.aihubmix.com/en/api/Video-Gen); these are ours, to be changed by settings.
BUDGET = Budget(max_in_flight=20, requests_per_minute=120)

VIDEOS = Route(
    name="videos",
    models=("*",),
    # poll every 15 s; durations are not stated
    documentation="https://docs.aihubmix.com/en/api/Video-Gen",
    kind="video",
    first_poll_s=15,
    poll_every_s=15,
    usual_s=180,
    ceiling_s=3600,
    limits={"body": "passed through as the model's vendor wants it"},
)
ROUTES: tuple[Route, ...] = (VIDEOS,)

# https://docs.aihubmix.com/en/api/Video-Gen (the first four; public clients of this API meet the others too)
# AiHubMix's status: ours
STATUSES: Mapping[str, Status] = {
    "queued": Status.SUBMITTED,
    "in_progress": Status.PROCESSING,
    "completed": Status.COMPLETED,
    "failed": Status.FAILED,
    "pending": Status.SUBMITTED,
    "submitted": Status.SUBMITTED,
    "processing": Status.PROCESSING,
    "running": Status.PROCESSING,
    "succeeded": Status.COMPLETED,
    "success": Status.COMPLETED,
    "done": Status.COMPLETED,
    "finished": Status.COMPLETED,
    "error": Status.FAILED,
    "cancelled": Status.CANCELED,
    "canceled": Status.CANCELED,
}

# https://docs.aihubmix.com/en/FAQs/HTTP-Codes
# AiHubMix's error identifier: ours
CODES: Mapping[str, FailureCode] = {
    "insufficient_user_quota": FailureCode.INSUFFICIENT_FUNDS,
    "prompt_missing": FailureCode.INVALID_REQUEST,
    "prompt_too_long": FailureCode.PROMPT_TOO_LONG,
    "text_too_long": FailureCode.PROMPT_TOO_LONG,
    "size_not_supported": FailureCode.INVALID_REQUEST,
    "n_not_within_range": FailureCode.INVALID_REQUEST,
    "model_not_found": FailureCode.MODEL_NOT_FOUND,
    "content_policy_violation": FailureCode.CONTENT_POLICY,
    "moderation_blocked": FailureCode.CONTENT_POLICY,
    "rate_limit_exceeded": FailureCode.RATE_LIMITED,
}

# Most rows of that page have no identifier, only a sentence; 403 and 503 mean different things by it.
WORDS = (
    (r"balance is insufficient|insufficient (user )?(quota|balance)", FailureCode.INSUFFICIENT_FUNDS),
    (r"rate limited by provider|too many requests", FailureCode.RATE_LIMITED),
    (r"incorrect model id|no available channel|no_valid_channel", FailureCode.MODEL_UNAVAILABLE),
)
_TRACE = re.compile(r"\s*\(tid:\s*([^)\s]+)\s*\)")


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.aihubmix.com/en/api/Video-Gen."""
    return post(account, "/v1/videos", {**order.input, "model": order.model})


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """The id is long and opaque; it is kept as it is."""
    return _read(reply, target, "submit")


def poll(target: Target, account: Account) -> HttpCall:
    """https://docs.aihubmix.com/en/api/Video-Gen."""
    return get(account, f"/v1/videos/{quote(target.known_id, safe='')}")


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """As read_submitted."""
    return _read(reply, target, "poll")


cancel = no_cancel  # DELETE removes the task and is not documented to stop it
read_canceled = no_cancel_answer
verify = no_webhooks
read_webhook = no_webhook_body


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    if not reply.ok:
        raise Refused(_failure(reply, origin))
    body = record(reply.body)
    word, external_id = text(body.get("status")), identifier(body.get("id"))
    if body.get("error") and (external_id if origin == "submit" else word) is None:
        raise Refused(_failure(reply, origin))
    if origin == "submit" and external_id is None:
        raise Unreadable("an accepted submission without an id")
    status = standing(word, STATUSES, origin)
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        progress=share(body.get("progress"), 100),
        outputs=_outputs(body, target, external_id) if status is Status.COMPLETED else (),
        failure=_work_failure(body, origin) if status is Status.FAILED else None,
    )


def _outputs(body: Mapping[str, Any], target: Target, external_id: str | None) -> tuple[Output, ...]:
    """Inline under one of four names, or behind `/content`; what is on AiHubMix's own origin needs the key."""
    items = body.get("data")
    first = items[0] if isinstance(items, list) and items else None
    inline = next(
        (url for name in ("video_url", "url", "output_url") if (url := text(body.get(name)))),
        text(part({"first": first}, "first").get("url")),
    )
    content = f"{target.base_url}/v1/videos/{quote(external_id or target.known_id, safe='')}/content"
    found = outputs([inline or content], target.base_url, "video")
    return tuple(replace(output, expires_at=moment(body.get("expires_at"))) for output in found)


def _work_failure(body: Mapping[str, Any], origin: str) -> Failure:
    """The reason stands under one of four names: https://github.com/AIhubmix/aihubmix-media-adapters."""
    return explain(_said(body), None, origin, codes=CODES, words=WORDS)


def read_failure(http_status: int | None, body: bytes, origin: str) -> Failure:
    """https://docs.aihubmix.com/en/FAQs/HTTP-Codes."""
    return _failure(HttpReply(http_status=http_status or 200, body=body), origin)


def _failure(reply: HttpReply, origin: str) -> Failure:
    said = _said(loose_record(reply.body))
    facts = replace(
        said, retry_after_s=retry_after_s(reply), trace_id=said.trace_id or reply.headers.get("x-request-id")
    )
    return explain(facts, reply.http_status, origin, codes=CODES, words=WORDS)


def _said(body: Mapping[str, Any]) -> Said:
    """`{"error": {"message": "… (tid: …)", "type", "param", "code"}}`, or a sentence under another name."""
    error = part(body, "error")
    sentence = (
        text(error.get("message"))
        or text(body.get("error"))
        or text(body.get("failure_reason"))
        or text(body.get("message"))
    )
    trace = _TRACE.search(sentence or "")
    return Said(
        message=_TRACE.sub("", sentence).strip() or None if sentence else None,
        provider_code=identifier(error.get("code")),
        param=text(error.get("param")),
        trace_id=trace[1] if trace else None,
    )
