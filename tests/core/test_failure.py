"""Failures: every code has its fault and its chance, and two accounts of one failure make one."""

from msgspec import structs
from msgspec.structs import replace
import pytest

from arrivals.core.failure import MEANING, VAGUE, Failure, FailureCode, Fault, make_failure

PRECISE = Failure(
    code=FailureCode.CONTENT_POLICY,
    fault=Fault.CONTENT,
    retryable=False,
    billed=False,
    message="UNSAFE_CONTENT",
    provider_code="UNSAFE_CONTENT",
    http_status=400,
    param="prompt",
    trace_id="t-1",
    retry_after_s=3.0,
    suggestion="say it otherwise",
    alternatives=("another",),
    origin="webhook",
)

# The table of the design: who can do something about it, and would the same order have a fair chance.
ACCOUNTS_AND_CALLERS = {
    Fault.CALLER: {"invalid_request", "prompt_too_long", "invalid_input", "input_unreachable", "model_not_found"},
    Fault.CONTENT: {"content_policy"},
    Fault.ACCOUNT: {"authentication", "permission_denied", "insufficient_funds"},
    Fault.SERVICE: {"submission_unknown", "deadline_passed"},
}
WORTH_REPEATING = {
    "model_unavailable", "rate_limited", "concurrency_limited", "provider_error", "provider_unavailable",
    "provider_timeout", "output_missing", "deadline_passed",
}  # fmt: skip


@pytest.mark.parametrize("code", FailureCode)
def test_code_means_what_the_table_says(code):
    fault = next((fault for fault, codes in ACCOUNTS_AND_CALLERS.items() if code in codes), Fault.PROVIDER)

    assert (fault, code in WORTH_REPEATING) == MEANING[code]


@pytest.mark.parametrize("code", FailureCode)
def test_failure_follows_from_its_code(code):
    fault, retryable = MEANING[code]

    assert Failure(
        code=code, fault=fault, retryable=retryable, message="why", origin="poll", billed=True
    ) == make_failure(code, "why", origin="poll", billed=True)


def test_absent_facts_are_none():
    facts = {field.name for field in structs.fields(Failure)} - {"code", "fault", "retryable"}

    assert {None} == {getattr(make_failure(FailureCode.UNKNOWN), name) for name in facts}


@pytest.mark.parametrize("code", sorted(VAGUE))
def test_vague_account_is_replaced_by_a_precise_one(code):
    """It keeps where it was heard first, and the HTTP status that carried it."""
    vague = make_failure(code, "it failed", origin="poll")

    expected = replace(PRECISE, http_status=None, retry_after_s=None, origin="poll")
    assert expected == vague.filled_from(PRECISE)


def test_precise_account_gains_only_what_it_lacks():
    other = replace(
        make_failure(FailureCode.RATE_LIMITED, "slow down"), billed=True, provider_code="LIMIT", trace_id="t-9"
    )
    bare = make_failure(FailureCode.CONTENT_POLICY, "no", origin="poll")

    assert PRECISE == PRECISE.filled_from(other)
    assert replace(bare, billed=True, provider_code="LIMIT", trace_id="t-9") == bare.filled_from(other)


def test_two_vague_accounts_keep_the_first_words():
    first, second = make_failure(FailureCode.UNKNOWN, "first"), make_failure(FailureCode.PROVIDER_ERROR, "second")

    assert replace(first, provider_code="X") == first.filled_from(replace(second, provider_code="X"))


def test_code_that_nobody_lists_says_more_than_none():
    """RunBlob's poll says only that it failed; its webhook has a code, which may be a new one."""
    new = replace(make_failure(FailureCode.UNKNOWN, "NEW_RULE"), provider_code="NEW_RULE")

    assert new == make_failure(FailureCode.PROVIDER_ERROR).filled_from(new)
    assert new == new.filled_from(make_failure(FailureCode.PROVIDER_ERROR))


def test_details_of_both_accounts_are_kept():
    first = replace(make_failure(FailureCode.PROVIDER_ERROR), details={"step": 1, "region": "eu"})
    second = replace(PRECISE, details={"step": 2, "score": 0.9})

    assert {"step": 1, "region": "eu", "score": 0.9} == first.filled_from(second).details


def test_not_billed_is_a_fact_and_not_an_absence():
    unbilled = make_failure(FailureCode.PROVIDER_ERROR, billed=False)

    assert unbilled.filled_from(replace(PRECISE, billed=True)).billed is False


def test_account_filled_twice_is_the_same_as_once():
    once = make_failure(FailureCode.UNKNOWN).filled_from(PRECISE)

    assert once == once.filled_from(PRECISE)
