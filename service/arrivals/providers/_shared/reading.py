"""Runs a provider's readers by the rules of `tolerance.py`, and keeps the details beside the fields that we map."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from arrivals.core.details import details_of
from arrivals.core.failure import Failure
from arrivals.core.generation import CLOSED, Status
from arrivals.core.http import HttpReply, InboundWebhook
from arrivals.core.observation import Reading
from arrivals.providers._shared.tolerance import LENIENTLY, mended, message_in
from arrivals.providers.contract import Refused, Target

M = TypeVar("M", HttpReply, InboundWebhook)


def read_message(
    read: Callable[[M, Target], Reading], message: M, target: Target, *, submitted: bool = False
) -> Reading:
    """The reading of an answer or a webhook. `submitted`: it answers an order. Raises Refused, Unreadable.

    An answer to an order that says completed and shows no output means only that the order was accepted.
    """
    message, lenient = _mended(message)
    try:
        reading = read(message, target)
    except Refused as refused:
        raise Refused(with_details(refused.failure, message_in(message.body))) from refused
    if submitted and reading.status is Status.COMPLETED and not reading.outputs and reading.external_id is not None:
        reading = replace(reading, status=Status.SUBMITTED)
    return _annotated(reading, message.body, lenient=lenient, beside=submitted)


def read_bulk_reply(
    read: Callable[[HttpReply, Target], Sequence[Reading | Refused]], reply: HttpReply, target: Target
) -> list[Reading | Refused]:
    """The readings of one answer to several orders, one each. Raises Refused, Unreadable."""
    reply, lenient = _mended(reply)
    notes = (LENIENTLY,) if lenient else ()
    try:
        readings = read(reply, target)
    except Refused as refused:
        raise Refused(with_details(refused.failure, message_in(reply.body))) from refused
    return [
        answer if isinstance(answer, Refused) else replace(answer, notes=(*answer.notes, *notes)) for answer in readings
    ]


def read_stream_event(read: Callable[[bytes, Target], Reading | None], event: bytes, target: Target) -> Reading | None:
    """The reading of one event of a stream; None where it has none. Raises nothing."""
    mended_event = mended(event)
    body = event if mended_event is None else mended_event
    reading = read(body, target)
    return None if reading is None else _annotated(reading, body, lenient=mended_event is not None, beside=False)


def _mended(message: M) -> tuple[M, bool]:
    """The message as strict JSON, and whether it had to be mended for that."""
    body = mended(message.body)
    return (message, False) if body is None else (replace(message, body=body), True)


def _annotated(reading: Reading, body: bytes, *, lenient: bool, beside: bool) -> Reading:
    """The reading with a mark where it was read leniently, and with the provider's further details where they matter.

    Details on the way, of queues and progress, are overtaken by the next answer.
    """
    if lenient:
        reading = replace(reading, notes=(*reading.notes, LENIENTLY))
    if reading.failure is not None:
        return replace(reading, failure=with_details(reading.failure, message_in(body), reading))
    if not beside and reading.status not in CLOSED:
        return reading
    return replace(reading, provider_details=details_of(message_in(body), _mapped_values(reading)))


def with_details(failure: Failure, message: Any, reading: Reading | None = None) -> Failure:
    """The failure with the further details of the message that reported it."""
    mapped = {failure.message, failure.provider_code, failure.param, failure.trace_id, failure.suggestion}
    mapped.update(failure.alternatives or (), _mapped_values(reading) if reading else ())
    return replace(failure, details=details_of(message, mapped))


def _mapped_values(reading: Reading) -> set[str | None]:
    status = reading.provider_status
    amount = reading.cost.amount if reading.cost else None
    values = {
        reading.external_id,
        status,
        status and status.strip(),
        amount,
        *(output.url for output in reading.outputs),
    }
    return values | {note.partition(": ")[2] for note in reading.notes}
