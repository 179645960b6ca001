"""RunBlob's errors."""

from collections.abc import Mapping
import re
from typing import Any

from msgspec.structs import replace

from arrivals.core.failure import Failure, FailureCode
from arrivals.core.generation import Status
from arrivals.core.http import HttpReply
from arrivals.core.moments import retry_after_s
from arrivals.providers._shared.errors import ErrorFacts, map_error, validation
from arrivals.providers._shared.json_fields import identifier, loose_record, part, status_word, text
from arrivals.providers._shared.tolerance import meaning, vocabulary

# https://docs.runblob.io/api-reference/kling/o3-photo-errors (and the error pages of its sibling families)
# RunBlob's code: ours
CODES: Mapping[str, FailureCode] = vocabulary(
    {
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
        # The page lists these two among the system's errors, not among those of content.
        "GOOGLE_DECLINED": FailureCode.PROVIDER_ERROR,
        "OPENAI_DECLINED": FailureCode.PROVIDER_ERROR,
        "NON_ENGLISH_PROMPT": FailureCode.INVALID_REQUEST,
        "TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
        "TASK_FAILED": FailureCode.PROVIDER_ERROR,
        "API_ERROR": FailureCode.PROVIDER_ERROR,
        "MAINTENANCE": FailureCode.PROVIDER_UNAVAILABLE,
    }
)
# Sora's failures are sentences: https://docs.runblob.io/api-reference/sora/webhooks
MESSAGE_PATTERNS = (
    (r"^(generation|task) not found", FailureCode.RESULT_LOST),
    (r"^invalid image format", FailureCode.INVALID_INPUT),
    (r"photo-?realistic people|real people|prominent people|policy|moderat", FailureCode.CONTENT_POLICY),
)
SERVER_ERROR = 500
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def failure(reply: HttpReply, origin: str) -> Failure:
    """Failed generations are refunded: https://docs.runblob.io/api-reference/kling/o3-photo-errors. So is a 500."""
    body = loose_record(reply.body)
    failed = meaning(status_word(body.get("status")), {}) is Status.FAILED or (
        body.get("success") is False and bool(body.get("task_id"))
    )
    refunded = failed or (origin == "submit" and reply.http_status == SERVER_ERROR)
    facts = replace(_error_facts(body), retry_after_s=retry_after_s(reply), billed=False if refunded else None)
    return map_error(facts, reply.http_status, origin, codes=CODES, words=MESSAGE_PATTERNS)


def _error_facts(body: Mapping[str, Any]) -> ErrorFacts:
    """`{"detail": text | [{"loc", "msg"}]}`, `{"message": CODE}`, `{"error": text | {"message"}}`, `{"error_message"}`.

    Seedance nests `{"code", "message"}` under `error` or `message`.
    """
    param, detail = validation(body.get("detail"))
    nested = part(body, "error") or part(body, "message")
    message = (
        text(body.get("message"))
        or text(body.get("error_message"))
        or detail
        or text(nested.get("message"))
        or text(body.get("error"))
    )
    named = message.strip() if message else ""
    code = identifier(nested.get("code")) or (named if _CODE.fullmatch(named) else None)
    return ErrorFacts(message=message or code, provider_code=code, param=param)
