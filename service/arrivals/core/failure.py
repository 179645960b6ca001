"""The failure of a generation: our code, whose fault it is, and the provider's own words beside it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from arrivals.core.details import merge_details


class Fault(StrEnum):
    """The party that can do something about a failure."""

    CALLER = "caller"  # change the order
    CONTENT = "content"  # moderation refused it
    ACCOUNT = "account"  # key, permission, balance
    PROVIDER = "provider"  # wait, or go elsewhere
    SERVICE = "service"  # ours to explain


class FailureCode(StrEnum):
    """The closed list of reasons, whichever provider spoke."""

    INVALID_REQUEST = "invalid_request"
    PROMPT_TOO_LONG = "prompt_too_long"
    INVALID_INPUT = "invalid_input"
    INPUT_UNREACHABLE = "input_unreachable"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_UNAVAILABLE = "model_unavailable"
    CONTENT_POLICY = "content_policy"
    AUTHENTICATION = "authentication"
    PERMISSION_DENIED = "permission_denied"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    RATE_LIMITED = "rate_limited"
    CONCURRENCY_LIMITED = "concurrency_limited"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_TIMEOUT = "provider_timeout"
    OUTPUT_MISSING = "output_missing"
    RESULT_LOST = "result_lost"
    SUBMISSION_UNKNOWN = "submission_unknown"
    DEADLINE_PASSED = "deadline_passed"
    UNKNOWN = "unknown"


# code: (fault, retryable: would the same order, sent again as it is, have a fair chance)
MEANING: dict[FailureCode, tuple[Fault, bool]] = {
    FailureCode.INVALID_REQUEST: (Fault.CALLER, False),
    FailureCode.PROMPT_TOO_LONG: (Fault.CALLER, False),
    FailureCode.INVALID_INPUT: (Fault.CALLER, False),
    FailureCode.INPUT_UNREACHABLE: (Fault.CALLER, False),
    FailureCode.MODEL_NOT_FOUND: (Fault.CALLER, False),
    FailureCode.MODEL_UNAVAILABLE: (Fault.PROVIDER, True),
    FailureCode.CONTENT_POLICY: (Fault.CONTENT, False),
    FailureCode.AUTHENTICATION: (Fault.ACCOUNT, False),
    FailureCode.PERMISSION_DENIED: (Fault.ACCOUNT, False),
    FailureCode.INSUFFICIENT_FUNDS: (Fault.ACCOUNT, False),
    FailureCode.RATE_LIMITED: (Fault.PROVIDER, True),
    FailureCode.CONCURRENCY_LIMITED: (Fault.PROVIDER, True),
    FailureCode.PROVIDER_ERROR: (Fault.PROVIDER, True),
    FailureCode.PROVIDER_UNAVAILABLE: (Fault.PROVIDER, True),
    FailureCode.PROVIDER_TIMEOUT: (Fault.PROVIDER, True),
    FailureCode.OUTPUT_MISSING: (Fault.PROVIDER, True),
    FailureCode.RESULT_LOST: (Fault.PROVIDER, False),
    FailureCode.SUBMISSION_UNKNOWN: (Fault.SERVICE, False),
    FailureCode.DEADLINE_PASSED: (Fault.SERVICE, True),
    FailureCode.UNKNOWN: (Fault.PROVIDER, False),
}

# What a provider says when it gives no reason; a later, more precise word may replace these.
VAGUE = frozenset({FailureCode.PROVIDER_ERROR, FailureCode.UNKNOWN})


class Failure(Struct, frozen=True, kw_only=True):
    """One failure in full. An absent fact is None, never guessed; `origin` is the channel that reported it.

    `details`: what else the provider said about it, as it said it.
    """

    code: FailureCode
    fault: Fault
    retryable: bool
    billed: bool | None = None
    message: str | None = None
    provider_code: str | None = None
    http_status: int | None = None
    param: str | None = None
    trace_id: str | None = None
    retry_after_s: float | None = None
    suggestion: str | None = None
    alternatives: tuple[str, ...] | None = None
    details: Mapping[str, Any] | None = None
    origin: str | None = None

    def filled_from(self, other: "Failure") -> "Failure":
        """The failure with what it lacks taken from another account of the same failure."""
        better = other if _precision(other) > _precision(self) else self
        return replace(
            self,
            code=better.code,
            fault=better.fault,
            retryable=better.retryable,
            billed=self.billed if self.billed is not None else other.billed,
            message=better.message or self.message or other.message,
            provider_code=better.provider_code or self.provider_code or other.provider_code,
            param=self.param or other.param,
            trace_id=self.trace_id or other.trace_id,
            suggestion=self.suggestion or other.suggestion,
            alternatives=self.alternatives or other.alternatives,
            details=merge_details(other.details, self.details),
        )


def _precision(failure: Failure) -> int:
    """The precision of a failure: 0 for no reason, 1 for a code of the provider's that nobody lists, 2 for a reason."""
    if failure.code not in VAGUE:
        return 2
    return int(failure.code is FailureCode.UNKNOWN and failure.provider_code is not None)


def make_failure(
    code: FailureCode,
    message: str | None = None,
    *,
    origin: str | None = None,
    billed: bool | None = None,
) -> Failure:
    """A failure whose fault and retryability follow from its code; `replace` it for further facts."""
    fault, retryable = MEANING[code]
    return Failure(code=code, fault=fault, retryable=retryable, message=message, origin=origin, billed=billed)
