"""The rules by which everything that a provider says is read."""

import pytest

from arrivals.core.generation import Status
from arrivals.core.http import HttpReply
from arrivals.core.wire import from_json
from arrivals.providers._shared.tolerance import (
    SYNONYMS,
    code_in,
    file_in,
    folded,
    meaning,
    mended,
    message_in,
    vocabulary,
)

TABLE = vocabulary({"success": Status.SUBMITTED, "IN_QUEUE": Status.SUBMITTED})
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(100)


@pytest.mark.parametrize("word", ["IN_PROGRESS", " in-progress\n", "In Progress", "in.progress", "InProgress"])
def test_words_are_compared_without_case_and_spacing(word):
    assert "inprogress" == folded(word)
    assert Status.PROCESSING is meaning(word, {})


def test_a_providers_own_table_stands_before_everybodys_words():
    assert (Status.COMPLETED, Status.SUBMITTED) == (meaning("Success", {}), meaning("Success", TABLE))
    assert meaning("warming_up", TABLE) is meaning(None, TABLE) is None


def test_everybodys_words_say_every_status_that_a_provider_may_say():
    assert {Status.SUBMITTED, Status.PROCESSING, Status.COMPLETED, Status.FAILED, Status.CANCELED} == {
        *SYNONYMS.values()
    }


@pytest.mark.parametrize(("text", "code"), [("TASK_TIMEOUT", "TASK_TIMEOUT"), (" task_timeout\n", "task_timeout")])
def test_code_may_stand_where_a_sentence_may(text, code):
    assert code == code_in(text, vocabulary({"TASK_TIMEOUT": 1}))


@pytest.mark.parametrize("text", ["Task timeout", "task timed out", "OTHER", "", None, 7])
def test_sentence_is_no_code(text):
    assert code_in(text, vocabulary({"TASK_TIMEOUT": 1})) is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "fox \\ud83e"}', {"a": "fox \ufffd"}),
        (b'{"a": "fox \xff"}', {"a": "fox \ufffd"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        (b'{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        (b'{"a": 1}\x00\x00', {"a": 1}),
        ('{"a": "Füchse"}'.encode("utf-16"), {"a": "Füchse"}),
        (b'[{"a": "\\udfff"}]', [{"a": "\ufffd"}]),
    ],
    ids=["half a character", "no utf-8", "mark", "nan", "line feed", "zeros", "utf-16", "list"],
)
def test_hardly_json_is_read_leniently(body, value):
    assert value == from_json(mended(body)) == message_in(body)


@pytest.mark.parametrize(
    "body", [b'{"a": 1}', b"", b"<html>", b"text", b'{"a": ', b'{"a": 1} {"b": 2}', b"[" * 100_000, MP4], ids=repr
)
def test_json_and_what_is_none_stay_as_they_are(body):
    assert mended(body) is None


@pytest.mark.parametrize(
    ("content_type", "body", "media"),
    [
        ("video/mp4", b"any bytes", "video/mp4"),
        ("binary/octet-stream", MP4, "video/mp4"),
        ("application/mp4", b"any bytes", "application/mp4"),
        ("", b"any bytes", "application/octet-stream"),
        ("application/json", MP4, "video/mp4"),
        ("text/html", MP4, "video/mp4"),
        ("video/mp4", b"", None),
        ("video/mp4", b'{"error": "gone"}', None),
        ("text/html; charset=utf-8", b"oops", None),
        ("application/octet-stream", b"\n<!DOCTYPE html><html>", None),
        ("application/json", b'{"url": ', None),
    ],
)
def test_file_is_what_is_there_and_no_error(content_type, body, media):
    reply = HttpReply(http_status=200, headers={"content-type": content_type}, body=body)

    assert media == file_in(reply)
    assert file_in(HttpReply(http_status=204, body=b"")) is None
    assert file_in(HttpReply(http_status=404, headers=reply.headers, body=body)) is None
