"""Vtrix' errors: nine-digit codes, and sentences in four places."""

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

# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
# Vtrix' code: ours
CODES: Mapping[str, FailureCode] = vocabulary(
    {
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
        "002014001": FailureCode.PROVIDER_ERROR,  # Veo: video generation failed
        **{str(code): FailureCode.INSUFFICIENT_FUNDS for code in range(40201, 40209)},  # the gateway's balance family
    }
)
# 403 is a missing balance or a missing permission: https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
MESSAGE_PATTERNS = ((r"insufficient (balance|credit|fund)|balance", FailureCode.INSUFFICIENT_FUNDS),)

# Medium, model, error, of three digits each; 095-099 are the platform's own: https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
_NINE_DIGITS = re.compile(r"\d{6}(\d{3})", re.ASCII)
PLATFORM_ERRORS = range(95, 100)
INPUT_ERRORS = range(1, 95)


def reply_failure(reply: HttpReply, origin: str) -> Failure:
    """The failure that an error answer reports."""
    body = loose_record(reply.body)
    work = part(body, "data") if part(body, "data").get("error") else body
    facts = replace(_error_facts(work), retry_after_s=retry_after_s(reply))
    return map_error(facts, reply.http_status, origin, codes=CODES, words=MESSAGE_PATTERNS)


def task_failure(work: Mapping[str, Any], origin: str) -> Failure:
    """The failure of a task."""
    return map_error(_error_facts(work), None, origin, codes=CODES, words=MESSAGE_PATTERNS)


def _error_facts(body: Mapping[str, Any]) -> ErrorFacts:
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
    return ErrorFacts(message=message or code, provider_code=code, category=_family(code))


def _family(code: str | None) -> FailureCode | None:
    """The meaning of a nine-digit code of a model without a table of its own."""
    digits = _NINE_DIGITS.fullmatch(code or "")
    number = int(digits[1]) if digits else 0
    if number in PLATFORM_ERRORS:
        return FailureCode.PROVIDER_ERROR
    return FailureCode.INVALID_REQUEST if number in INPUT_ERRORS else None
