"""Cancel a generation: withdrawn from our queue, or asked of its provider where that is possible."""

from service.core.generation import Generation, Origin, Status, VerifiedBy
from service.core.observation import Observation, Reading
from service.core.wire import micros
from service.flow.settle import settle_one
from service.flow.spend import spend
from service.flow.tools import Tools, without_key
from service.providers.base import Question, Refused, Unreadable
from service.store import generations
from service.transport import NoAnswer, NotSent

LEASE_S = 60.0  # a process that dies before it has canceled what it withdrew has not answered either: the order goes on


class NotCancelable(Exception):
    """It cannot be canceled; the message says why."""


async def cancel(tools: Tools, generation_id: str) -> None:
    """Raises Missing, NotCancelable, OverBudget."""
    async with tools.store.transaction() as tx:
        withdrawn = await generations.withdraw(tx, generation_id, micros(LEASE_S))
        generation = (await generations.by_id(tx, generation_id)).generation
    if withdrawn:
        await _observe(tools, generation, Reading(status=Status.CANCELED), Origin.SUBMIT, VerifiedBy.SUBMIT)
        return
    if generation.closed:
        raise NotCancelable(f"it is {generation.status} already")
    question = tools.dialect(generation).cancel
    if question is None:
        raise NotCancelable(f"{generation.provider} documents no way to cancel it")
    if generation.external_id is None:
        raise NotCancelable("its submission is under way; try again when it has an external_id")
    await _observe(tools, generation, await _ask(tools, generation, question), Origin.POLL, VerifiedBy.POLL)


async def _ask(tools: Tools, generation: Generation, question: Question) -> Reading:
    upstream = tools.upstream(generation)
    target = tools.target(generation)
    await spend(tools, generation)
    try:
        reply = await tools.transport.ask(question.ask(target, upstream.account))
        return question.read(without_key(reply, upstream.account), target)
    except Refused as refused:
        raise NotCancelable(f"{generation.provider} refused: {refused}") from refused
    except (NotSent, NoAnswer, Unreadable) as error:
        raise NotCancelable(f"{generation.provider} gave no usable answer; try again ({error})") from error


async def _observe(
    tools: Tools, generation: Generation, reading: Reading, origin: Origin, verified_by: VerifiedBy
) -> None:
    seen = Observation(
        generation_id=generation.id,
        origin=origin,
        at=tools.now(),
        reading=reading,
        verified_by=verified_by,
        hold_until=tools.now() + micros(tools.cadence.held_s),
    )
    await settle_one(tools, seen)
