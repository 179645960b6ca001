"""HTTP messages as values."""

import pytest

from arrivals.core.http import HttpCall, HttpReply, InboundWebhook, join_headers


@pytest.mark.parametrize(
    ("http_status", "ok"),
    [(199, False), (200, True), (201, True), (299, True), (300, False), (404, False), (500, False)],
)
def test_answer_is_ok_in_the_two_hundreds(http_status, ok):
    assert ok is HttpReply(http_status=http_status).ok


@pytest.mark.parametrize(
    "message",
    [
        HttpCall(method="POST", url="https://a.test", headers={"authorization": "Bearer s3cret"}, body=b"s3cret"),
        HttpReply(http_status=200, headers={"set-cookie": "s3cret"}, body=b"s3cret"),
        InboundWebhook(headers={"x-webhook-secret": "s3cret"}, body=b"s3cret"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_may_be_secret_stays_out_of_the_repr(message):
    """A message in a log line or a traceback gives nothing away."""
    assert "s3cret" not in repr(message)


def test_call_is_no_stream_unless_it_says_so():
    """A provider that is not known to stream is answered for as a whole."""
    assert HttpCall(method="GET", url="https://a.test").streamed is False


def test_headers_that_come_twice_are_joined_whatever_their_case():
    """RFC 9110 section 5.3."""
    assert {"a": "1, 3", "b": "2"} == join_headers([("A", "1"), ("B", "2"), ("a", "3")])
