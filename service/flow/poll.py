"""Ask the provider → an observation, or a reason to ask again later."""

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace
import structlog

from service.core.cadence import after_miss_s
from service.core.failure import FailureCode
from service.core.generation import Generation, Origin, Status, VerifiedBy
from service.core.observation import Finding, Observation, Reading
from service.core.wire import SECOND, micros
from service.flow.aside import aside
from service.flow.ask import POLL_TIMEOUT_S, ask
from service.flow.masking import mask_of
from service.flow.schedule import ASK_AGAIN, after_miss
from service.flow.settle import settle_one
from service.flow.spend import overdraw, spend
from service.flow.tools import NotConfigured, Tools
from service.providers.base import Question, Refused, Route, Unreadable
from service.providers.hearing import heard
from service.store import accounts, generations
from service.store.accounts import AccountKey
from service.store.generations import Scheduled
from service.transport import NoAnswer, NotSent

log = structlog.get_logger()

UNKNOWN_EVERY_S = 60.0  # where this version does not know the route
LEASE_S = 3 * POLL_TIMEOUT_S  # after a crash, the generations that were being asked about wait for so long
# Answers that say something about us or our pace, not that the provider is failing: the breaker does not count them.
NOT_THE_PROVIDERS_FAULT = frozenset(
    {FailureCode.RATE_LIMITED, FailureCode.CONCURRENCY_LIMITED, FailureCode.RESULT_LOST}
)


class NotPollable(Exception):
    """It cannot be asked about; the message says why."""


class AskedLately(Exception):
    """It was asked about a moment ago: what is known of it is what its provider says."""


async def claim(tools: Tools, limit: int) -> list[Scheduled]:
    """Generations that are due to be asked about, within their account's budget."""
    async with tools.store.transaction() as tx:
        return await accounts.claim_polls(tx, tools.budgets(), limit, micros(LEASE_S))


async def claim_one(tools: Tools, generation_id: str) -> Scheduled:
    """One generation, now, whatever its schedule. Raises Missing, NotPollable, AskedLately, OverBudget."""
    async with tools.store.glance() as tx:
        known = await generations.by_id(tx, generation_id)
        now = await tx.now()
    if not tools.route(known.generation).polls:
        raise NotPollable(f"{known.generation.provider} documents no way to ask about it")
    if known.asked_at is not None and 0 <= now - known.asked_at < ASK_AGAIN:
        raise AskedLately
    await spend(tools, known.generation)
    async with tools.store.transaction() as tx:
        return await generations.claim_poll_of(tx, generation_id, micros(LEASE_S))


async def poll(tools: Tools, claimed: Scheduled) -> Finding | None:
    """Ask about one claimed generation; what the answer turned out to be, None if there was none."""
    generation = claimed.generation
    question = tools.dialect(generation).poll
    if question is None:
        raise NotPollable(f"{generation.provider} documents no way to ask about it")
    try:
        reading = await _asked(tools, generation, question)
    except Refused as refused:
        failure = refused.failure
        if failure.code is not FailureCode.RESULT_LOST or _may_be_lag(tools, claimed):
            fault = failure.code not in NOT_THE_PROVIDERS_FAULT
            await _ask_later(tools, claimed, failure.code, failure.retry_after_s, provider_fails=fault)
            return None
        reading = Reading(status=Status.FAILED, failure=failure)
    except (NotSent, NoAnswer, Unreadable) as error:
        await _ask_later(tools, claimed, mask_of(tools, generation).text(str(error)), None, provider_fails=True)
        return None
    await tools.together(_answered, (generation.provider, generation.account))
    return await _observe(tools, generation, reading)


async def fail(tools: Tools, claimed: Scheduled, because: Exception) -> None:
    """A question that broke here is one that was not answered: it is asked ever more rarely, until its deadline."""
    await _ask_later(tools, claimed, f"internal: {type(because).__name__}", None, provider_fails=False)


async def _asked(tools: Tools, generation: Generation, question: Question) -> Reading:
    """The answer, and where it tells no output, that of the second question. Raises what both may."""
    upstream, target, dialect = tools.upstream(generation), tools.target(generation), tools.dialect(generation)
    reply = await ask(tools, generation, question.ask(target, upstream.account))
    first = await aside(len(reply.body), partial(heard, question.read, reply, target))
    if dialect.follow is None or first.status is not Status.COMPLETED or first.outputs:
        return first
    await overdraw(tools, generation)
    try:
        reply = await ask(tools, generation, dialect.follow.ask(target, upstream.account), for_file=True)
        second = await aside(len(reply.body), partial(heard, dialect.follow.read, reply, target))
    except Unreadable:
        return first  # it is held for its outputs, and asked again
    except Refused as refused:
        if refused.failure.code is FailureCode.RESULT_LOST:
            return first
        raise
    return _joined(first, second)


def _joined(first: Reading, second: Reading) -> Reading:
    """What both answers told. What only its provider hands out is deleted with the task."""
    kept_until = second.kept_until or first.kept_until
    return replace(
        second,
        provider_status=second.provider_status or first.provider_status,
        external_id=second.external_id or first.external_id,
        cost=second.cost or first.cost,
        outputs=tuple(
            replace(output, expires_at=output.expires_at or (kept_until if output.needs_key else None))
            for output in second.outputs
        ),
    )


async def _observe(tools: Tools, generation: Generation, reading: Reading) -> Finding:
    now = tools.now()
    seen = Observation(
        generation_id=generation.id,
        origin=Origin.POLL,
        at=now,
        reading=reading,
        verified_by=VerifiedBy.POLL,
        hold_until=now
        + micros(tools.cadence.held_s if generation.webhook_expected or not reading.awaits_detail else 0),
    )
    return await settle_one(tools, seen)


def _may_be_lag(tools: Tools, claimed: Scheduled) -> bool:
    """Not found so soon after the submission is a provider whose parts have not caught up with each other.

    It has to be said twice in a row: a clock that stepped may only say that it is late.
    """
    generation = claimed.generation
    since = generation.submitted_at or generation.created_at
    return claimed.poll_misses == 0 or (tools.now() - since) / SECOND < tools.route(generation).lag_s


async def _ask_later(
    tools: Tools, claimed: Scheduled, because_of: str, retry_after_s: float | None, *, provider_fails: bool
) -> None:
    generation = claimed.generation
    route = _route(tools, generation)
    wait_s = after_miss_s(
        tools.cadence,
        every_s=route.poll_every_s if route else UNKNOWN_EVERY_S,
        misses=claimed.poll_misses,
        retry_after_s=retry_after_s,
        dice=tools.dice(),
    )
    again_at = after_miss(generation, route, wait_s, now=tools.now(), dice=tools.dice())
    async with tools.store.transaction() as tx:
        await generations.poll_later(tx, claimed, again_at)
    if provider_fails:
        key = (generation.provider, generation.account)
        async with tools.store.transaction() as tx:
            await accounts.save_ledger(tx, (await accounts.ledger_of(tx, key)).missed(tools.now()))
    log.info("poll_unanswered", generation_id=generation.id, because=because_of, wait_s=round(wait_s, 3))


def _route(tools: Tools, generation: Generation) -> Route | None:
    """None is one that this version does not have."""
    try:
        return tools.route(generation)
    except NotConfigured:
        return None


async def _answered(tools: Tools, keys: Sequence[AccountKey]) -> list[None]:
    """Close the breakers of these accounts; nothing is written while all of them are closed."""
    async with tools.store.glance() as tx:
        seen = {key: await accounts.ledger_seen(tx, key) for key in sorted(set(keys))}
    for key, ledger in seen.items():
        if ledger.answered() != ledger:
            async with tools.store.transaction() as tx:
                await accounts.save_ledger(tx, (await accounts.ledger_of(tx, key)).answered())
    return [None] * len(keys)
