"""A poll of the provider → an observation, or a reason to poll again later."""

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace
import structlog

from arrivals.core.cadence import after_miss_s
from arrivals.core.details import merge_details
from arrivals.core.failure import Failure, FailureCode
from arrivals.core.generation import Generation, Origin, Status, VerifiedBy
from arrivals.core.moments import retry_after_s
from arrivals.core.observation import Finding, Reading
from arrivals.core.trouble import account_wait_s, is_miss, is_verdict
from arrivals.core.wire import SECOND, micros
from arrivals.flow.contention import weigh
from arrivals.flow.context import Context
from arrivals.flow.exchange.ask import POLL_TIMEOUT_S, send_request
from arrivals.flow.exchange.budget import pause
from arrivals.flow.exchange.record import Exchange, keep, outcome_of
from arrivals.flow.exchange.spend import give_back, spend
from arrivals.flow.log_fields import about
from arrivals.flow.observation.claim import claim_polls
from arrivals.flow.off_loop import run_off_loop
from arrivals.flow.settlement.learn import read_in
from arrivals.flow.settlement.observe import observe
from arrivals.flow.settlement.schedule import ASK_AGAIN, after_miss
from arrivals.flow.settlement.settle import settle_one
from arrivals.outbound.transport import NoAnswer, NotSent
from arrivals.providers._shared.reading import read_message
from arrivals.providers.contract import Refused, Request, Unreadable
from arrivals.store import accounts, calls, generations
from arrivals.store.accounts import AccountKey
from arrivals.store.calls import Call, CallKind, Outcome
from arrivals.store.generations import Scheduled

log = structlog.get_logger()

UNKNOWN_EVERY_S = 60.0  # where this version does not know the route
LEASE_S = 3 * POLL_TIMEOUT_S  # after a crash, the generations that were being polled wait this long

STILL_WORKING = frozenset({Status.SUBMITTED, Status.PROCESSING})  # an answer with one of these is only counted


class NotPollable(Exception):
    """The generation cannot be polled; the message says why."""


class AskedLately(Exception):
    """The generation was polled a moment ago, so what is stored is what its provider says."""


async def claim(context: Context, limit: int) -> list[Scheduled]:
    """Generations that are due to be polled, within their account's budget."""
    await read_in(context)
    async with context.store.transaction() as tx:
        claimed = await claim_polls(tx, context.budgets(), limit, micros(LEASE_S))
        await weigh(context, tx, ((each.generation.provider, each.generation.account) for each in claimed))
    return claimed


async def claim_one(context: Context, generation_id: str) -> Scheduled:
    """One generation, now, whatever its schedule. Raises Missing, NotPollable, AskedLately, OverBudget."""
    async with context.store.read_inline() as tx:
        scheduled = await generations.by_id(tx, generation_id)
        now = await tx.now()
    if not context.route(scheduled.generation).polls:
        raise NotPollable(f"{scheduled.generation.provider} documents no way to ask about it")
    if scheduled.asked_at is not None and 0 <= now - scheduled.asked_at < ASK_AGAIN:
        raise AskedLately
    await spend(context, scheduled.generation, polls=True)
    async with context.store.transaction() as tx:
        return await generations.claim_poll_of(tx, generation_id, micros(LEASE_S))


async def poll(context: Context, claimed: Scheduled) -> Finding | None:
    """Polls one claimed generation; returns the finding about the answer, None if there was none."""
    generation = claimed.generation
    request = context.adapter(generation).poll
    if request is None:
        raise NotPollable(f"{generation.provider} documents no way to ask about it")
    exchange = Exchange(kind=CallKind.POLL)
    try:
        reading = await _fetch_reading(context, generation, request, exchange)
    except Refused as refused:
        failure = refused.failure
        kept = exchange.came_to(context, generation, Outcome.REFUSED, failure=failure)
        if not await _is_repeated_verdict(context, claimed, failure):
            await _ask_later(context, claimed, kept, wait_s=account_wait_s(failure), is_miss=is_miss(failure))
            return None
        await keep(context, kept)
        reading = Reading(status=Status.FAILED, failure=failure)
    except (NotSent, NoAnswer, Unreadable) as error:
        outcome = outcome_of(error)
        kept = exchange.came_to(context, generation, outcome, reason=str(error))
        await _ask_later(context, claimed, kept, is_miss=outcome is not Outcome.UNREADABLE)
        return None
    else:
        if reading.status not in STILL_WORKING and not exchange.kept:
            await keep(context, exchange.came_to(context, generation, Outcome.UNDERSTOOD))
    await context.batches.answers.add((generation.provider, generation.account))
    return await _observe(context, generation, reading)


async def fail(context: Context, claimed: Scheduled, reason: Exception) -> None:
    """Records a poll that broke here as unanswered: it is repeated ever more rarely, until the deadline."""
    exchange = Exchange(kind=CallKind.POLL)
    message = f"internal: {type(reason).__name__}"
    kept = exchange.came_to(context, claimed.generation, Outcome.UNANSWERED, reason=message)
    await _ask_later(context, claimed, kept, is_miss=False)


async def _fetch_reading(context: Context, generation: Generation, request: Request, exchange: Exchange) -> Reading:
    """The answer, and where it has no output, that of the second request. Raises what both may."""
    upstream, target, adapter = context.upstream(generation), context.target(generation), context.adapter(generation)
    second_asked = False
    try:
        reply = await send_request(context, generation, request.build(target, upstream.account), exchange)
        first = await run_off_loop(len(reply.body), partial(read_message, request.parse, reply, target))
        if first.status in STILL_WORKING and first.poll_after_s is None:
            first = replace(first, poll_after_s=retry_after_s(reply))
        if adapter.fetch_result is None or first.status is not Status.COMPLETED or first.outputs:
            return first
        second_asked = True
        try:
            reply = await send_request(
                context, generation, adapter.fetch_result.build(target, upstream.account), exchange, for_file=True
            )
            second = await run_off_loop(
                len(reply.body), partial(read_message, adapter.fetch_result.parse, reply, target)
            )
        except Unreadable as error:
            await keep(context, exchange.came_to(context, generation, Outcome.UNREADABLE, reason=str(error)))
            return first  # it is held for its outputs, and polled again
        except Refused as refused:
            if refused.failure.code is not FailureCode.RESULT_LOST:
                raise
            await keep(context, exchange.came_to(context, generation, Outcome.REFUSED, failure=refused.failure))
            return first
        return _joined(first, second)
    finally:
        if not second_asked:
            await give_back(context, generation)


def _joined(first: Reading, second: Reading) -> Reading:
    """The facts of both answers. An output that only the provider hands out expires with its task."""
    kept_until = second.kept_until or first.kept_until
    return replace(
        second,
        provider_status=second.provider_status or first.provider_status,
        external_id=second.external_id or first.external_id,
        cost=second.cost or first.cost,
        provider_details=merge_details(first.provider_details, second.provider_details),
        notes=(*first.notes, *second.notes),
        outputs=tuple(
            replace(output, expires_at=output.expires_at or (kept_until if output.requires_auth else None))
            for output in second.outputs
        ),
    )


async def _observe(context: Context, generation: Generation, reading: Reading) -> Finding:
    hold = generation.webhook_expected or not reading.awaits_detail
    seen = observe(context, generation.id, Origin.POLL, reading, VerifiedBy.POLL, hold=hold)
    return await settle_one(context, seen)


async def _is_repeated_verdict(context: Context, claimed: Scheduled, failure: Failure) -> bool:
    """True for a verdict about the work that came twice in a row and is not mere lag.

    A clock that stepped may be the only sign that it is late, and a hint may have named somebody else's work.
    """
    generation = claimed.generation
    if not is_verdict(failure) or claimed.poll_misses == 0 or generation.external_id_hinted:
        return False
    since = generation.submitted_at or generation.created_at
    lagging = (context.now() - since) / SECOND < context.route(generation).lag_s
    if failure.code is FailureCode.RESULT_LOST:
        return not lagging
    async with context.store.read_inline() as tx:
        last = await calls.last_of(tx, generation.id)
    return last is not None and last.failure is not None and last.failure.code is failure.code


async def _ask_later(
    context: Context, claimed: Scheduled, kept: Call, *, wait_s: float | None = None, is_miss: bool
) -> None:
    """Schedules the next poll.

    `wait_s`: how long the account was asked to wait; `is_miss`: its provider may be failing as a whole.
    """
    generation = claimed.generation
    route = context.route_or_none(generation)
    retry_after_s = kept.failure.retry_after_s if kept.failure else None
    backoff_s = after_miss_s(
        context.policy.cadence,
        every_s=route.poll_every_s if route else UNKNOWN_EVERY_S,
        misses=claimed.poll_misses,
        retry_after_s=retry_after_s,
        random=context.random(),
    )
    again_at = after_miss(generation, route, backoff_s, now=context.now(), random=context.random())
    async with context.store.transaction() as tx:
        await generations.poll_later(tx, claimed, again_at)
        await calls.keep(tx, kept)
    key = (generation.provider, generation.account)
    if is_miss or wait_s:
        async with context.store.transaction() as tx:
            if is_miss:
                now = context.now()
                ledger = (await accounts.ledger_of(tx, key)).missed(now, claimed.asked_at or now)
                await accounts.save_ledger(tx, ledger)
            if wait_s:
                await pause(tx, key, wait_s)
    if not is_miss and kept.outcome in (Outcome.REFUSED, Outcome.UNREADABLE):
        await context.batches.answers.add(key)
    reason = kept.failure.code if kept.failure else kept.reason
    log.info("poll_unanswered", **about(generation), reason=reason, wait_s=round(backoff_s, 3))


async def answered_all(context: Context, keys: Sequence[AccountKey]) -> list[None]:
    """Closes the breakers of these accounts; nothing is written while all of them are closed."""
    async with context.store.read_inline() as tx:
        seen = {key: await accounts.ledger_seen(tx, key) for key in sorted(set(keys))}
    for key, ledger in seen.items():
        if ledger.answered() != ledger:
            async with context.store.transaction() as tx:
                await accounts.save_ledger(tx, (await accounts.ledger_of(tx, key)).answered())
    return [None] * len(keys)
