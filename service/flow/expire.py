"""A bounded wait ended: the clock is the last witness. It takes held testimony as it stands, or says nobody told us."""

from collections.abc import Sequence

from service.core.failure import Failure, FailureCode, because
from service.core.generation import Generation, Origin, Status
from service.core.observation import Observation, Reading
from service.core.wire import Micros, micros
from service.flow.settle import settle
from service.flow.tools import Tools
from service.store import generations

LEASE_S = 30.0
_LOST = because(
    FailureCode.RESULT_LOST, "the stream broke off, and it had named nothing to ask about", origin=Origin.CLOCK
)


async def claim(tools: Tools, limit: int) -> list[Generation]:
    """Generations whose deadline, or whose wait for a missing detail, has passed."""
    async with tools.store.transaction() as tx:
        return await generations.claim_overdue(tx, limit, micros(LEASE_S))


async def expire(tools: Tools, overdue: Sequence[Generation]) -> None:
    """Let the clock speak about each of them."""
    now = tools.now()
    await settle(tools, [nobody_told_us(generation, now) for generation in overdue])


def nobody_told_us(generation: Generation, now: Micros, *, streamed: bool = False) -> Observation:
    """The clock's word about one generation; `streamed`: its stream broke off and nothing can be asked about."""
    return Observation(
        generation_id=generation.id,
        origin=Origin.CLOCK,
        at=now,
        reading=Reading(status=Status.EXPIRED, failure=_LOST if streamed else _why(generation)),
    )


def _why(generation: Generation) -> Failure:
    """How far the submission came decides what is said, and whether it can have cost anything."""
    if generation.status is Status.PENDING:
        last = generation.failure
        told = f"never submitted: {last.message or last.code}" if last else "never submitted: its turn did not come"
        return because(FailureCode.DEADLINE_PASSED, told, origin=Origin.CLOCK, billed=False)
    if generation.status is Status.SUBMITTING and generation.external_id is None:
        return because(FailureCode.SUBMISSION_UNKNOWN, "the submission was never confirmed", origin=Origin.CLOCK)
    return because(FailureCode.DEADLINE_PASSED, "no closing word came before the deadline", origin=Origin.CLOCK)
