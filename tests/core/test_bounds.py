"""What is kept and shown is bounded, whoever wrote it."""

from msgspec.structs import replace
import pytest

from arrivals.core.bounds import (
    MAX_ALTERNATIVES,
    MAX_METADATA_BYTES,
    MAX_METADATA_KEYS,
    MAX_NOTES,
    MAX_OUTPUTS,
    MAX_TEXT_CHARACTERS,
    MAX_WORD_CHARACTERS,
    bounded,
    bounded_failure,
    metadata_objection,
)
from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Cost, Output, Status, text_output
from arrivals.core.http import MAX_URL_CHARACTERS, split_url
from arrivals.core.observation import Reading
from tests.support.examples import FULL

LONG = "x" * 1_000_000
SHORT = Reading(
    status=Status.FAILED,
    provider_status="FAILURE",
    external_id="ext-1",
    outputs=FULL.outputs,
    failure=FULL.failure,
    cost=FULL.cost,
    notes=("a word",),
)


def image(url):
    return Output(kind="image", url=url)


@pytest.mark.parametrize("reading", [SHORT, Reading(status=None)], ids=["full", "empty"])
def test_what_is_short_stays_as_it_is(reading):
    assert reading == bounded(reading)


def test_an_output_whose_url_is_too_long_is_dropped_with_a_note():
    longest = "https://cdn.example/" + "x" * (MAX_URL_CHARACTERS - len("https://cdn.example/"))
    reading = Reading(status=Status.COMPLETED, outputs=(image(longest), image(longest + "x")), notes=("a word",))

    kept = bounded(reading)

    assert (image(longest),) == kept.outputs
    assert ("output 1 was dropped: its URL has 8193 characters", "a word") == kept.notes


def test_an_inline_output_may_be_long():
    inline = (image(f"data:image/png;base64,{LONG}"),)

    assert inline == bounded(Reading(status=Status.COMPLETED, outputs=inline)).outputs


def test_outputs_beyond_a_number_are_dropped_with_a_note():
    outputs = tuple(image(f"https://cdn.example/{number}") for number in range(MAX_OUTPUTS + 2))

    kept = bounded(Reading(status=Status.COMPLETED, outputs=outputs))

    assert outputs[:MAX_OUTPUTS] == kept.outputs
    assert (f"2 outputs beyond the first {MAX_OUTPUTS} were dropped",) == kept.notes


def test_outputs_that_are_no_place_of_bytes_are_dropped_with_a_note():
    urls = ("javascript:alert(1)", "https://cdn.example/1", "file:///etc/passwd", "data:image/png;base64,Zm94")

    kept = bounded(Reading(status=Status.COMPLETED, outputs=tuple(image(url) for url in urls), notes=("more",)))

    assert (urls[1], urls[3]) == tuple(output.url for output in kept.outputs)
    assert (
        "output 0 was dropped: its URL begins with 'javascript'",
        "output 2 was dropped: its URL begins with 'file'",
        "more",
    ) == kept.notes


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [("image/png", "image/png"), ("image/png\r\nx-evil: 1", None), (LONG, None), (None, None)],
)
def test_a_media_type_that_is_none_is_not_known(content_type, expected):
    output = Output(kind="file", url="https://cdn.example/1", content_type=content_type)

    assert expected == bounded(Reading(status=None, outputs=(output,))).outputs[0].content_type


def test_an_id_that_is_too_long_is_not_known_and_said():
    kept = bounded(Reading(status=Status.SUBMITTED, external_id=LONG))

    assert (None, ("an id of 1000000 characters was dropped",)) == (kept.external_id, kept.notes)


@pytest.mark.parametrize("cost", [Cost(amount="1" * 501), Cost(amount="1", currency="E" * 501)])
def test_a_cost_that_is_too_long_is_not_known(cost):
    assert bounded(Reading(status=Status.COMPLETED, cost=cost)).cost is None


def test_words_and_notes_are_cut():
    kept = bounded(
        Reading(
            status=None,
            provider_status=LONG,
            notes=(LONG,) * 1000,
        )
    )

    assert MAX_WORD_CHARACTERS == len(kept.provider_status)
    assert [MAX_TEXT_CHARACTERS] * MAX_NOTES == [len(note) for note in kept.notes]


def test_every_text_of_a_failure_is_cut():
    long = make_failure(FailureCode.UNKNOWN, LONG, origin="poll")
    failure = replace(long, suggestion=LONG, provider_code=LONG, param=LONG, trace_id=LONG, alternatives=(LONG,) * 1000)

    kept = bounded_failure(failure)

    assert (MAX_TEXT_CHARACTERS, MAX_TEXT_CHARACTERS) == (len(kept.message), len(kept.suggestion))
    assert [MAX_WORD_CHARACTERS] * 3 == [len(kept.provider_code), len(kept.param), len(kept.trace_id)]
    assert [MAX_WORD_CHARACTERS] * MAX_ALTERNATIVES == [len(alternative) for alternative in kept.alternatives]
    assert kept.message.endswith("…")


def test_metadata_is_bounded_in_keys_and_in_bytes():
    many = {f"{number}": None for number in range(MAX_METADATA_KEYS)}
    fitting = {"a": "☂" * ((MAX_METADATA_BYTES - len('{"a":""}')) // 3)}

    assert [None, None, None] == [metadata_objection(metadata) for metadata in ({}, many, fitting)]
    assert "has 65 keys; at most 64 are kept" == metadata_objection({**many, "more": None})
    assert "bytes of JSON; at most 16384 are kept" in metadata_objection({"a": fitting["a"] + "xxxx"})


def test_a_url_that_is_too_long_is_not_taken_apart():
    assert "/1" == split_url("https://cdn.example/1").path
    with pytest.raises(ValueError, match="longer than 8192"):
        split_url("https://cdn.example/".ljust(8193, "x"))


def test_data_uri_that_holds_nothing_is_dropped_and_said():
    reading = Reading(status=Status.COMPLETED, outputs=(Output(kind="image", url="data:image/png;base64,"),))

    kept = bounded(reading)

    assert ((), ("output 0 was dropped: it is empty",)) == (kept.outputs, kept.notes)


def test_data_uri_that_is_none_is_an_output_in_words():
    reading = Reading(status=Status.COMPLETED, outputs=(Output(kind="image", url="data:image/png;base64,***"),))

    kept = bounded(reading)

    assert (text_output("data:image/png;base64,***"),) == kept.outputs
    assert ("output 0 is not a data URI: it is kept as text",) == kept.notes
