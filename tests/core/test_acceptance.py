"""The meaning of an answer to an order, by its HTTP status and by the provider's own words."""

from msgspec.structs import replace
import pytest

from arrivals.core.acceptance import ANSWERS, Acceptance, acceptance_of, meaning_of
from arrivals.core.failure import FailureCode, make_failure

LATER, UNKNOWN, REFUSED = Acceptance.LATER, Acceptance.UNKNOWN, Acceptance.REFUSED


def refusal(http_status, code=FailureCode.PROVIDER_ERROR, message=None, **facts):
    return replace(make_failure(code, message), http_status=http_status, **facts)


@pytest.mark.parametrize(("http_status", "row"), ANSWERS.items())
def test_status_means_what_the_table_says(http_status, row):
    assert row[0] is meaning_of(http_status) is acceptance_of(refusal(http_status))


@pytest.mark.parametrize(
    ("http_status", "meant"), [(418, REFUSED), (451, REFUSED), (505, UNKNOWN), (599, UNKNOWN), (302, REFUSED)]
)
def test_status_that_is_not_listed_means_what_its_hundred_does(http_status, meant):
    assert meant is meaning_of(http_status)


@pytest.mark.parametrize("http_status", [500, 501, 502])
def test_whoever_explains_its_own_error_has_not_made_it(http_status):
    assert REFUSED is acceptance_of(refusal(http_status, message="internal error"))


@pytest.mark.parametrize("http_status", [504, 520, 524, 599])
def test_whoever_gave_up_waiting_does_not_know(http_status):
    assert UNKNOWN is acceptance_of(refusal(http_status, message="timed out"))


@pytest.mark.parametrize("http_status", [429, 503, 521, 522, 523, 530])
@pytest.mark.parametrize(
    "code", [FailureCode.INSUFFICIENT_FUNDS, FailureCode.MODEL_NOT_FOUND, FailureCode.CONTENT_POLICY]
)
def test_own_word_that_it_is_final_is_final(http_status, code):
    assert REFUSED is acceptance_of(refusal(http_status, code, "no"))


@pytest.mark.parametrize("http_status", [None, 200, 400, 403])
@pytest.mark.parametrize("code", [FailureCode.RATE_LIMITED, FailureCode.CONCURRENCY_LIMITED])
def test_own_word_that_there_is_no_place_now_waits(http_status, code):
    assert LATER is acceptance_of(refusal(http_status, code, "busy"))


def test_maintenance_waits_whatever_its_status():
    assert LATER is acceptance_of(
        refusal(400, FailureCode.PROVIDER_UNAVAILABLE, "MAINTENANCE", provider_code="MAINTENANCE")
    )
    assert REFUSED is acceptance_of(refusal(502, FailureCode.PROVIDER_UNAVAILABLE, "bad gateway"))


def test_refusal_without_a_status_is_one():
    assert REFUSED is acceptance_of(make_failure(FailureCode.INVALID_REQUEST, "no"))
