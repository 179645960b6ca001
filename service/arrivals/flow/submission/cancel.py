"""Cancel a generation: withdrawn from our queue, or asked of its provider where that is possible.

Withdrawing and closing are one transaction that holds the row: whoever claims orders passes over it, or waits, and
finds it canceled. Were they two, an order could be claimed between them while the second one waits, and be made and
paid for though its caller was told that it is canceled.
"""

from arrivals.core.bounds import bounded_failure
from arrivals.core.generation import Generation, Origin, Status, VerifiedBy
from arrivals.core.masking import masked_failure
from arrivals.core.observation import Observation, Reading
from arrivals.core.wire import micros
from arrivals.flow.context import Tools
from arrivals.flow.exchange.ask import ask
from arrivals.flow.exchange.masking import mask_of
from arrivals.flow.exchange.record import Exchange, keep, outcome_of
from arrivals.flow.exchange.spend import spend
from arrivals.flow.settlement.settle import settle_one, settle_within, tell
from arrivals.outbound.transport import NoAnswer, NotSent
from arrivals.providers._shared.reading import heard
from arrivals.providers.contract import Question, Refused, Unreadable
from arrivals.store import generations
from arrivals.store.calls import CallKind, Outcome
from arrivals.store.engine.base import Missing


class NotCancelable(Exception):
    """It cannot be canceled; the message says why."""


async def cancel(tools: Tools, generation_id: str) -> None:
    """Raises Missing, NotCancelable, OverBudget."""
    generation = await _withdraw(tools, generation_id)
    if generation is None:
        return
    if generation.closed:
        raise NotCancelable(f"it is {generation.status} already")
    question = tools.dialect(generation).cancel
    if question is None:
        raise NotCancelable(f"{generation.provider} documents no way to cancel it")
    if generation.external_id is None:
        raise NotCancelable("its submission is under way; try again when it has an external_id")
    reading = await _ask(tools, generation, question)
    await settle_one(tools, _observation(tools, generation, reading, Origin.POLL, VerifiedBy.POLL))


async def _withdraw(tools: Tools, generation_id: str) -> Generation | None:
    """None if nobody had begun to submit it, and now nobody will; else as it is. Raises Missing."""
    async with tools.store.transaction() as tx:
        locked = await generations.to_settle(tx, [generation_id])
        if generation_id not in locked:
            raise Missing(generation_id)
        generation = locked[generation_id].generation
        if generation.status is not Status.PENDING:
            return generation
        canceled = Reading(status=Status.CANCELED)
        seen = _observation(tools, generation, canceled, Origin.SUBMIT, VerifiedBy.SUBMIT)
        settled = await settle_within(tools, tx, [seen])
    tell(tools, settled)
    return None


async def _ask(tools: Tools, generation: Generation, question: Question) -> Reading:
    upstream = tools.upstream(generation)
    target = tools.target(generation)
    await spend(tools, generation)
    exchange = Exchange(kind=CallKind.CANCELLATION)
    try:
        reply = await ask(tools, generation, question.ask(target, upstream.account), exchange)
        reading = heard(question.read, reply, target)
    except Refused as refused:
        await keep(tools, exchange.came_to(tools, generation, Outcome.REFUSED, failure=refused.failure))
        failure = masked_failure(mask_of(tools, generation), bounded_failure(refused.failure))
        raise NotCancelable(f"{generation.provider} refused: {failure.message or failure.code}") from refused
    except (NotSent, NoAnswer, Unreadable) as error:
        await keep(tools, exchange.came_to(tools, generation, outcome_of(error), because=str(error)))
        told = mask_of(tools, generation).text(str(error))
        raise NotCancelable(f"{generation.provider} gave no usable answer; try again ({told})") from error
    await keep(tools, exchange.came_to(tools, generation, Outcome.UNDERSTOOD))
    return reading


def _observation(
    tools: Tools, generation: Generation, reading: Reading, origin: Origin, verified_by: VerifiedBy
) -> Observation:
    now = tools.now()
    return Observation(
        generation_id=generation.id,
        origin=origin,
        at=now,
        reading=reading,
        verified_by=verified_by,
        hold_until=now + micros(tools.cadence.held_s),
    )
