"""The bytes that a reader receives, and the details that are kept of an answer."""

import pytest

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Cost, Output, Status
from arrivals.core.http import HttpReply, InboundWebhook
from arrivals.core.observation import Reading
from arrivals.core.wire import from_json, to_json
from arrivals.providers._shared.reading import read_bulk_reply, read_message, read_stream_event
from arrivals.providers._shared.tolerance import LENIENTLY
from arrivals.providers.contract import Refused, Target, Unreadable

TARGET = Target(model="m", route="r", base_url="https://api.test")


def reply(value, http_status=200):
    return HttpReply(http_status=http_status, body=value if isinstance(value, bytes) else to_json(value).encode())


def reads(**fields):
    """A reader that finds this, and reads JSON strictly."""

    def read(message, target):
        try:
            from_json(message if isinstance(message, bytes) else message.body)
        except ValueError as error:
            raise Unreadable("no JSON") from error
        return Reading(**fields)

    return read


@pytest.mark.parametrize("message", [reply(b'{"a": NaN}'), InboundWebhook(body=b'{"a": NaN}')])
def test_what_was_read_leniently_is_marked(message):
    assert (LENIENTLY,) == read_message(reads(status=Status.PROCESSING), message, TARGET).notes
    assert (LENIENTLY,) == read_stream_event(reads(status=Status.PROCESSING), b'{"a": NaN}', TARGET).notes
    readings = read_bulk_reply(
        lambda message, target: [reads(status=None)(message, target)], reply(b'{"a": NaN}'), TARGET
    )
    assert [(LENIENTLY,)] == [reading.notes for reading in readings if isinstance(reading, Reading)]


def test_what_is_no_json_is_left_to_the_reader():
    with pytest.raises(Unreadable):
        read_message(reads(status=None), reply(b"<html>"), TARGET)


def test_end_is_kept_with_what_the_provider_said_beside_it():
    body = {
        "id": "x-1",
        "status": "done ",
        "output": ["https://a.test/1"],
        "seed": 7,
        "metrics": {"cost": 1, "time": 2},
    }
    fields = {"status": Status.COMPLETED, "provider_status": "done", "external_id": "x-1"}
    outputs = (Output(kind="image", url="https://a.test/1"),)

    reading = read_message(reads(**fields, outputs=outputs, cost=Cost(amount="1")), reply(body), TARGET)

    assert {"seed": 7, "metrics": {"cost": 1, "time": 2}} == reading.provider_details


def test_of_what_goes_on_nothing_is_kept_beside_our_words():
    assert read_message(reads(status=Status.PROCESSING), reply({"seed": 7}), TARGET).provider_details is None
    accepted = read_message(
        reads(status=Status.SUBMITTED), reply({"billing_detail": {"price": 1}}), TARGET, submitted=True
    )
    assert {"billing_detail": {"price": 1}} == accepted.provider_details


def test_failure_keeps_its_details():
    failure = make_failure(FailureCode.INVALID_REQUEST, "too long")
    body = {"message": "too long", "details": {"reason": "2001 characters", "field": "prompt"}}

    reading = read_message(reads(status=Status.FAILED, failure=failure), reply(body), TARGET)

    assert {"reason": "2001 characters", "field": "prompt"} == reading.failure.details
    assert reading.provider_details is None


def test_refusal_keeps_its_details():
    def refuses(message, target):
        raise Refused(make_failure(FailureCode.INSUFFICIENT_FUNDS, "no funds"))

    for read in (read_message, read_bulk_reply):
        with pytest.raises(Refused) as caught:
            read(refuses, reply({"error": {"message": "no funds", "top_up_url": "https://u"}}, 402), TARGET)

        assert {"top_up_url": "https://u"} == caught.value.failure.details


def test_accepted_order_that_says_completed_and_shows_nothing_has_only_begun():
    """`success` is what many say of an order that they take."""
    fields = {"status": Status.COMPLETED, "external_id": "x-1"}

    assert Status.SUBMITTED is read_message(reads(**fields), reply({}), TARGET, submitted=True).status
    assert Status.COMPLETED is read_message(reads(**fields), reply({}), TARGET).status
