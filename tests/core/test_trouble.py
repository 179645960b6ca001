"""The scope of a refusal, and its consequences."""

from msgspec.structs import replace
import pytest

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.trouble import CONCERNS, PACE, Concern, account_wait_s, concern_of, is_miss, is_verdict


def refusal(code, message="words", **facts):
    return replace(make_failure(code, message), **facts)


def test_every_code_concerns_somebody():
    assert {*FailureCode} == CONCERNS.keys()


@pytest.mark.parametrize("code", FailureCode)
def test_what_concerns_one_task_is_no_miss_and_holds_nobody_back(code):
    failure = refusal(code, retry_after_s=30.0)
    task = CONCERNS[code][0] is Concern.TASK

    assert task == (account_wait_s(failure) is None)
    assert is_miss(failure) == (not task and code not in PACE)


@pytest.mark.parametrize("http_status", [500, 502, 503, 520])
def test_servers_error_without_a_word_is_the_whole_providers(http_status):
    wordless = refusal(FailureCode.PROVIDER_ERROR, None, http_status=http_status)

    assert (Concern.PROVIDER, True) == (concern_of(wordless), is_miss(wordless))
    assert Concern.TASK is concern_of(replace(wordless, message="this task broke"))


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (refusal(FailureCode.CONTENT_POLICY, http_status=400), True),
        (refusal(FailureCode.RESULT_LOST, http_status=404), True),
        (refusal(FailureCode.PROVIDER_TIMEOUT, provider_code="TASK_TIMEOUT", http_status=504), True),
        (refusal(FailureCode.PROVIDER_TIMEOUT, http_status=408), False),
        (refusal(FailureCode.INVALID_REQUEST, http_status=422), False),
        (refusal(FailureCode.INVALID_REQUEST, provider_code="BAD_SIZE", http_status=400), True),
        (refusal(FailureCode.PROVIDER_ERROR, provider_code="TASK_FAILED", http_status=500), False),
        (refusal(FailureCode.PROVIDER_ERROR, provider_code="TASK_FAILED", http_status=400), True),
        (refusal(FailureCode.UNKNOWN, provider_code="NEW", http_status=409), True),
        (refusal(FailureCode.AUTHENTICATION, provider_code="invalid_api_key", http_status=401), False),
        (refusal(FailureCode.RATE_LIMITED, provider_code="RATE", http_status=429), False),
    ],
    ids=range(11),
)
def test_verdict_is_the_providers_own_word_about_the_work(failure, verdict):
    assert verdict == is_verdict(failure)
