"""Outputs in whatever shape an answer holds them."""

import base64
from typing import Any

import pytest

from arrivals.core.generation import Output, text_output
from arrivals.core.wire import from_json
from arrivals.providers._shared.results import inline, results, results_or_words, typed_outputs

OWN = "https://api.test"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(90))
BARE = base64.b64encode(PNG).decode()
URI = f"data:image/png;base64,{BARE}"


def urls(value):
    return [output.url for output in results(value, OWN)]


def test_places_are_found_anywhere_in_order_and_once():
    value = {"a": ["https://a.test/1", {"b": "HTTPS://a.test/2 "}], "c": " http://a.test/3", "d": "https://a.test/1"}

    assert ["https://a.test/1", "https://a.test/2", "http://a.test/3"] == urls(value)
    assert [] == urls({"a": "see https://a.test/1", "b": None, "c": 7})


def test_places_are_not_looked_for_without_end():
    value: Any = "https://a.test/1"
    for _ in range(16):
        value = [value]

    assert ["https://a.test/1"] == urls(value)
    assert [] == urls([value])


@pytest.mark.parametrize(
    "value",
    [URI, f" {URI}\n", [URI], {"image": URI}, BARE, {"image": {"data": BARE}}, {"b64_json": BARE}, {"b64_json": URI}],
    ids=["uri", "spaced", "list", "object", "bare", "bare deep", "b64_json", "b64_json as uri"],
)
def test_file_that_came_along_is_an_output(value):
    assert (Output(kind="image", url=URI, content_type="image/png"),) == results(value, OWN)


@pytest.mark.parametrize(
    "written",
    [BARE.rstrip("="), f"{BARE[:40]}\n{BARE[40:]}", BARE.replace("+", "-").replace("/", "_"), f"  {BARE}\r\n"],
    ids=["no padding", "line feeds", "alphabet of urls", "spaced"],
)
def test_base64_is_an_output_as_it_comes(written):
    (output,) = results({"b64_json": written}, OWN)

    assert ("image", "image/png") == (output.kind, output.content_type)


def test_what_comes_in_both_ways_counts_once():
    assert ["https://a.test/1.png"] == urls({"url": "https://a.test/1.png", "b64_json": BARE})
    assert [URI] == urls({"url": "", "b64_json": BARE})


@pytest.mark.parametrize(
    "name",
    [
        "thumbnail",
        "thumbnail_url",
        "thumb",
        "preview",
        "preview_url",
        "last_frame_url",
        "first_frame",
        "cover",
        "poster_url",
    ],
)
def test_what_shows_a_part_is_no_output_by_itself(name):
    frame, video = "https://a.test/f.png", "https://a.test/v.mp4"

    assert [] == urls({name: frame})
    assert () == results_or_words({name: frame}, OWN)
    assert [video, frame] == urls({"video": video, name: frame})


@pytest.mark.parametrize("words", ["Foxes are red.", "  A fox.  ", "https://a.test/1 is a fox", "a" * 100])
def test_answer_in_words_is_an_output(words):
    assert (text_output(words),) == results_or_words(words, OWN)


def test_answer_that_names_no_place_is_an_output_as_it_was_written():
    (output,) = results_or_words({"label": "fox", "score": 0.9}, OWN)

    assert ("text", "application/json") == (output.kind, output.content_type)
    assert {"label": "fox", "score": 0.9} == from_json(base64.b64decode(output.url.partition(",")[2]))


@pytest.mark.parametrize("value", [None, "", " ", [], {}, {"url": None}, {"a": {"b": [""]}}])
def test_nothing_is_no_output(value):
    assert () == results_or_words(value, OWN)


def test_items_say_what_they_are():
    items = [
        {"type": "VIDEO", "url": " https://cdn.test/x ", "content_type": "video/webm"},
        {"type": "image_url", "url": "/files/1"},
        {"type": "thumbnail", "url": "https://cdn.test/t.png"},
        "https://cdn.test/3.wav",
        {"type": "text"},
    ]

    outputs = typed_outputs(items, OWN)
    assert [
        ("video", "https://cdn.test/x", "video/webm", False), ("image", "https://api.test/files/1", None, True),
        ("image", "https://cdn.test/t.png", None, False), ("audio", "https://cdn.test/3.wav", None, False),
    ] == [(output.kind, output.url, output.content_type, output.requires_auth) for output in outputs]  # fmt: skip
    assert () == typed_outputs([items[2]], OWN)


@pytest.mark.parametrize(
    ("content", "media", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n rest", "image/png", "image"),
        (b"\xff\xd8\xff\xe0 rest", "image/jpeg", "image"),
        (b"GIF87a rest", "image/gif", "image"),
        (b"GIF89a rest", "image/gif", "image"),
        (b"RIFF\n\x00\x01\xffWEBP rest", "image/webp", "image"),
        (b"RIFF\n\x00\x01\xffWAVE rest", "audio/wav", "audio"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4", "video"),
        (b"GIF88a rest", "application/octet-stream", "file"),
        (b" \x89PNG\r\n\x1a\n", "application/octet-stream", "file"),
        (b"\x00", "application/octet-stream", "file"),
    ],
)
def test_inline_output_is_a_data_uri_of_what_its_first_bytes_say(content, media, kind):
    """It needs no key: it is here already."""
    written = base64.b64encode(content).decode()

    expected = Output(kind=kind, url=f"data:{media};base64,{written}", content_type=media, requires_auth=False)
    assert (expected,) == inline(written)


@pytest.mark.parametrize("content", ["", "=", "a", "***", "é", "aG!k"])
def test_inline_output_that_is_not_base64_is_none(content):
    assert () == inline(content)
