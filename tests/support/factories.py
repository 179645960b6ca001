"""Generations and observations for the tests of the core, each with what a test says about it and the rest plain."""

from typing import Any

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Generation, Held, Origin, Output, Status, VerifiedBy
from arrivals.core.observation import Observation, Reading

AT = 1_790_000_100_000_000
HOLD_UNTIL = AT + 120_000_000
DEADLINE = AT + 900_000_000

OUTPUT = Output(kind="image", url="https://cdn.test/cat.png")
REASON = make_failure(FailureCode.CONTENT_POLICY, "CONTENT_POLICY_VIOLATION", origin="poll")


def generation(status=Status.SUBMITTED, **changed):
    """A generation after its submission was answered."""
    facts: dict[str, Any] = {
        "id": "gen_1",
        "provider": "runblob",
        "account": "default",
        "route": "gemini",
        "model": "gemini",
        "created_at": AT - 60_000_000,
        "deadline_at": DEADLINE,
        "external_id": "ext-1",
    }
    return Generation(**(facts | {"status": status} | changed))


def seen(status, origin=Origin.POLL, *, at=AT, believed=True, verified_by=VerifiedBy.POLL, **fields):
    """A believed answer to a poll, complete unless the test says otherwise."""
    defaults: dict[str, Any] = {}
    if status is Status.COMPLETED:
        defaults = {"outputs": (OUTPUT,)}
    if status is Status.FAILED:
        defaults = {"failure": REASON}
    return Observation(
        generation_id="gen_1",
        origin=origin,
        at=at,
        reading=Reading(status=status, **(defaults | fields)),
        believed=believed,
        verified_by=verified_by,
        hold_until=HOLD_UNTIL,
    )


def hinted(status, **fields):
    """An observation from an unsigned webhook."""
    return seen(status, Origin.WEBHOOK, believed=False, verified_by=None, **fields)


def held(status=Status.FAILED, *, believed=True, **fields):
    """A closing report that waits."""
    values: dict[str, Any] = {"origin": Origin.WEBHOOK, "until": HOLD_UNTIL, "verified_by": VerifiedBy.SECRET} | fields
    return Held(status=status, believed=believed, **values)


def clock(at=DEADLINE, code=FailureCode.DEADLINE_PASSED):
    """The end of a bounded wait; with `result_lost`, of a stream that broke off."""
    failure = make_failure(code, "no closing word came before the deadline", origin="clock")
    return seen(Status.EXPIRED, Origin.CLOCK, at=at, verified_by=None, failure=failure)
