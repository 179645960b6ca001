"""No text of what was heard keeps a secret, and what keeps none stays what it was."""

import base64

from msgspec.structs import replace
import pytest

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Cost, Output, Status
from arrivals.core.mask import Mask
from arrivals.core.masking import masked_failure, masked_json, masked_reading
from arrivals.core.media import read_data_uri
from arrivals.core.observation import Reading

SECRET = "a-secret-of/somebody"
MASK = Mask([SECRET])
PLACES = ("message", "suggestion", "provider_code", "param", "trace_id")


def failure_saying(**words):
    return replace(make_failure(FailureCode.UNKNOWN, origin="poll"), **words)


@pytest.mark.parametrize("place", PLACES)
def test_no_word_of_a_failure_keeps_a_secret(place):
    masked = masked_failure(MASK, failure_saying(**{place: f"no {SECRET} here"}))

    assert "no ******** here" == getattr(masked, place)


def test_alternatives_keep_no_secret_and_none_stay_none():
    assert ("a", "********") == masked_failure(MASK, failure_saying(alternatives=("a", SECRET))).alternatives
    assert masked_failure(MASK, failure_saying()).alternatives is None


@pytest.mark.parametrize("place", [*PLACES, "alternatives"])
def test_secret_in_a_failure_of_a_reading_is_found(place):
    said = (SECRET,) if place == "alternatives" else SECRET
    reading = Reading(status=Status.FAILED, failure=failure_saying(**{place: said}))

    assert "somebody" not in repr(masked_reading(MASK, reading))


@pytest.mark.parametrize(
    "words",
    [
        {"provider_status": SECRET},
        {"external_id": f"id-{SECRET}"},
        {"notes": ("fine", f"called {SECRET}")},
        {"outputs": (Output(kind="image", url="https://cdn.example/1.png?for=a-secret-of%2Fsomebody"),)},
    ],
    ids=lambda words: next(iter(words)),
)
def test_no_word_of_a_reading_keeps_a_secret(words):
    masked = masked_reading(MASK, Reading(status=Status.COMPLETED, **words))

    assert "somebody" not in repr(masked)
    assert "********" in repr(masked)


def test_reading_without_secrets_is_itself():
    reading = Reading(
        status=Status.COMPLETED,
        provider_status="done",
        external_id="el-1",
        outputs=(Output(kind="image", url="https://cdn.example/1.png", content_type="image/png"),),
        failure=failure_saying(message="a & b", alternatives=("c",)),
        cost=Cost(amount="1"),
        notes=("%41",),
    )

    assert reading is masked_reading(MASK, reading)


def inline(content, content_type):
    return Output(kind="file", url=f"data:{content_type};base64,{base64.b64encode(content).decode()}")


def test_words_that_came_inside_an_answer_keep_no_secret():
    output = inline(f"so {SECRET} it is ☂".encode(), "text/plain;charset=utf-8")

    (masked,) = masked_reading(MASK, Reading(status=Status.COMPLETED, outputs=(output,))).outputs

    decoded = read_data_uri(masked.url)
    assert ("text/plain;charset=utf-8", "so ******** it is ☂") == (decoded.content_type, decoded.content.decode())


@pytest.mark.parametrize(
    "output",
    [
        inline(b"nothing of it", "text/plain"),
        inline(SECRET.encode(), "image/png"),
        Output(kind="file", url="data:image/png;base64,*"),
    ],
    ids=["words", "bytes", "malformed"],
)
def test_what_else_came_inside_an_answer_stays_as_it_is(output):
    assert (output,) == masked_reading(MASK, Reading(status=Status.COMPLETED, outputs=(output,))).outputs


def test_no_text_of_a_json_value_keeps_a_secret():
    value = {"a": [SECRET, 1, None, {"b": f"{SECRET}!"}], "c": True, "d": 1.5}

    assert {"a": ["********", 1, None, {"b": "********!"}], "c": True, "d": 1.5} == masked_json(MASK, value)
