"""The end of a bounded wait: the clock settles what is held as it stands, or says that no answer came in time."""

from collections.abc import Sequence

from msgspec.structs import replace
import structlog

from arrivals.core.failure import Failure, FailureCode, make_failure
from arrivals.core.generation import Generation, Origin, Status
from arrivals.core.observation import Observation, Reading
from arrivals.core.wire import Micros, micros
from arrivals.flow.context import Context
from arrivals.flow.exchange.budget import places_left
from arrivals.flow.log_fields import about
from arrivals.flow.settlement.schedule import GRACE
from arrivals.flow.settlement.settle import settle_each
from arrivals.store import accounts, calls, generations
from arrivals.store.calls import Refusal
from arrivals.store.engine.base import Tx, Unavailable
from arrivals.store.engine.signals import Signal

log = structlog.get_logger()

LEASE_S = 30.0
AGAIN_S = 3600.0  # for one that could not be settled, which only a mistake of ours or a damaged row can cause
NO_TURN = "its turn did not come"
_LOST = make_failure(
    FailureCode.RESULT_LOST, "the stream broke off, and it had named nothing to ask about", origin=Origin.CLOCK
)


async def claim(context: Context, limit: int) -> list[Generation]:
    """Generations whose deadline, or whose wait for a missing detail, has passed.

    None is given up that can still be polled: its provider may have finished while this service was down.
    """
    async with context.store.transaction() as tx:
        asking = await generations.ask_once_more(tx, GRACE)
        overdue = await generations.claim_overdue(tx, limit, micros(LEASE_S))
    if asking:
        context.store.notify(Signal.POLL)
    return overdue


async def expire(context: Context, overdue: Sequence[Generation]) -> None:
    """Expires each of them; one that cannot be settled stops no other, and is left for a while."""
    now = context.now()
    async with context.store.read_inline() as tx:
        waited_for = {
            key: await _waited_for(context, tx, key, now)
            for key in {
                (generation.provider, generation.account)
                for generation in overdue
                if generation.status is Status.PENDING
            }
        }
        last = await calls.last_refusals(
            tx, [generation.id for generation in overdue if generation.status is not Status.PENDING]
        )
    observations = [
        expired_observation(
            generation,
            now,
            waited_for=waited_for.get((generation.provider, generation.account), NO_TURN),
            last=last.get(generation.id),
        )
        for generation in overdue
    ]
    results = await settle_each(context, observations)
    for generation, result in zip(overdue, results, strict=True):
        if isinstance(result, Exception):
            await _leave(context, generation, result)


async def fail(context: Context, overdue: Sequence[Generation], _reason: Exception) -> None:
    """Tries each alone, after all of them together failed."""
    for generation in overdue:
        try:
            await expire(context, [generation])
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is logged
            await _leave(context, generation, error)


async def _leave(context: Context, generation: Generation, error: Exception) -> None:
    log.error("expiry_failed", **about(generation), again_in_s=AGAIN_S, exc_info=error)
    async with context.store.transaction() as tx:
        await generations.look_later(tx, generation.id, context.now() + micros(AGAIN_S))


async def _waited_for(context: Context, tx: Tx, key: accounts.AccountKey, now: Micros) -> str:
    """The reason why an order with this account waits, and what would help."""
    name = f"the account {key[1]!r} of {key[0]}"
    upstream = context.upstreams.get(key)
    if upstream is None:
        return f"{name} is not in the settings"
    budget = upstream.budget
    if not await places_left(tx, key, budget):
        return (
            f"all {budget.max_in_flight} places of {name} were taken; "
            "order with a longer deadline_s, or raise its MAX_IN_FLIGHT if the provider allows more"
        )
    if not (await accounts.ledger_seen(tx, key)).affordable(budget, now):
        return (
            f"the {budget.requests_per_minute} requests a minute of {name} were used up; "
            "order with a longer deadline_s, or raise its REQUESTS_PER_MINUTE if the provider allows more"
        )
    return NO_TURN


def expired_observation(
    generation: Generation,
    now: Micros,
    *,
    streamed: bool = False,
    waited_for: str = NO_TURN,
    last: Refusal | None = None,
) -> Observation:
    """The clock's observation that one generation has expired.

    `streamed`: its stream broke off and there is nothing to poll; `waited_for`: the reason why it waited in the queue;
    `last`: the last answer to a poll, if it was of no use.
    """
    return Observation(
        generation_id=generation.id,
        origin=Origin.CLOCK,
        at=now,
        reading=Reading(status=Status.EXPIRED, failure=_LOST if streamed else _why(generation, waited_for, last)),
    )


def _why(generation: Generation, waited_for: str, last: Refusal | None) -> Failure:
    """The failure, by how far the submission came, which also decides whether it can have cost anything."""
    if generation.status is Status.PENDING:
        postponed = generation.failure
        message = f"never submitted: {(postponed.message or postponed.code) if postponed else waited_for}"
        return _with_facts(
            make_failure(FailureCode.DEADLINE_PASSED, message, origin=Origin.CLOCK, billed=False), postponed
        )
    if generation.status is Status.SUBMITTING and generation.external_id is None:
        return make_failure(FailureCode.SUBMISSION_UNKNOWN, "the submission was never confirmed", origin=Origin.CLOCK)
    message = "no closing word came before the deadline"
    if last is None:
        return make_failure(FailureCode.DEADLINE_PASSED, message, origin=Origin.CLOCK)
    reason = (last.failure.message or last.failure.code) if last.failure else last.reason
    message = f"{message}; the last question was {last.outcome}: {reason or f'HTTP {last.http_status}'}"
    return _with_facts(make_failure(FailureCode.DEADLINE_PASSED, message, origin=Origin.CLOCK), last.failure)


def _with_facts(failure: Failure, reported: Failure | None) -> Failure:
    """The failure with the facts that the provider last reported."""
    if reported is None:
        return failure
    return replace(
        failure,
        provider_code=reported.provider_code,
        http_status=reported.http_status,
        param=reported.param,
        trace_id=reported.trace_id,
        retry_after_s=reported.retry_after_s,
        suggestion=reported.suggestion,
        alternatives=reported.alternatives,
        details=reported.details,
    )
