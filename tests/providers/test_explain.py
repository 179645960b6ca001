"""From a provider's words to a failure: its code, then its sentence, then its class, then the HTTP status."""

import pytest

from arrivals.core.failure import MEANING, FailureCode, Fault
from arrivals.providers._shared.errors import BY_HTTP_STATUS, ErrorFacts, map_error, validation
from arrivals.providers._shared.tolerance import vocabulary

CODES = vocabulary({"NO_FUNDS": FailureCode.INSUFFICIENT_FUNDS})
MESSAGE_PATTERNS = (
    (r"no channel", FailureCode.MODEL_UNAVAILABLE),
    (r"moderation queue", FailureCode.PROVIDER_UNAVAILABLE),
)


def code_of(http_status, origin="poll", **said):
    return map_error(ErrorFacts(**said), http_status, origin, codes=CODES, words=MESSAGE_PATTERNS).code


@pytest.mark.parametrize("http_status", [None, 200, 400, 404, 429, 500])
def test_known_code_beats_everything(http_status):
    said = {"provider_code": "NO_FUNDS", "message": "no channel", "category": FailureCode.PROVIDER_TIMEOUT}

    assert FailureCode.INSUFFICIENT_FUNDS is code_of(http_status, **said)


@pytest.mark.parametrize("http_status", [None, 200, 404, 503])
def test_sentence_beats_class_and_status(http_status):
    said = {"provider_code": "NEW", "message": "There is No Channel", "category": FailureCode.PROVIDER_TIMEOUT}

    assert FailureCode.MODEL_UNAVAILABLE is code_of(http_status, **said)


def test_class_beats_status():
    assert FailureCode.PROVIDER_TIMEOUT is code_of(500, message="Oh", category=FailureCode.PROVIDER_TIMEOUT)


@pytest.mark.parametrize(("http_status", "code"), BY_HTTP_STATUS.items())
def test_status_decides_when_nothing_else_does(http_status, code):
    """An unknown code does not hide what the status says."""
    expected = FailureCode.RESULT_LOST if http_status == 404 else code

    assert {expected} == {code_of(http_status), code_of(http_status, provider_code="NEW", message="New words")}


@pytest.mark.parametrize(
    ("http_status", "code"),
    [
        (418, FailureCode.INVALID_REQUEST),
        (451, FailureCode.INVALID_REQUEST),
        (524, FailureCode.PROVIDER_ERROR),
        (599, FailureCode.PROVIDER_ERROR),
    ],
)
def test_unlisted_status_means_its_hundred(http_status, code):
    assert code is code_of(http_status)


@pytest.mark.parametrize("http_status", [None, 0, 200, 302, 600, 999])
def test_failure_without_any_reason_is_the_providers(http_status):
    assert FailureCode.PROVIDER_ERROR is code_of(http_status)
    assert FailureCode.UNKNOWN is code_of(http_status, provider_code="NEW")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Invalid path", FailureCode.MODEL_NOT_FOUND),
        ("The Model does not exist", FailureCode.MODEL_NOT_FOUND),
        ("workflow not found", FailureCode.MODEL_NOT_FOUND),
        ("modelling clay is gone", FailureCode.INVALID_REQUEST),
        (None, FailureCode.INVALID_REQUEST),
    ],
)
def test_not_found_at_submission_is_the_model_where_the_words_say_so(message, code):
    """Later it is always the result that is lost."""
    assert code is code_of(404, "submit", message=message)
    assert FailureCode.RESULT_LOST is code_of(404, "poll", message=message)


@pytest.mark.parametrize(
    "message", ["Content policy violation", "blocked by MODERATION", "our safety system", "NSFW", "content filter"]
)
def test_moderation_is_known_by_everybodys_words(message):
    assert FailureCode.CONTENT_POLICY is code_of(400, message=message)


def test_providers_own_words_come_before_everybodys():
    assert FailureCode.PROVIDER_UNAVAILABLE is code_of(503, message="the moderation queue is full")


def test_failure_keeps_every_fact():
    said = ErrorFacts(
        message="Oh",
        provider_code="NEW",
        param="n",
        trace_id="t-1",
        retry_after_s=2.0,
        suggestion="try",
        alternatives=("b",),
        retryable=True,
        billed=False,
    )

    failure = map_error(said, 400, "submit", codes=CODES)

    assert (FailureCode.INVALID_REQUEST, Fault.CALLER, True, False) == (
        failure.code,
        failure.fault,
        failure.retryable,
        failure.billed,
    )
    assert ("Oh", "NEW", 400, "n", "t-1", 2.0, "try", ("b",), "submit") == (
        failure.message,
        failure.provider_code,
        failure.http_status,
        failure.param,
        failure.trace_id,
        failure.retry_after_s,
        failure.suggestion,
        failure.alternatives,
        failure.origin,
    )


@pytest.mark.parametrize(("http_status", "kept"), [(200, None), (302, None), (None, None), (400, 400), (599, 599)])
def test_status_of_an_answer_that_is_no_error_is_not_the_failures(http_status, kept):
    assert kept == map_error(ErrorFacts(), http_status, "poll", codes=CODES).http_status


@pytest.mark.parametrize("code", FailureCode)
def test_fault_and_retryable_follow_the_code(code):
    failure = map_error(ErrorFacts(provider_code="X"), None, "poll", codes=vocabulary({"X": code}))

    assert MEANING[code] == (failure.fault, failure.retryable)


@pytest.mark.parametrize(
    ("detail", "param", "message"),
    [
        ([{"loc": ["body", "prompt"], "msg": "field required", "type": "missing"}], "prompt", "field required"),
        ([{"loc": ["body", "messages", 0, "content"], "msg": "too long"}], "messages.0.content", "too long"),
        ([{"loc": ["query", "limit"], "msg": "too large"}], "query.limit", "too large"),
        ([{"loc": ["body"], "msg": "not JSON"}], None, "not JSON"),
        ([{"loc": [], "msg": "no"}], None, "no"),
        ([{"loc": "body.prompt", "msg": "no"}], None, "no"),
        ([{"msg": "no"}], None, "no"),
        ([{"loc": ["body", "n"]}], "n", None),
        ([{"loc": ["body", "n"], "msg": 7}], "n", None),
        ([{"loc": ["body", "a"], "msg": "first"}, {"loc": ["body", "b"], "msg": "second"}], "a", "first"),
        ("Missing credentials", None, "Missing credentials"),
        (" ", None, None),
        ([], None, None),
        (["no"], None, None),
        ({"loc": ["body", "n"], "msg": "no"}, None, None),
        (None, None, None),
    ],
)
def test_detail_is_a_sentence_or_the_first_field_that_was_wrong(detail, param, message):
    """As FastAPI writes it: the field in dots, without the body that every one of them is in."""
    assert (param, message) == validation(detail)
