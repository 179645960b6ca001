"""The reconciliation machine.

Rule 1: everything that decides how a generation moves stands in this file, and as much of it as possible in the table.

Rule 2: this file knows no provider, clock, database or network. It gets what was seen, and returns what that means.

What does not fit the table, in the order in which it is asked:
* a webhook that names another external id speaks of another piece of work: conflicting. The answer to a question of
  ours does not, whatever id it names: the address that was asked is the authority;
* a status word nobody knows is held: it is kept and asked again;
* a hint (nothing authenticates it) never moves anything: it is held, and what only it knows is kept for the poll,
  where nobody reads it;
* a closing word that lacks what it promises is held, until it is whole or a bounded wait ends;
* a repeated word may still add detail, and one that is stale what nobody has told yet: then it has enriched.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from arrivals.core.details import merge_details
from arrivals.core.event import ANNOUNCED, EventType
from arrivals.core.failure import Failure, FailureCode, make_failure
from arrivals.core.generation import CLOSED, Generation, Held, Origin, Status
from arrivals.core.observation import Finding, Observation, same_id

_ADV, _REP, _OLD, _BAD = Finding.ADVANCED, Finding.REPEATED, Finding.STALE, Finding.CONFLICTING
_P, _T, _S, _R = Status.PENDING, Status.SUBMITTING, Status.SUBMITTED, Status.PROCESSING
_OK, _NO, _XX, _EX = Status.COMPLETED, Status.FAILED, Status.CANCELED, Status.EXPIRED

# What is known (row) meets what was seen (column).
MEETINGS: Mapping[Status, Mapping[Status, Finding]] = {
    _P: {_P: _REP, _T: _ADV, _S: _ADV, _R: _ADV, _OK: _ADV, _NO: _ADV, _XX: _ADV, _EX: _ADV},
    _T: {_P: _OLD, _T: _REP, _S: _ADV, _R: _ADV, _OK: _ADV, _NO: _ADV, _XX: _ADV, _EX: _ADV},
    _S: {_P: _OLD, _T: _OLD, _S: _REP, _R: _ADV, _OK: _ADV, _NO: _ADV, _XX: _ADV, _EX: _ADV},
    _R: {_P: _OLD, _T: _OLD, _S: _OLD, _R: _REP, _OK: _ADV, _NO: _ADV, _XX: _ADV, _EX: _ADV},
    _OK: {_P: _OLD, _T: _OLD, _S: _OLD, _R: _OLD, _OK: _REP, _NO: _BAD, _XX: _BAD, _EX: _OLD},
    _NO: {_P: _OLD, _T: _OLD, _S: _OLD, _R: _OLD, _OK: _BAD, _NO: _REP, _XX: _BAD, _EX: _OLD},
    _XX: {_P: _OLD, _T: _OLD, _S: _OLD, _R: _OLD, _OK: _BAD, _NO: _BAD, _XX: _REP, _EX: _OLD},
    _EX: {_P: _OLD, _T: _OLD, _S: _OLD, _R: _OLD, _OK: _ADV, _NO: _ADV, _XX: _ADV, _EX: _REP},
}


class Verdict(Struct, frozen=True, kw_only=True):
    """The meaning of an observation: the finding, the generation as it now is, and at most one event to announce."""

    finding: Finding
    generation: Generation
    announce: EventType | None = None


def reconcile(current: Generation, seen: Observation) -> Verdict:
    """The meaning of an observation. Total over all generations and observations; raises nothing."""
    if seen.origin is Origin.CLOCK:
        return _waited_enough(current, seen)
    if _speaks_of_another(current, seen):
        return Verdict(finding=Finding.CONFLICTING, generation=current)
    reading = seen.reading
    if reading.status is None:
        if current.closed:
            return Verdict(finding=Finding.STALE, generation=current)
        return Verdict(finding=Finding.HELD, generation=_with_detail(current, seen) if seen.believed else current)
    finding = MEETINGS[current.status][reading.status]
    if finding is not Finding.ADVANCED:
        return _not_news(current, seen, finding)
    if not seen.believed:
        return Verdict(finding=Finding.HELD, generation=_with_hint(current, seen))
    if reading.status in CLOSED:
        return _closing_word(current, seen)
    return _moved(_with_detail(current, seen), reading.status)


def _waited_enough(current: Generation, seen: Observation) -> Verdict:
    """The end of a bounded wait: testimony that was held is taken as it stands; otherwise the generation expires.

    What is true now counts, not what was true when the clock was asked: a submission may have been answered meanwhile.
    """
    overdue = seen.at >= current.deadline_at
    held = current.held if current.held and current.held.believed and not current.closed else None
    if held and (overdue or seen.at >= held.until):
        return _closed_by(current, held, seen, held.failure)
    if held or not (overdue or _unanswerable(current, seen)):
        return Verdict(finding=Finding.STALE, generation=current)
    finding = MEETINGS[current.status][Status.EXPIRED]
    if finding is not Finding.ADVANCED:
        return Verdict(finding=finding, generation=current)
    expired = replace(current, failure=seen.reading.failure, held=None, learned_from=Origin.CLOCK)
    return _moved(expired, Status.EXPIRED)


def _unanswerable(current: Generation, seen: Observation) -> bool:
    """True for work without an id to ask by: not answered yet, or its stream is lost and nobody can call back."""
    failure = seen.reading.failure
    lost = failure is not None and failure.code is FailureCode.RESULT_LOST and not current.webhook_expected
    streamed = lost and current.status in (Status.SUBMITTED, Status.PROCESSING)
    return current.external_id is None and (current.status is Status.SUBMITTING or streamed)


def _speaks_of_another(current: Generation, seen: Observation) -> bool:
    """True for a webhook that names another id than the known one; an id from a hint alone is not known."""
    named = seen.reading.external_id
    if seen.origin is not Origin.WEBHOOK or current.external_id is None or current.external_id_hinted:
        return False
    return named is not None and not same_id(named, current.external_id)


def _not_news(current: Generation, seen: Observation, finding: Finding) -> Verdict:
    """The verdict where nothing moves; detail that was missing may still be added."""
    if finding is Finding.CONFLICTING:
        return Verdict(finding=finding, generation=current)
    if finding is Finding.REPEATED and not current.closed:
        return Verdict(finding=finding, generation=_with_detail(current, seen) if seen.believed else current)
    added = _with_missing(current, seen) if seen.believed else current
    if finding is Finding.REPEATED and current.failure and seen.reading.failure:
        added = replace(added, failure=current.failure.filled_from(seen.reading.failure))
    if added == current:
        return Verdict(finding=finding, generation=current)
    return Verdict(finding=Finding.ENRICHED, generation=added)


def _with_missing(current: Generation, seen: Observation) -> Generation:
    """The generation with facts that were missing, from an observation that moves nothing."""
    reading = seen.reading
    return replace(
        _with_id(current, seen),
        cost=current.cost or reading.cost,
        provider_details=merge_details(reading.provider_details, current.provider_details),
    )


def _with_id(current: Generation, seen: Observation) -> Generation:
    """The generation with its id: the submit answer is the authority; a believed answer confirms a hint's id."""
    named, submit = seen.reading.external_id, seen.origin is Origin.SUBMIT
    named_by_hint = current.external_id_hinted and seen.origin is not Origin.POLL  # a poll has asked by that very id
    external_id = (named or current.external_id) if submit or named_by_hint else (current.external_id or named)
    hinted = current.external_id_hinted and named is None and seen.origin is not Origin.POLL
    return replace(current, external_id=external_id, external_id_hinted=hinted)


def _with_detail(current: Generation, seen: Observation) -> Generation:
    """The generation with the details of an observation; no fact is forgotten because a later answer leaves it out."""
    reading = seen.reading
    return replace(
        _with_id(current, seen),
        provider_status=reading.provider_status or current.provider_status,
        progress=reading.progress if reading.progress is not None else current.progress,
        queue_position=reading.queue_position,
        outputs=reading.outputs or current.outputs,
        cost=reading.cost or current.cost,
        provider_details=merge_details(current.provider_details, reading.provider_details),
    )


def _with_hint(current: Generation, seen: Observation) -> Generation:
    """The generation with a hint's external id (so that we can ask) and reason for a failure (which only it may have).

    Nobody is shown either, until an answer to a question of ours has taken them up.
    """
    held, reading = current.held, seen.reading
    lends = reading.external_id is not None and (current.external_id is None or current.external_id_hinted)
    named = replace(current, external_id=reading.external_id, external_id_hinted=True) if lends else current
    if reading.status not in CLOSED:
        return named
    if held and held.believed:
        if held.status is not reading.status or reading.failure is None or held.failure is None:
            return named
        return replace(named, held=replace(held, failure=held.failure.filled_from(reading.failure)))
    return replace(named, held=_hold(seen, reading.status, reading.failure))


def _closing_word(current: Generation, seen: Observation) -> Verdict:
    """The verdict on a believed closing word: it closes if it is whole or was waited for long enough, else it waits."""
    reading, held = seen.reading, current.held
    status = reading.status or Status.FAILED
    failure = reading.failure
    agrees = held is not None and held.status is status
    if agrees and held and held.failure:
        failure = failure.filled_from(held.failure) if failure else held.failure
    detailed = replace(_with_detail(current, seen), held=held if agrees else None)
    whole = reading.whole or (failure is not None and failure.provider_code is not None)
    waited = bool(agrees and held and held.believed and seen.at >= held.until)
    if not whole and not waited:
        first = held if agrees and held and held.believed else _hold(seen, status, failure)
        origin = held.origin if agrees and held else seen.origin
        return Verdict(
            finding=Finding.HELD, generation=replace(detailed, held=replace(first, failure=failure, origin=origin))
        )
    return _closed_by(detailed, _hold(seen, status, failure), seen, failure)


def _hold(seen: Observation, status: Status, failure: Failure | None) -> Held:
    return Held(
        status=status,
        origin=seen.origin,
        believed=seen.believed,
        until=seen.hold_until,
        failure=failure,
        verified_by=seen.verified_by,
    )


def _closed_by(current: Generation, word: Held, seen: Observation, failure: Failure | None) -> Verdict:
    """Close by a believed word. A completion without any output, even after asking, is a failure."""
    status, outputs = word.status, seen.reading.outputs or current.outputs
    if status is Status.COMPLETED and not outputs:
        status, failure = Status.FAILED, make_failure(FailureCode.OUTPUT_MISSING, origin=word.origin)
    elif status is Status.FAILED and failure is None:
        failure = make_failure(FailureCode.PROVIDER_ERROR, origin=word.origin)
    first = current.held.origin if current.held and current.held.status is word.status else word.origin
    closed = replace(
        current,
        outputs=outputs if status is Status.COMPLETED else (),
        failure=failure if status is Status.FAILED else None,
        progress=1.0 if status is Status.COMPLETED else current.progress,
        queue_position=None,
        learned_from=first,
        verified_by=word.verified_by,
        held=None,
        closed_at=seen.at,
    )
    return _moved(closed, status)


def _moved(generation: Generation, status: Status) -> Verdict:
    late = generation.status is Status.EXPIRED
    return Verdict(
        finding=Finding.ADVANCED,
        generation=replace(generation, status=status, late=late),
        announce=ANNOUNCED.get(status),
    )
