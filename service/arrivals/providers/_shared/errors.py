"""Maps a provider's error to a failure: by its own code first, then its sentence, then the HTTP status."""

from collections.abc import Mapping, Sequence
import re
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from arrivals.core.failure import MEANING, Failure, FailureCode
from arrivals.providers._shared.json_fields import text
from arrivals.providers._shared.tolerance import code_in, folded

# RFC 9110 section 15: https://www.rfc-editor.org/rfc/rfc9110#section-15
# HTTP status: its meaning where nothing more specific is known
BY_HTTP_STATUS: Mapping[int, FailureCode] = {
    400: FailureCode.INVALID_REQUEST,
    401: FailureCode.AUTHENTICATION,
    402: FailureCode.INSUFFICIENT_FUNDS,
    403: FailureCode.PERMISSION_DENIED,
    404: FailureCode.INVALID_REQUEST,
    408: FailureCode.PROVIDER_TIMEOUT,
    409: FailureCode.INVALID_REQUEST,
    410: FailureCode.RESULT_LOST,
    413: FailureCode.INVALID_INPUT,
    415: FailureCode.INVALID_INPUT,
    422: FailureCode.INVALID_REQUEST,
    429: FailureCode.RATE_LIMITED,
    500: FailureCode.PROVIDER_ERROR,
    502: FailureCode.PROVIDER_UNAVAILABLE,
    503: FailureCode.PROVIDER_UNAVAILABLE,
    504: FailureCode.PROVIDER_UNAVAILABLE,
    # https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
    **dict.fromkeys((521, 522, 523, 530), FailureCode.PROVIDER_UNAVAILABLE),
}
FIRST_ERROR = 400
NOT_FOUND = 404

MessagePatterns = Sequence[tuple[str, FailureCode]]  # pattern, matched without regard to case: failure code
# Sentences that mean the same at every provider; tried after its own.
COMMON_PATTERNS: MessagePatterns = (
    (r"content (policy|filter)|moderation|safety system|nsfw", FailureCode.CONTENT_POLICY),
)
ROUTE_NOT_FOUND = r"\b(model|path|workflow)\b"


class ErrorFacts(Struct, frozen=True, kw_only=True):
    """A provider's facts about a failure, taken out of its own shape."""

    message: str | None = None
    provider_code: str | None = None
    param: str | None = None
    trace_id: str | None = None
    retry_after_s: float | None = None
    suggestion: str | None = None
    alternatives: tuple[str, ...] | None = None
    retryable: bool | None = None
    billed: bool | None = None
    category: FailureCode | None = None


def map_error(
    facts: ErrorFacts,
    http_status: int | None,
    origin: str,
    *,
    codes: Mapping[str, FailureCode],
    words: MessagePatterns = (),
) -> Failure:
    """The failure that a provider's words mean. `codes` is a vocabulary; a message that is one of them is a code."""
    if facts.provider_code is None:
        facts = replace(facts, provider_code=code_in(facts.message, codes))
    code = _code(facts, http_status, origin, codes, words)
    fault, retryable = MEANING[code]
    return Failure(
        code=code,
        fault=fault,
        retryable=retryable if facts.retryable is None else facts.retryable,
        billed=facts.billed,
        message=facts.message,
        provider_code=facts.provider_code,
        http_status=http_status if http_status is not None and http_status >= FIRST_ERROR else None,
        param=facts.param,
        trace_id=facts.trace_id,
        retry_after_s=facts.retry_after_s,
        suggestion=facts.suggestion,
        alternatives=facts.alternatives,
        origin=origin,
    )


def _code(
    facts: ErrorFacts, http_status: int | None, origin: str, codes: Mapping[str, FailureCode], words: MessagePatterns
) -> FailureCode:
    if facts.provider_code is not None and folded(facts.provider_code) in codes:
        return codes[folded(facts.provider_code)]
    sentence = facts.message or ""
    for pattern, code in (*words, *COMMON_PATTERNS):
        if re.search(pattern, sentence, re.IGNORECASE):
            return code
    if facts.category is not None:
        return facts.category
    if http_status == NOT_FOUND and origin != "submit":
        return FailureCode.RESULT_LOST
    if http_status == NOT_FOUND and re.search(ROUTE_NOT_FOUND, sentence, re.IGNORECASE):
        return FailureCode.MODEL_NOT_FOUND
    return _by_http_status(http_status or 0) or (
        FailureCode.UNKNOWN if facts.provider_code else FailureCode.PROVIDER_ERROR
    )


def _by_http_status(http_status: int) -> FailureCode | None:
    """The meaning of a status; an unlisted one means what the first of its hundred means, as the RFC asks."""
    return BY_HTTP_STATUS.get(http_status) or BY_HTTP_STATUS.get(http_status // 100 * 100)


def validation(detail: Any) -> tuple[str | None, str | None]:
    """(parameter in dots, message) of FastAPI's `detail`: a sentence, or `[{"loc": ["body", …], "msg"}]`.

    Source: https://fastapi.tiangolo.com/tutorial/handling-errors/
    """
    if not isinstance(detail, list) or not detail or not isinstance(detail[0], dict):
        return None, text(detail)
    location = detail[0].get("loc")
    steps = [str(step) for step in location if step != "body"] if isinstance(location, list) else []
    return ".".join(steps) or None, text(detail[0].get("msg"))
