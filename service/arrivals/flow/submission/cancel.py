"""Cancels a generation: withdraws it from our queue, or asks its provider where that is possible.

Withdrawing and closing are one transaction that locks the row: a claim of orders passes over it, or waits, and finds it
canceled. Were they two, an order could be claimed between them while the second one waits, and be made and paid for
although its caller was told that it is canceled.
"""

from arrivals.core.bounds import bounded_failure
from arrivals.core.generation import Generation, Origin, Status, VerifiedBy
from arrivals.core.masking import masked_failure
from arrivals.core.observation import Reading
from arrivals.flow.context import Context
from arrivals.flow.exchange.ask import send_request
from arrivals.flow.exchange.masking import mask_of
from arrivals.flow.exchange.record import Exchange, keep, outcome_of
from arrivals.flow.exchange.spend import spend
from arrivals.flow.settlement.observe import observe
from arrivals.flow.settlement.settle import settle_one, settle_within, tell
from arrivals.outbound.transport import NoAnswer, NotSent
from arrivals.providers._shared.reading import read_message
from arrivals.providers.contract import Refused, Request, Unreadable
from arrivals.store import generations
from arrivals.store.calls import CallKind, Outcome
from arrivals.store.engine.base import Missing


class NotCancelable(Exception):
    """The generation cannot be canceled; the message says why."""


async def cancel(context: Context, generation_id: str) -> None:
    """Cancels the generation. Raises Missing, NotCancelable, OverBudget."""
    generation = await _withdraw(context, generation_id)
    if generation is None:
        return
    if generation.closed:
        raise NotCancelable(f"it is {generation.status} already")
    request = context.adapter(generation).cancel
    if request is None:
        raise NotCancelable(f"{generation.provider} documents no way to cancel it")
    if generation.external_id is None:
        raise NotCancelable("its submission is under way; try again when it has an external_id")
    reading = await _ask(context, generation, request)
    await settle_one(context, observe(context, generation.id, Origin.POLL, reading, VerifiedBy.POLL))


async def _withdraw(context: Context, generation_id: str) -> Generation | None:
    """Withdraws it if nobody has begun to submit it and returns None; else returns it as it is. Raises Missing."""
    async with context.store.transaction() as tx:
        locked = await generations.to_settle(tx, [generation_id])
        if generation_id not in locked:
            raise Missing("generation", generation_id)
        generation = locked[generation_id].generation
        if generation.status is not Status.PENDING:
            return generation
        canceled = Reading(status=Status.CANCELED)
        seen = observe(context, generation.id, Origin.SUBMIT, canceled, VerifiedBy.SUBMIT)
        settled = await settle_within(context, tx, [seen])
    tell(context, settled)
    return None


async def _ask(context: Context, generation: Generation, request: Request) -> Reading:
    upstream = context.upstream(generation)
    target = context.target(generation)
    await spend(context, generation)
    exchange = Exchange(kind=CallKind.CANCELLATION)
    try:
        reply = await send_request(context, generation, request.build(target, upstream.account), exchange)
        reading = read_message(request.parse, reply, target)
    except Refused as refused:
        await keep(context, exchange.came_to(context, generation, Outcome.REFUSED, failure=refused.failure))
        failure = masked_failure(mask_of(context, generation), bounded_failure(refused.failure))
        raise NotCancelable(f"{generation.provider} refused: {failure.message or failure.code}") from refused
    except (NotSent, NoAnswer, Unreadable) as error:
        await keep(context, exchange.came_to(context, generation, outcome_of(error), reason=str(error)))
        message = mask_of(context, generation).text(str(error))
        raise NotCancelable(f"{generation.provider} gave no usable answer; try again ({message})") from error
    await keep(context, exchange.came_to(context, generation, Outcome.UNDERSTOOD))
    return reading
