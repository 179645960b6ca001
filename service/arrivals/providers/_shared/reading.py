"""Has a reader read what a provider said, by the rules of `tolerance.py`, and keeps what it said beside our words."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from arrivals.core.details import details_of
from arrivals.core.failure import Failure
from arrivals.core.generation import CLOSED, Status
from arrivals.core.http import HttpReply, InboundWebhook
from arrivals.core.observation import Reading
from arrivals.providers._shared.tolerance import LENIENTLY, mended, said_in
from arrivals.providers.contract import Refused, Target

M = TypeVar("M", HttpReply, InboundWebhook)


def heard(read: Callable[[M, Target], Reading], message: M, target: Target, *, submitted: bool = False) -> Reading:
    """The reading of an answer or a webhook. `submitted`: it answers an order. Raises Refused, Unreadable.

    An answer to an order that says completed and tells no output says only that the order was taken.
    """
    message, lenient = _mended(message)
    try:
        reading = read(message, target)
    except Refused as refused:
        raise Refused(detailed(refused.failure, said_in(message.body))) from refused
    if submitted and reading.status is Status.COMPLETED and not reading.outputs and reading.external_id is not None:
        reading = replace(reading, status=Status.SUBMITTED)
    return _whole(reading, message.body, lenient=lenient, beside=submitted)


def heard_each(
    read: Callable[[HttpReply, Target], Sequence[Reading | Refused]], reply: HttpReply, target: Target
) -> list[Reading | Refused]:
    """The readings of one answer to several orders, one each. Raises Refused, Unreadable."""
    reply, lenient = _mended(reply)
    notes = (LENIENTLY,) if lenient else ()
    try:
        told = read(reply, target)
    except Refused as refused:
        raise Refused(detailed(refused.failure, said_in(reply.body))) from refused
    return [said if isinstance(said, Refused) else replace(said, notes=(*said.notes, *notes)) for said in told]


def heard_event(read: Callable[[bytes, Target], Reading | None], event: bytes, target: Target) -> Reading | None:
    """The reading of one event of a stream; None where it has none. Raises nothing."""
    mended_event = mended(event)
    said = event if mended_event is None else mended_event
    reading = read(said, target)
    return None if reading is None else _whole(reading, said, lenient=mended_event is not None, beside=False)


def _mended(message: M) -> tuple[M, bool]:
    """The message as strict JSON, and whether it had to be mended for that."""
    body = mended(message.body)
    return (message, False) if body is None else (replace(message, body=body), True)


def _whole(reading: Reading, body: bytes, *, lenient: bool, beside: bool) -> Reading:
    """The reading with a mark where it was hard to read, and what stands beside our words where it matters.

    What is said on the way, of queues and progress, is overtaken by the next answer.
    """
    if lenient:
        reading = replace(reading, notes=(*reading.notes, LENIENTLY))
    if reading.failure is not None:
        return replace(reading, failure=detailed(reading.failure, said_in(body), reading))
    if not beside and reading.status not in CLOSED:
        return reading
    return replace(reading, provider_details=details_of(said_in(body), _told(reading)))


def detailed(failure: Failure, said: Any, reading: Reading | None = None) -> Failure:
    """The failure with the details of the object that told it."""
    told = {failure.message, failure.provider_code, failure.param, failure.trace_id, failure.suggestion}
    told.update(failure.alternatives or (), _told(reading) if reading else ())
    return replace(failure, details=details_of(said, told))


def _told(reading: Reading) -> set[str | None]:
    word = reading.provider_status
    amount = reading.cost.amount if reading.cost else None
    told = {reading.external_id, word, word and word.strip(), amount, *(output.url for output in reading.outputs)}
    return told | {note.partition(": ")[2] for note in reading.notes}
