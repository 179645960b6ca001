"""AiHubMix's errors: messages carry a trace id; balance errors arrive as 403."""

from collections.abc import Mapping
import re
from typing import Any

from msgspec.structs import replace

from arrivals.core.failure import Failure, FailureCode
from arrivals.core.http import HttpReply
from arrivals.core.moments import retry_after_s
from arrivals.providers._shared.errors import ErrorFacts, map_error
from arrivals.providers._shared.json_fields import identifier, loose_record, part, text
from arrivals.providers._shared.tolerance import vocabulary

# https://docs.aihubmix.com/en/FAQs/HTTP-Codes
# AiHubMix's error identifier: ours
CODES: Mapping[str, FailureCode] = vocabulary(
    {
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
)

# Most rows of that page have no identifier, only a sentence; 403 and 503 mean different things by it.
MESSAGE_PATTERNS = (
    (r"balance is insufficient|insufficient (user )?(quota|balance)", FailureCode.INSUFFICIENT_FUNDS),
    (r"incorrect model id", FailureCode.MODEL_NOT_FOUND),
    (r"no available channel|no_valid_channel", FailureCode.MODEL_UNAVAILABLE),
    (r"rate limited by provider|too many requests", FailureCode.RATE_LIMITED),
)
_TRACE = re.compile(r"\s*\(tid:\s*([^)\s]+)\s*\)")


def reply_failure(reply: HttpReply, origin: str) -> Failure:
    """The failure that an error answer reports."""
    facts = _error_facts(loose_record(reply.body))
    facts = replace(
        facts, retry_after_s=retry_after_s(reply), trace_id=facts.trace_id or reply.headers.get("x-request-id")
    )
    return map_error(facts, reply.http_status, origin, codes=CODES, words=MESSAGE_PATTERNS)


def task_failure(body: Mapping[str, Any], origin: str) -> Failure:
    """The failure of a task; its reason stands under one of four names: https://github.com/AIhubmix/aihubmix-media-adapters."""
    return map_error(_error_facts(body), None, origin, codes=CODES, words=MESSAGE_PATTERNS)


def _error_facts(body: Mapping[str, Any]) -> ErrorFacts:
    """`{"error": {"message": "… (tid: …)", "type", "param", "code"}}`, or a sentence under another name."""
    error = part(body, "error")
    sentence = (
        text(error.get("message"))
        or text(body.get("error"))
        or text(body.get("failure_reason"))
        or text(body.get("message"))
    )
    trace = _TRACE.search(sentence or "")
    return ErrorFacts(
        message=_TRACE.sub("", sentence).strip() or None if sentence else None,
        provider_code=identifier(error.get("code")),
        param=text(error.get("param")),
        trace_id=identifier(error.get("tid")) or identifier(body.get("tid")) or (trace[1] if trace else None),
    )
