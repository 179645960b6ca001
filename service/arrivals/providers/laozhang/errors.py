"""LaoZhang's errors."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from arrivals.core.failure import Failure, FailureCode
from arrivals.core.generation import Status
from arrivals.core.http import HttpReply
from arrivals.core.moments import retry_after_s
from arrivals.providers._shared.errors import ErrorFacts, map_error
from arrivals.providers._shared.json_fields import identifier, loose_record, part, text
from arrivals.providers._shared.tolerance import code_in, folded, vocabulary

# https://docs.laozhang.ai/en/api-capabilities/veo/api-reference
# https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward
# https://docs.laozhang.ai/en/api-capabilities/veo/veo-31-async-api
# LaoZhang's status: ours
STATUSES: Mapping[str, Status] = vocabulary(
    {
        "submitted": Status.SUBMITTED,
        "queued": Status.SUBMITTED,
        "processing": Status.PROCESSING,
        "in_progress": Status.PROCESSING,
        "completed": Status.COMPLETED,
        "failed": Status.FAILED,
    }
)

# https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting (upper case)
# https://docs.laozhang.ai/en/api-capabilities/sora2/async-api (lower case)
# LaoZhang's error code: ours
CODES: Mapping[str, FailureCode] = vocabulary(
    {
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
)

# https://docs.laozhang.ai/en/api-capabilities/sora2/async-api (error.type is a class and no code; this one alone says
# more than the HTTP status beside it)
# LaoZhang's error.type: ours
TYPES: Mapping[str, FailureCode] = vocabulary(
    {"insufficient_quota": FailureCode.INSUFFICIENT_FUNDS, "TASK_TIMEOUT": FailureCode.PROVIDER_TIMEOUT}
)

# Ended after 30 minutes and not charged: https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting
UNBILLED = frozenset({FailureCode.PROVIDER_TIMEOUT})
MESSAGE_PATTERNS = (
    (r"insufficient (balance|quota|credit)", FailureCode.INSUFFICIENT_FUNDS),
    (r"no (available channel|channel available)", FailureCode.MODEL_UNAVAILABLE),
)


def reply_failure(reply: HttpReply, origin: str) -> Failure:
    """The failure that an error answer reports."""
    body = loose_record(reply.body)
    facts = _error_facts(part(body, "data") | body, retry_after_s(reply))
    failure = map_error(facts, reply.http_status, origin, codes=CODES, words=MESSAGE_PATTERNS)
    # An HTTP status alone does not say that a task was ended after its 30 minutes.
    is_explicit = failure.provider_code is not None or facts.category is not None
    return replace(failure, billed=False) if is_explicit and failure.code in UNBILLED else failure


def task_failure(work: Mapping[str, Any], origin: str) -> Failure:
    """The failure of a task, which is not charged on any route: …/veo/models-pricing, …/sora2/async-api."""
    return map_error(replace(_error_facts(work), billed=False), None, origin, codes=CODES, words=MESSAGE_PATTERNS)


def _error_facts(body: Mapping[str, Any], retry_after: float | None = None) -> ErrorFacts:
    """`{"message", "error_code", "details"}`, `{"error": {"message", "type", "code", "param"}}`, `{"error": text}`.

    No page shows a failed task, so an error object may name its code as either does, and a code may stand wherever a
    sentence may.
    """
    error, details = part(body, "error"), part(body, "details")
    named_code = text(body.get("error_code")) or text(error.get("error_code")) or identifier(error.get("code"))
    sentences = (
        error.get("message"),
        body.get("error"),
        body.get("message"),
        details.get("reason"),
        body.get("status"),
    )
    code = named_code or next((word for sentence in sentences if (word := code_in(sentence, CODES))), None)
    message = text(error.get("message")) or text(body.get("error")) or text(body.get("message"))
    return ErrorFacts(
        message=message or code,
        provider_code=code,
        param=text(error.get("param")) or text(details.get("field")),
        suggestion=text(details.get("suggestion")),
        category=TYPES.get(folded(text(error.get("type")) or "")),
        retry_after_s=retry_after,
    )
