"""each::labs' errors, on all its interfaces."""

from collections.abc import Mapping
import re
from typing import Any

from msgspec.structs import replace

from arrivals.core.failure import Failure, FailureCode
from arrivals.core.http import HttpReply
from arrivals.core.moments import duration, retry_after_s
from arrivals.providers._shared.errors import ErrorFacts, map_error, validation
from arrivals.providers._shared.json_fields import identifier, loose_record, part, text, texts
from arrivals.providers._shared.tolerance import folded, vocabulary

# https://docs.eachlabs.ai/api/predictions (error_code of the failure envelope), https://docs.eachlabs.ai/sense/edge-cases
# each::labs' code: ours
CODES: Mapping[str, FailureCode] = vocabulary(
    {
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
        "AGE_VERIFICATION_REQUIRED": FailureCode.PERMISSION_DENIED,
        "INSUFFICIENT_BALANCE": FailureCode.INSUFFICIENT_FUNDS,
        "RATE_LIMITED": FailureCode.RATE_LIMITED,
        "SESSION_BUSY": FailureCode.CONCURRENCY_LIMITED,
        "SESSION_NOT_FOUND": FailureCode.INVALID_REQUEST,
        "TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
    }
)

# https://docs.eachlabs.ai/api/predictions (classification.category of the failure envelope)
# each::labs' category: ours
CATEGORIES: Mapping[str, FailureCode] = vocabulary(
    {
        "VALIDATION": FailureCode.INVALID_REQUEST,
        "PROVIDER": FailureCode.PROVIDER_ERROR,
        "AUTH": FailureCode.PROVIDER_ERROR,
        "RATE_LIMIT": FailureCode.RATE_LIMITED,
        "NETWORK": FailureCode.PROVIDER_ERROR,
        "TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
        "INTERNAL": FailureCode.PROVIDER_ERROR,
        "UNKNOWN": FailureCode.UNKNOWN,
    }
)

# Many errors are only a sentence: https://docs.eachlabs.ai/sense/edge-cases
MESSAGE_PATTERNS = (
    (r"insufficient balance|payment required|exceeds your current balance", FailureCode.INSUFFICIENT_FUNDS),
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
TOO_MANY, PAYMENT_REQUIRED = 429, 402
RESERVED = re.compile(r"in-flight executions exceeds|please wait", re.IGNORECASE)


def reply_failure(reply: HttpReply, origin: str) -> Failure:
    """The failure of an error answer, or of a stream's error event, which a chunk may wrap as `eachlabs`."""
    body = loose_record(reply.body)
    event = part(body, "eachlabs") or body
    error = _error_facts(event)
    billed = False if reply.http_status == TOO_MANY else error.billed  # a rejected submission creates and bills nothing
    # The balance is reserved for what is in flight, and some of it comes back: https://docs.eachlabs.ai/sense/edge-cases
    reserved = reply.http_status == PAYMENT_REQUIRED and RESERVED.search(error.message or "") is not None
    facts = replace(
        error,
        retry_after_s=retry_after_s(reply) or duration(event.get("retry_after")),
        billed=billed,
        retryable=True if reserved else error.retryable,
    )
    return map_error(facts, reply.http_status, origin, codes=CODES, words=MESSAGE_PATTERNS)


def task_failure(envelope: Mapping[str, Any], origin: str, category: FailureCode | None = None) -> Failure:
    """The failure of a task, which settles at cost 0: https://docs.eachlabs.ai/api/video."""
    error = _error_facts(envelope)
    facts = replace(error, billed=False, category=error.category or category)
    return map_error(facts, None, origin, codes=CODES, words=MESSAGE_PATTERNS)


def _error_facts(body: Mapping[str, Any]) -> ErrorFacts:
    """The failure envelope, `{"error", "details"}`, `{"detail"}`, and the error events of a stream."""
    details = body.get("details")
    param, detail = validation(body.get("detail"))
    code = text(body.get("error_code")) or text(part(body, "details").get("error_code"))
    message = (
        text(body.get("error_message"))
        or text(details)
        or text(body.get("message"))
        or detail
        or text(body.get("error"))
        or code
    )
    category = text(part(body, "classification").get("category"))
    retryable = body.get("retryable")
    return ErrorFacts(
        message=message,
        provider_code=code,
        param=param,
        trace_id=identifier(body.get("request_id")),
        category=CATEGORIES.get(folded(category or "")),
        suggestion=text(body.get("suggestion")),
        alternatives=texts(body.get("alternatives")),
        retryable=retryable if isinstance(retryable, bool) else None,
    )
