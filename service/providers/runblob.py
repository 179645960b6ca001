"""RunBlob: Kling O3 Photo and Nano Banana. Nothing signs its webhooks, so they are hints and the poll decides.

Polls of O3 Photo never say why a generation failed; only the webhook does. Such a failure awaits its detail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
import re
from typing import Any
from urllib.parse import quote

from service.core.admission import Budget
from service.core.failure import Failure, FailureCode
from service.core.generation import Status, VerifiedBy
from service.core.http import HttpCall, HttpReply, InboundWebhook
from service.core.observation import Reading
from service.providers.base import (
    Account,
    Order,
    Refused,
    Route,
    Target,
    Trust,
    Unreadable,
    no_cancel,
    no_cancel_answer,
)
from service.providers.explain import Said, explain, retry_after_s
from service.providers.shapes import get, identifier, loose_record, outputs, post, price, record, standing, text

NAME = "runblob"
BASE_URL = "https://platform.runblob.io"
DOCUMENTATION = "https://docs.runblob.io/api-reference/kling/o3-photo-errors"

# 60 status checks per minute and key: https://docs.runblob.io/api-reference/kling/o3-photo-status
# (no figure for work in flight is published; this one is ours, to be raised by a setting)
BUDGET = Budget(max_in_flight=50, requests_per_minute=60)

O3_PHOTO = Route(
    name="kling/o3-photo",
    models=("kling/o3-photo",),
    # first poll after 5-10 s, then every 3-5 s, 1-3 min; give up polling after 5 min
    documentation="https://docs.runblob.io/api-reference/kling/o3-photo-generate",
    kind="image",
    first_poll_s=8,
    poll_every_s=5,
    usual_s=120,
    ceiling_s=900,
    trust=Trust.HINT,
    limits={
        "prompt": "1-2500 characters",
        "images": "10, as images_url or images_base64, not both; 10 MB each; JPEG, PNG, WEBP",
        "img_resolution": "1k, 2k, 4k",
    },
)
GEMINI = Route(
    name="gemini",
    models=("gemini",),
    # 7-30 s
    documentation="https://docs.runblob.io/api-reference/nanobanana/webhooks",
    kind="image",
    first_poll_s=7,
    poll_every_s=5,
    usual_s=30,
    ceiling_s=600,
    trust=Trust.HINT,
    limits={"prompt": "1-4000 characters", "images": "4 (8 for pro and v2) of 20 MB", "model": "standard, pro, v2"},
)
ROUTES: tuple[Route, ...] = (O3_PHOTO, GEMINI)

# https://docs.runblob.io/api-reference/kling/o3-photo-status
# RunBlob's status: ours
STATUSES: Mapping[str, Status] = {
    "pending": Status.SUBMITTED,
    "processing": Status.PROCESSING,
    "completed": Status.COMPLETED,
    "failed": Status.FAILED,
}

# https://docs.runblob.io/api-reference/kling/o3-photo-errors (and the error pages of its sibling families)
# RunBlob's code: ours
CODES: Mapping[str, FailureCode] = {
    "INSUFFICIENT_CREDITS": FailureCode.INSUFFICIENT_FUNDS,
    "TASK_NOT_FOUND": FailureCode.RESULT_LOST,
    "INVALID_TASK_ID": FailureCode.RESULT_LOST,
    "INVALID_IMAGE": FailureCode.INVALID_INPUT,
    "IMAGE_INACCESSIBLE": FailureCode.INPUT_UNREACHABLE,
    "IMAGE_TOO_LARGE": FailureCode.INVALID_INPUT,
    "UNSUPPORTED_IMAGE_FORMAT": FailureCode.INVALID_INPUT,
    "CONTENT_POLICY_VIOLATION": FailureCode.CONTENT_POLICY,
    "MODERATION_FAILED": FailureCode.CONTENT_POLICY,
    "UNSAFE_CONTENT": FailureCode.CONTENT_POLICY,
    "PROMINENT_PEOPLE_UPLOAD": FailureCode.CONTENT_POLICY,
    "PHOTOREAL_UPLOAD": FailureCode.CONTENT_POLICY,
    "GOOGLE_DECLINED": FailureCode.CONTENT_POLICY,
    "OPENAI_DECLINED": FailureCode.CONTENT_POLICY,
    "NON_ENGLISH_PROMPT": FailureCode.INVALID_REQUEST,
    "TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
    "TASK_FAILED": FailureCode.PROVIDER_ERROR,
    "API_ERROR": FailureCode.PROVIDER_ERROR,
    "MAINTENANCE": FailureCode.PROVIDER_UNAVAILABLE,
}
WORDS = (
    (r"^(generation|task) not found", FailureCode.RESULT_LOST),
    (r"^invalid image format", FailureCode.INVALID_INPUT),
)
SERVER_ERROR = 500
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.runblob.io/api-reference/kling/o3-photo-generate."""
    body = dict(order.input)
    if order.callback_url:
        body["callback_url"] = order.callback_url
    return post(account, f"/v1/{order.route}/generate", body)


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """201 with the id under a name of the family's own; the price is told here and nowhere else."""
    reading = _read(reply, target, "submit")
    if reading.external_id is None:
        raise Unreadable("an accepted submission without an id")
    return reading


def poll(target: Target, account: Account) -> HttpCall:
    """https://docs.runblob.io/api-reference/kling/o3-photo-status."""
    return get(account, f"/v1/{target.route}/generations/{quote(target.known_id, safe='')}")


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """A failure without its reason, which O3 Photo tells only in the webhook, awaits it."""
    reading = _read(reply, target, "poll")
    missing = reading.failure is not None and reading.failure.provider_code is None
    return replace(reading, awaits_detail=missing)


cancel = no_cancel
read_canceled = no_cancel_answer


def verify(webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:  # noqa: ARG001 - the protocol's form
    """The pages speak of signatures and give no scheme: https://docs.runblob.io/api-reference/nanobanana/webhooks."""
    return None


def read_webhook(webhook: InboundWebhook, target: Target) -> Reading:
    """The poll body, plus the reason of a failure in `message`."""
    return _read(HttpReply(http_status=200, body=webhook.body), target, "webhook")


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    if not reply.ok:
        raise Refused(_failure(reply, origin))
    body = record(reply.body)
    word = text(body.get("status"))
    external_id = identifier(body.get("generation_id")) or identifier(body.get("task_uuid"))
    if body.get("success") is False or (origin == "submit" and external_id is None and body.get("message")):
        raise Refused(_failure(reply, origin))
    status = standing(word, STATUSES, origin)
    output = text(body.get("image_url")) or text(body.get("result_image_url"))
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        outputs=outputs([output], target.base_url, "image") if status is Status.COMPLETED else (),
        failure=_failure(reply, origin) if status is Status.FAILED else None,
        cost=price(body.get("price")),
    )


def read_failure(http_status: int | None, body: bytes, origin: str) -> Failure:
    """https://docs.runblob.io/api-reference/kling/o3-photo-errors."""
    return _failure(HttpReply(http_status=http_status or 200, body=body), origin)


def _failure(reply: HttpReply, origin: str) -> Failure:
    """Failed generations are refunded: https://docs.runblob.io/api-reference/kling/o3-photo-errors. So is a 500."""
    body = loose_record(reply.body)
    refunded = body.get("status") == "failed" or (origin == "submit" and reply.http_status == SERVER_ERROR)
    said = replace(_said(body), retry_after_s=retry_after_s(reply), billed=False if refunded else None)
    return explain(said, reply.http_status, origin, codes=CODES, words=WORDS)


def _said(body: Mapping[str, Any]) -> Said:
    """`{"detail": text | [{"loc", "msg"}]}`, `{"message": CODE}`, `{"error", "message"}`, `{"error": {"message"}}`."""
    detail, param = body.get("detail"), None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        where = detail[0].get("loc")
        steps = [str(step) for step in where if step != "body"] if isinstance(where, list) else []
        param, detail = ".".join(steps) or None, detail[0].get("msg")
    error = body.get("error")
    message = text(body.get("message")) or text(detail) or text(error)
    if message is None and isinstance(error, dict):
        message = text(error.get("message"))
    code = message if message and _CODE.fullmatch(message) else None
    return Said(message=message, provider_code=code, param=param)
