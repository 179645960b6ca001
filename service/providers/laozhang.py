"""LaoZhang API: the legacy VEO route, and `/v1/videos` in its Sora 2 official-forward shape. It has no webhooks."""

import base64
from collections.abc import Mapping
from dataclasses import replace
import hashlib
import re
from typing import Any
from urllib.parse import quote

from service.core.admission import Budget
from service.core.failure import Failure, FailureCode, because
from service.core.generation import Output, Status
from service.core.http import HttpCall, HttpReply
from service.core.observation import Reading
from service.core.wire import to_json
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
    outputs,
    part,
    post,
    record,
    share,
    standing,
    text,
)

NAME = "laozhang"
BASE_URL = "https://api.laozhang.ai"
DOCUMENTATION = "https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting"

# 10 concurrent tasks (429 above), 100 requests/min: https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting
BUDGET = Budget(max_in_flight=10, requests_per_minute=100)

LEGACY = Route(
    name="legacy",
    models=("veo3", "veo3-fast", "veo3-pro", "veo3-pro-frames"),
    # poll every 10-15 s, 1-15 min by model, the task is ended after 30 min
    documentation="https://docs.laozhang.ai/en/api-capabilities/veo/api-reference",
    kind="video",
    first_poll_s=15,
    poll_every_s=10,
    usual_s=240,
    ceiling_s=1800,
    limits={"prompt": "2000 characters", "images": "5 of 10 MB, JPEG, PNG or WebP at public https URLs"},
)
VIDEOS = Route(
    name="videos",
    models=("sora-2", "sora-2-pro"),
    # poll every 15-20 s, 2-5 min; tasks and files are kept for 24 h
    documentation="https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward",
    kind="video",
    first_poll_s=20,
    poll_every_s=15,
    usual_s=210,
    ceiling_s=3600,
    limits={"size": "720x1280, 1280x720; pro also 1024x1792, 1792x1024", "seconds": "4, 8, 12", "kept": "24 hours"},
)
ROUTES: tuple[Route, ...] = (LEGACY, VIDEOS)

# https://docs.laozhang.ai/en/api-capabilities/veo/api-reference
# https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward
# LaoZhang's status: ours
STATUSES: Mapping[str, Status] = {
    "submitted": Status.SUBMITTED,
    "queued": Status.SUBMITTED,
    "processing": Status.PROCESSING,
    "in_progress": Status.PROCESSING,
    "completed": Status.COMPLETED,
    "failed": Status.FAILED,
}

# https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting (upper case)
# https://docs.laozhang.ai/en/api-capabilities/sora2/async-api (lower case)
# LaoZhang's error code: ours
CODES: Mapping[str, FailureCode] = {
    "INVALID_PROMPT": FailureCode.INVALID_REQUEST,
    "INVALID_MODEL": FailureCode.MODEL_NOT_FOUND,
    "QUOTA_EXCEEDED": FailureCode.INSUFFICIENT_FUNDS,
    "TASK_NOT_FOUND": FailureCode.RESULT_LOST,
    "INVALID_IMAGE_URL": FailureCode.INPUT_UNREACHABLE,
    "IMAGE_TOO_LARGE": FailureCode.INVALID_INPUT,
    "TASK_TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
    "INSUFFICIENT_BALANCE": FailureCode.INSUFFICIENT_FUNDS,
    "invalid_api_key": FailureCode.AUTHENTICATION,
    "authentication_error": FailureCode.AUTHENTICATION,
    "insufficient_quota": FailureCode.INSUFFICIENT_FUNDS,
    "insufficient_balance": FailureCode.INSUFFICIENT_FUNDS,
    "model_not_found": FailureCode.MODEL_NOT_FOUND,
    "invalid_request_error": FailureCode.INVALID_REQUEST,
    "invalid_parameter": FailureCode.INVALID_REQUEST,
    "rate_limit_exceeded": FailureCode.RATE_LIMITED,
    "server_error": FailureCode.PROVIDER_ERROR,
    "image_fetch_failed": FailureCode.INPUT_UNREACHABLE,
    "invalid_image_format": FailureCode.INVALID_INPUT,
    "image_too_large": FailureCode.INVALID_INPUT,
    "model_not_support_image": FailureCode.INVALID_REQUEST,
    "content_policy_violation": FailureCode.CONTENT_POLICY,
    "moderation_blocked": FailureCode.CONTENT_POLICY,
}

# https://docs.laozhang.ai/en/api-capabilities/sora2/async-api (error.type is a class and no code; this one alone says
# more than the HTTP status beside it)
# LaoZhang's error.type: ours
TYPES: Mapping[str, FailureCode] = {"insufficient_quota": FailureCode.INSUFFICIENT_FUNDS}

# Ended after 30 minutes and not charged: https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting
UNBILLED = frozenset({"TASK_TIMEOUT"})
WORDS = (
    (r"insufficient (balance|quota|credit)", FailureCode.INSUFFICIENT_FUNDS),
    (r"no (available channel|channel available)", FailureCode.MODEL_UNAVAILABLE),
)

_DATA_URI = re.compile(r"data:([\w.+-]+/([\w.+-]+));base64,", re.ASCII)
# How a form writes what would end a part's header: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html
_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.laozhang.ai/en/api-capabilities/veo/api-reference (JSON), …/sora2/official-forward (multipart)."""
    if order.route == LEGACY.name:
        return post(account, "/veo/v1/api/video/submit", {**order.input, "model": order.model})
    body, content_type = _multipart({**order.input, "model": order.model})
    headers = {**account.bearer(), "content-type": content_type}
    return HttpCall(method="POST", url=f"{account.base_url}/v1/videos", headers=headers, body=body)


def _multipart(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """RFC 7578 form; a file comes as a data URI. The boundary is a digest, so the same order makes the same bytes."""
    parts = [_form_part(name, value) for name, value in fields.items() if value is not None]
    boundary = hashlib.sha256(b"".join(parts)).hexdigest()[:40]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"


def _form_part(name: str, value: Any) -> bytes:
    if name == "input_reference":
        return _file_part(name, value)
    written = value if isinstance(value, str) else to_json(value)
    return f'content-disposition: form-data; name="{name.translate(_ESCAPED)}"\r\n\r\n{written}'.encode()


def _file_part(name: str, value: Any) -> bytes:
    found = _DATA_URI.match(value) if isinstance(value, str) else None
    try:
        content = base64.b64decode(value[found.end() :], validate=True) if found else b""
    except ValueError:
        content = b""
    if not found or not content:
        wanted = "give input_reference as a data URI with base64 content"
        raise Refused(because(FailureCode.INVALID_INPUT, wanted, origin="preflight"))
    media, ending = found.groups()
    disposition = f'content-disposition: form-data; name="{name}"; filename="reference.{ending}"'
    return f"{disposition}\r\ncontent-type: {media}\r\n\r\n".encode() + content


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """Both routes' answers, told apart by the shape."""
    return _read(reply, target, "submit")


def poll(target: Target, account: Account) -> HttpCall:
    """The id of the legacy route holds a colon, which its pages send as it is."""
    path = "/veo/v1/api/video/status/" if target.route == LEGACY.name else "/v1/videos/"
    return get(account, path + quote(target.known_id, safe=":"))


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """As read_submitted."""
    return _read(reply, target, "poll")


cancel = no_cancel
read_canceled = no_cancel_answer
verify = no_webhooks
read_webhook = no_webhook_body


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    if not reply.ok:
        raise Refused(_failure(reply, origin))
    body = record(reply.body)
    if body.get("success") is False:
        raise Refused(_failure(reply, origin))
    work = part(body, "data") if target.route == LEGACY.name else body
    external_id = identifier(work.get("taskId") if target.route == LEGACY.name else work.get("id"))
    word = text(work.get("status"))
    if body.get("error") and (external_id if origin == "submit" else word) is None:
        raise Refused(_failure(reply, origin))
    if origin == "submit" and external_id is None:
        raise Unreadable("an accepted submission without an id")
    status = standing(word, STATUSES, origin)
    progress = share(work.get("progress"), 100) if not isinstance(work.get("progress"), dict) else None
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        progress=progress,
        outputs=_outputs(work, target, external_id) if status is Status.COMPLETED else (),
        failure=_task_failure(work, origin) if status is Status.FAILED else None,
    )


def _outputs(work: Mapping[str, Any], target: Target, external_id: str | None) -> tuple[Output, ...]:
    if target.route == LEGACY.name:
        return outputs([text(part(work, "result").get("video_url"))], target.base_url, "video")
    # The official forward hands its file out only here, and only with the key.
    named = quote(external_id or target.known_id, safe=":")
    return outputs([f"{target.base_url}/v1/videos/{named}/content"], target.base_url, "video")


def _task_failure(work: Mapping[str, Any], origin: str) -> Failure:
    """A failed task is not charged on either route: …/veo/models-pricing, …/sora2/async-api."""
    said = _said(work if work.get("error") else {"error": work.get("message")})
    return explain(replace(said, billed=False), None, origin, codes=CODES, words=WORDS)


def read_failure(http_status: int | None, body: bytes, origin: str) -> Failure:
    """https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting, …/sora2/async-api."""
    found = loose_record(body)
    for work in (part(found, "data"), found):
        if STATUSES.get(text(work.get("status")) or "") is Status.FAILED:
            return _task_failure(work, origin)
    return _failure(HttpReply(http_status=http_status or 200, body=body), origin)


def _failure(reply: HttpReply, origin: str) -> Failure:
    said = _said(loose_record(reply.body), retry_after_s(reply))
    return explain(said, reply.http_status, origin, codes=CODES, words=WORDS)


def _said(body: Mapping[str, Any], retry_after: float | None = None) -> Said:
    """`{"message", "error_code", "details"}`, `{"error": {"message", "type", "code", "param"}}`, `{"error": text}`."""
    error, details, sentence = part(body, "error"), part(body, "details"), text(body.get("error"))
    code = text(body.get("error_code")) or identifier(error.get("code")) or (sentence if sentence in CODES else None)
    message = text(error.get("message")) or sentence or text(body.get("message"))
    return Said(
        message=message or code,
        provider_code=code,
        param=text(error.get("param")) or text(details.get("field")),
        suggestion=text(details.get("suggestion")),
        category=TYPES.get(text(error.get("type")) or ""),
        retry_after_s=retry_after,
        billed=False if code in UNBILLED else None,
    )
