"""Orders whose call was not accepted: back into the queue, or left as they are with an unknown outcome."""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import structlog

from arrivals.core.bounds import bounded_failure
from arrivals.core.cadence import after_miss_s
from arrivals.core.failure import Failure
from arrivals.core.masking import masked_failure
from arrivals.core.trouble import account_wait_s
from arrivals.core.wire import micros
from arrivals.flow.context import Context
from arrivals.flow.exchange.budget import pause
from arrivals.flow.exchange.masking import mask_of
from arrivals.flow.exchange.record import Exchange, keep
from arrivals.flow.log_fields import about
from arrivals.flow.observation.expire import expired_observation
from arrivals.flow.settlement.settle import settle
from arrivals.flow.until_stored import until_stored
from arrivals.store import generations
from arrivals.store.accounts import AccountKey
from arrivals.store.calls import Outcome
from arrivals.store.engine.signals import Signal
from arrivals.store.generations import Scheduled

log = structlog.get_logger()

RETRY_EVERY_S = 2.0

Group: TypeAlias = Sequence[Scheduled]  # what one call orders: one generation, or those of a bulk order


async def try_again(context: Context, group: Group, failure: Failure) -> None:
    """Returns the group to the queue; if the deadline comes first, the clock expires it."""
    wait_s = after_miss_s(
        context.policy.cadence,
        every_s=RETRY_EVERY_S,
        misses=group[0].submit_tries - 1,
        retry_after_s=failure.retry_after_s,
        random=context.random(),
    )
    returned = await until_stored(context, partial(_return, context, group, wait_s, failure))
    key = (group[0].generation.provider, group[0].generation.account)
    pause_s = account_wait_s(failure)
    if pause_s:
        await until_stored(context, partial(_pause, context, key, pause_s))
    if key in context.process.crowded:
        context.store.notify(Signal.SUBMIT)  # its place is free
    log.info(
        "submission_postponed",
        **about(group[0].generation), code=failure.code, wait_s=round(wait_s, 3), returned=returned,
    )  # fmt: skip


async def _return(context: Context, group: Group, wait_s: float, failure: Failure) -> int:
    """The number of generations that went back."""
    async with context.store.transaction() as tx:
        moment = context.now() + micros(wait_s)
        kept = masked_failure(mask_of(context, group[0].generation), bounded_failure(failure))
        returned = [
            await generations.return_to_pending(tx, scheduled.generation.id, moment, kept, tries=scheduled.submit_tries)
            for scheduled in group
        ]
    return sum(returned)


async def _pause(context: Context, key: AccountKey, wait_s: float) -> None:
    async with context.store.transaction() as tx:
        await pause(tx, key, wait_s)


async def return_unsent(context: Context, claimed: Sequence[Scheduled]) -> None:
    """Returns orders to the queue after a claim whose commit may not have been made, and whose calls never went out."""
    async with context.store.transaction() as tx:
        returned = [await generations.return_unsent(tx, scheduled, context.now()) for scheduled in claimed]
    log.info("claim_returned", claimed=len(claimed), returned=sum(returned))


async def outcome_unknown(context: Context, group: Group, reason: str) -> None:
    """Ends a submission that is never sent again: it waits for its webhook, or, where none will come, expires now."""
    mask = mask_of(context, group[0].generation)
    log.warning("submission_unanswered", **about(group[0].generation), reason=mask.text(reason))
    lost = [scheduled.generation for scheduled in group if not scheduled.generation.webhook_expected]
    await until_stored(
        context, partial(settle, context, [expired_observation(generation, context.now()) for generation in lost])
    )


async def keep_for_each(
    context: Context,
    group: Group,
    exchange: Exchange,
    outcome: Outcome,
    reason: str | None = None,
    failure: Failure | None = None,
) -> None:
    """Stores the call for each generation that it was to order; nothing if no call went out."""
    for scheduled in group if exchange.request else ():
        kept = exchange.came_to(context, scheduled.generation, outcome, reason=reason, failure=failure)
        await until_stored(context, partial(keep, context, kept))
