"""Values out of JSON that may hold anything, URLs that may not be any, and the plainest calls."""

import pytest

from arrivals.core.generation import Cost, Output, Status
from arrivals.core.http import HttpCall
from arrivals.core.origin import same_origin
from arrivals.providers._shared import json_fields
from arrivals.providers.contract import Account, Unreadable

OWN = "https://api.test"
ACCOUNT = Account(base_url=OWN, api_key="key-1", hosts={"other": "https://other.test/at"})


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_body_that_is_no_object_is_unreadable(body):
    with pytest.raises(Unreadable):
        json_fields.record(body)
    assert {} == json_fields.loose_record(body)


def test_body_that_is_an_object_is_itself():
    assert {"a": [1]} == json_fields.record(b'{"a": [1]}') == json_fields.loose_record(b'{"a": [1]}')


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a": {"b": {"c": 1}}}, ("a", "b"), {"c": 1}),
        ({"a": {"b": 7}}, ("a", "b"), {}),
        ({"a": [1]}, ("a", "b"), {}),
        ({}, ("a",), {}),
        (None, ("a",), {}),
        ({"a": 1}, (), {"a": 1}),
    ],
)
def test_part_is_the_object_at_the_path_or_an_empty_one(value, path, expected):
    assert expected == json_fields.part(value, *path)


@pytest.mark.parametrize(
    ("value", "as_text", "as_identifier"),
    [
        ("word", "word", "word"),
        ("", None, None),
        (" \t", None, None),
        (0, None, "0"),
        (-7, None, "-7"),
        (True, None, None),
        (1.5, None, None),
        (None, None, None),
        (["word"], None, None),
    ],
)
def test_text_says_something_and_an_id_may_be_a_number(value, as_text, as_identifier):
    assert (as_text, as_identifier) == (json_fields.text(value), json_fields.identifier(value))


@pytest.mark.parametrize(
    ("value", "full", "expected"),
    [(45, 100, 0.45), (0.45, 1.0, 0.45), (0, 100, 0.0), (123, 100, 1.0), (-1, 100, 0.0), ({"step": 1}, 100, None)],
)
def test_share_stays_between_nothing_and_all(value, full, expected):
    assert expected == json_fields.share(value, full)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (3, 3), ("4", 4), (2.9, 2), (10**9, 10**9), (10**9 + 1, None), (-1, None), (True, None), (None, None)],
)
def test_position_is_a_place_in_a_queue(value, expected):
    """Whole, from none before it on, and never so far back that no database holds it."""
    assert expected == json_fields.position(value)


def test_status_word_means_what_the_table_says():
    words = {"done": Status.COMPLETED}

    assert Status.COMPLETED is json_fields.standing("done", words, "poll")
    assert json_fields.standing("novel", words, "submit") is None


def test_accepted_submission_needs_no_status_word():
    assert Status.SUBMITTED is json_fields.standing(None, {}, "submit")
    for origin in ("poll", "webhook"):
        with pytest.raises(Unreadable):
            json_fields.standing(None, {}, origin)


@pytest.mark.parametrize(
    ("value", "amount"),
    [("0.0500", "0.0500"), (" 0.03 ", "0.03"), (0.05, "0.05"), (1, "1"), (1e-7, "0.0000001"), (0, "0")],
)
def test_price_is_the_decimal_that_was_written(value, amount):
    assert Cost(amount=amount, currency="USD") == json_fields.price(value)


@pytest.mark.parametrize("value", ["calculating", "", None, {}, True, float("nan")])
def test_price_that_is_none_yet(value):
    assert json_fields.price(value) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(["a", 1, "b"], ("a", "b")), ([], None), ([1], None), ("a", None), (None, None)]
)
def test_texts_are_the_strings_of_a_list(value, expected):
    assert expected == json_fields.texts(value)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://a.test/x.PNG?sig=1.mp4", "image"),
        ("https://a.test/x.webm", "video"),
        ("https://a.test/x.m4a#t", "audio"),
        ("https://a.test/x.zip", "file"),
        ("https://a.test/png", "file"),
        ("https://[", "file"),
    ],
)
def test_kind_is_told_by_the_extension(url, kind):
    assert kind == json_fields.kind_of(url)


def test_outputs_come_once_whole_and_in_order():
    outputs = json_fields.outputs(
        ["/v1/x.mp4", None, "", "https://[", "https://cdn.test/y.png", "https://api.test/v1/x.mp4"], OWN
    )

    assert (
        Output(kind="video", url="https://api.test/v1/x.mp4", requires_auth=True),
        Output(kind="image", url="https://cdn.test/y.png", requires_auth=False),
    ) == outputs


@pytest.mark.parametrize("expires_at", [None, 1_769_594_992_000_000])
def test_outputs_are_kept_until_the_moment_that_was_told(expires_at):
    outputs = json_fields.outputs(["https://cdn.test/x", "/v1/y"], OWN, "video", expires_at=expires_at)

    assert [("video", expires_at), ("video", expires_at)] == [(output.kind, output.expires_at) for output in outputs]


def test_key_goes_with_a_question_and_with_a_call():
    bearer = {"authorization": "Bearer key-1"}

    assert HttpCall(method="GET", url="https://api.test/v1/x", headers=bearer) == json_fields.get(ACCOUNT, "/v1/x")
    assert HttpCall(
        method="POST",
        url="https://api.test/v1/x",
        headers={**bearer, "content-type": "application/json"},
        body=b'{"a":1}',
    ) == json_fields.post(ACCOUNT, "/v1/x", {"a": 1})


def test_call_goes_to_a_further_host_of_the_account():
    assert "https://other.test/at/v1/x" == json_fields.get(ACCOUNT, "/v1/x", host="other").url
    assert "https://other.test/at/v1/x" == json_fields.post(ACCOUNT, "/v1/x", {}, host="other").url


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://api.test/x", True),
        ("https://API.test:443/x", True),
        ("https://api.test:8443/x", False),
        ("http://api.test/x", False),
        ("https://api.test.evil.test/x", False),
        ("https://evil.test/https://api.test/", False),
        ("https://api.test@evil.test/x", False),
        ("https://cdn.api.test/x", False),
        ("https://api.test:port/x", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_key_is_for_its_own_origin_only(url, same):
    """Scheme, host and port agree, or the key stays here."""
    assert same == same_origin(url, OWN)


def test_origin_that_cannot_be_read_is_no_origin():
    assert not same_origin("https://[", "https://[")


def test_a_url_that_is_too_long_to_be_kept_is_handed_on_unread():
    """What was read of it would be remembered forever, and it is dropped before it is kept."""
    long = f"{OWN}/".ljust(9000, "x") + ".png"

    assert (Output(kind="file", url=long),) == json_fields.outputs([long], OWN)
