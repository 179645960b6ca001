"""A provider's trouble: the task, the account or the provider it concerns. One table, with its reasons.

* task: this generation is asked about ever more rarely, and nobody else notices;
* account: `Retry-After` holds back all its requests; trouble with its key or its balance is a miss of the breaker;
* provider: a miss of the breaker. From the fifth in a row the account's polls pause, and one at a time finds out
  whether it is over.

Breakers are kept by account, also for what concerns the provider: each account may have a host of its own. A provider
that answers, whatever it says of one task, is not failing as a whole.
"""

from collections.abc import Mapping
from enum import StrEnum

from arrivals.core.failure import Failure, FailureCode
from arrivals.core.http import is_server_error


class Concern(StrEnum):
    """The scope of a trouble."""

    TASK = "task"
    ACCOUNT = "account"
    PROVIDER = "provider"


# failure code: whom it concerns, and why
CONCERNS: Mapping[FailureCode, tuple[Concern, str]] = {
    FailureCode.INVALID_REQUEST: (Concern.TASK, "what was asked for"),
    FailureCode.PROMPT_TOO_LONG: (Concern.TASK, "what was asked for"),
    FailureCode.INVALID_INPUT: (Concern.TASK, "what was asked for"),
    FailureCode.INPUT_UNREACHABLE: (Concern.TASK, "what was asked for"),
    FailureCode.MODEL_NOT_FOUND: (Concern.TASK, "one model"),
    FailureCode.MODEL_UNAVAILABLE: (Concern.TASK, "one model; the others go on"),
    FailureCode.CONTENT_POLICY: (Concern.TASK, "what was asked for"),
    FailureCode.AUTHENTICATION: (Concern.ACCOUNT, "the key opens nothing"),
    FailureCode.PERMISSION_DENIED: (Concern.ACCOUNT, "the key may not"),
    FailureCode.INSUFFICIENT_FUNDS: (Concern.ACCOUNT, "the balance pays for nothing"),
    FailureCode.RATE_LIMITED: (Concern.ACCOUNT, "the account's pace"),
    FailureCode.CONCURRENCY_LIMITED: (Concern.ACCOUNT, "the account's places"),
    FailureCode.PROVIDER_ERROR: (Concern.TASK, "it answers, and this work went wrong"),
    FailureCode.PROVIDER_UNAVAILABLE: (Concern.PROVIDER, "it answers nobody"),
    FailureCode.PROVIDER_TIMEOUT: (Concern.TASK, "it answers, and this work took too long"),
    FailureCode.OUTPUT_MISSING: (Concern.TASK, "one result"),
    FailureCode.RESULT_LOST: (Concern.TASK, "one result"),
    FailureCode.SUBMISSION_UNKNOWN: (Concern.TASK, "one order"),
    FailureCode.DEADLINE_PASSED: (Concern.TASK, "one order"),
    FailureCode.UNKNOWN: (Concern.TASK, "it answers, in words that nobody knows"),
}
# Of an account's pace and places: that it asks us to wait is no sign that it fails.
PACE = frozenset({FailureCode.RATE_LIMITED, FailureCode.CONCURRENCY_LIMITED})
# What the provider may say of work when it is asked about it, and mean its end. Of the others, those that say whose
# fault it is only by an HTTP status say nothing of the work.
VERDICTS = frozenset(
    {
        FailureCode.CONTENT_POLICY,
        FailureCode.INVALID_INPUT,
        FailureCode.INPUT_UNREACHABLE,
        FailureCode.PROMPT_TOO_LONG,
        FailureCode.PROVIDER_TIMEOUT,
        FailureCode.OUTPUT_MISSING,
        FailureCode.RESULT_LOST,
    }
)


def concern_of(failure: Failure) -> Concern:
    """The scope of a refusal. A server's error without a word of the provider's own concerns the whole provider."""
    wordless = failure.message is None and failure.provider_code is None
    if wordless and is_server_error(failure.http_status):
        return Concern.PROVIDER
    return CONCERNS[failure.code][0]


def is_miss(failure: Failure) -> bool:
    """True for one more sign that the provider, or the account, fails as a whole."""
    return concern_of(failure) is not Concern.TASK and failure.code not in PACE


def is_verdict(failure: Failure) -> bool:
    """True where the provider says, in its own words, that the work has failed."""
    if failure.code is FailureCode.RESULT_LOST:
        return True  # a missing task has no other words than its HTTP status
    own = failure.provider_code is not None
    if failure.code in VERDICTS:
        return own or failure.code is FailureCode.CONTENT_POLICY
    server_error = is_server_error(failure.http_status)
    return own and not server_error and concern_of(failure) is Concern.TASK


def account_wait_s(failure: Failure) -> float | None:
    """The seconds that the account has to wait; None where the provider named none, or only for one task."""
    return failure.retry_after_s if concern_of(failure) is not Concern.TASK else None
