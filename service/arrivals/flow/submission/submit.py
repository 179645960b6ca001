"""Pending generations → their provider → the first observations.

One call orders one generation, or as many of a bulk order as the account may have in flight.

The step to `submitting` is committed before the call goes out (the claim does it). From then on the outcome is either
known (accepted, refused, surely not sent) or unknown, and an order with an unknown outcome is never sent again: it
waits for the webhook that its token identifies, or for its deadline.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from msgspec import structs
import structlog

from arrivals.core.acceptance import Acceptance, acceptance_of
from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Generation, Origin, Status, VerifiedBy
from arrivals.core.http import HttpCall, HttpReply, redirect_of
from arrivals.core.observation import Observation, Reading
from arrivals.core.wire import SECOND, Micros, from_json, micros
from arrivals.flow import contention
from arrivals.flow.context import Context, NotConfigured
from arrivals.flow.exchange.ask import joined_url, redirected
from arrivals.flow.exchange.fetch import fetch_inputs
from arrivals.flow.exchange.pace import note_pace
from arrivals.flow.exchange.record import Exchange, outcome_of
from arrivals.flow.log_fields import about
from arrivals.flow.observation.match import shared_out
from arrivals.flow.off_loop import run_off_loop
from arrivals.flow.settlement.observe import observe
from arrivals.flow.settlement.settle import settle, settle_one
from arrivals.flow.submission.claim import claim_submissions
from arrivals.flow.submission.gateway import direct
from arrivals.flow.submission.order import MAX_DEADLINE_S
from arrivals.flow.submission.postpone import Group, keep_for_each, outcome_unknown, return_unsent, try_again
from arrivals.flow.submission.submit_stream import listen
from arrivals.flow.until_stored import until_stored
from arrivals.outbound.transport import NoAnswer, NotSent
from arrivals.providers._shared.reading import read_bulk_reply, read_message
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Adapter, Order, Refused, Target, Unreadable
from arrivals.store import generations
from arrivals.store.calls import CallKind, Outcome
from arrivals.store.engine.base import Unavailable
from arrivals.store.generations import Scheduled

log = structlog.get_logger()

ROUTES = [route for provider in PROVIDERS.values() for route in provider.ROUTES]
USUAL_ANSWER_S, SLACK_S = 60.0, 30.0
ANSWER_WITHIN_S = USUAL_ANSWER_S + SLACK_S
MAX_ANSWER_S = max(route.answer_s for route in ROUTES) + SLACK_S
# No lease: what is `submitting` is never claimed again, and every call and stream is bounded by itself.
TRUST_S = MAX_DEADLINE_S + MAX_ANSWER_S
STALE: Micros = 20 * SECOND  # since a claim: much less than the time after which it is given up
INPUT_PATIENCE: Micros = 120 * SECOND  # from the order on, for an input that cannot be fetched just now


class _InputLater(Exception):
    """An input cannot be fetched just now; nothing was submitted."""


class _Withdrawn(Exception):
    """The order ended while its inputs were fetched; nothing may be submitted any more."""


async def claim(context: Context, limit: int) -> list[Group]:
    """Generations whose turn has come, already `submitting`, grouped by the call that orders them."""
    claimed: list[Scheduled] = []
    try:
        async with context.store.transaction() as tx:
            submissions = await claim_submissions(tx, context.budgets(), limit, micros(ANSWER_WITHIN_S))
            claimed += submissions.claimed
            contention.note(context, submissions.crowded)
            await contention.weigh(
                context, tx, {(each.generation.provider, each.generation.account) for each in claimed}
            )
            for scheduled in claimed:
                answer_s = _answer_s(context, scheduled.generation)
                if answer_s > USUAL_ANSWER_S:
                    await generations.answer_by(tx, scheduled.generation.id, context.now() + micros(answer_s + SLACK_S))
    except Unavailable:
        # The commit may have been made though its answer was lost; what is surely not sent need not end as unknown.
        if claimed:
            await until_stored(context, partial(return_unsent, context, claimed))
        raise
    groups: dict[str, list[Scheduled]] = {}
    for scheduled in claimed:
        groups.setdefault(scheduled.generation.bulk_id or scheduled.generation.id, []).append(scheduled)
    return [sorted(group, key=lambda scheduled: scheduled.generation.id) for group in groups.values()]


def _answer_s(context: Context, generation: Generation) -> float:
    try:
        return context.route(generation).answer_s
    except NotConfigured:  # it fails alone, when its turn comes
        return USUAL_ANSWER_S


async def submit(context: Context, group: Group) -> None:
    """Sends one claimed group to its provider, once."""
    exchange = Exchange(kind=CallKind.SUBMISSION)
    try:
        answers = await _send(context, group, exchange)
    except _Withdrawn:
        log.info("submission_withdrawn", **about(group[0].generation))
    except NotSent as error:
        await keep_for_each(context, group, exchange, outcome_of(error), str(error))
        await try_again(
            context, group, make_failure(FailureCode.PROVIDER_UNAVAILABLE, str(error), origin=Origin.SUBMIT)
        )
    except (NoAnswer, Unreadable) as error:
        await keep_for_each(context, group, exchange, outcome_of(error), str(error))
        await outcome_unknown(context, group, str(error))
    except _InputLater as error:
        await try_again(context, group, make_failure(FailureCode.INPUT_UNREACHABLE, str(error), origin="preflight"))
    except Refused as refused:
        await keep_for_each(context, group, exchange, Outcome.REFUSED, failure=refused.failure)
        if acceptance_of(refused.failure) is Acceptance.UNKNOWN:
            await outcome_unknown(context, group, f"HTTP {refused.failure.http_status}: it may have been accepted")
        else:
            await _settle(context, group, [refused] * len(group))
    else:
        if answers is not None:
            await _settle(context, group, answers)


async def fail(_context: Context, group: Group, reason: Exception) -> None:
    """Logs the failure. How far it came is unknown, so it is never sent again: its webhook or the clock ends it."""
    for scheduled in group:
        log.error("submission_interrupted", **about(scheduled.generation), reason=type(reason).__name__)


async def _send(context: Context, group: Group, exchange: Exchange) -> Sequence[Reading | Refused] | None:
    """The provider's answer about each; None if it came in a stream, which is settled already."""
    first = group[0].generation
    upstream, adapter, target = context.upstream(first), context.adapter(first), context.target(first)
    ordered = [await _order(context, scheduled) for scheduled in group]
    orders, size = [order for order, _ in ordered], sum(size for _, size in ordered)
    if adapter.bulk is not None and first.bulk_id is not None:
        call = await run_off_loop(size, partial(adapter.bulk.submit, orders, upstream.account))
        await _still_ours(context, group)
        reply = await _ask(context, first, call, exchange)
        answers = await run_off_loop(
            len(reply.body), partial(read_bulk_reply, adapter.bulk.read_submitted, reply, target)
        )
        if len(answers) != len(group):
            raise Unreadable(f"an answer about {len(answers)} of {len(group)} generations")
        return answers
    call = await run_off_loop(size, partial(adapter.submit, orders[0], upstream.account))
    await _still_ours(context, group)
    if not call.streamed:
        return [await _read(adapter, await _ask(context, first, call, exchange), target)]
    exchange.sends(call)
    whole = exchange.reply = await listen(context, first, call)
    return None if whole is None else [await _read(adapter, _taken(first, call, whole), target)]


async def _read(adapter: Adapter, reply: HttpReply, target: Target) -> Reading:
    return await run_off_loop(
        len(reply.body), partial(read_message, adapter.read_submitted, reply, target, submitted=True)
    )


async def _still_ours(context: Context, group: Group) -> None:
    """Checks the rows again if much time has passed since the claim: they may have expired. Raises _Withdrawn."""
    looked_at = group[0].generation.submitted_at or 0
    while context.now() - looked_at > STALE:
        looked_at = context.now()
        for scheduled in group:
            if not await until_stored(context, partial(_still_wanted, context, scheduled.generation)):
                raise _Withdrawn


async def _ask(context: Context, generation: Generation, call: HttpCall, exchange: Exchange) -> HttpReply:
    exchange.sends(call)
    reply = exchange.reply = await context.transport.submit(call, context.route(generation).answer_s)
    await until_stored(context, partial(note_pace, context, generation, reply.headers))
    return _taken(generation, call, reply)


def _taken(generation: Generation, call: HttpCall, reply: HttpReply) -> HttpReply:
    """The provider's own answer. Raises Unreadable; Refused for a redirect: an order is sent to nobody else."""
    place = redirect_of(reply.http_status, reply.headers)
    if place is None:
        return direct(reply)
    message = redirected(generation.provider, joined_url(call.url, place))
    failure = make_failure(FailureCode.PROVIDER_ERROR, message, origin=Origin.SUBMIT, billed=False)
    raise Refused(structs.replace(failure, http_status=reply.http_status, retryable=False))


async def _order(context: Context, scheduled: Scheduled) -> tuple[Order, int]:
    """The order with everything that its call carries, and about how many bytes that is.

    Raises Refused; _InputLater; _Withdrawn if it ended.
    """
    generation = scheduled.generation
    text = await until_stored(context, partial(_input_of, context, generation))
    order_input: dict[str, Any] = await run_off_loop(len(text), partial(from_json, text))
    url = context.callback_urls.url(generation.provider, generation.account, generation.id)
    secrets = context.upstream(generation).account.webhook_secrets or context.callback_urls.webhook_secrets(
        generation.id
    )
    order = Order(
        model=generation.model,
        route=generation.route,
        input=order_input,
        reference=generation.id,
        callback_url=url if generation.webhook_expected else None,
        webhook_secret=secrets[0],
    )
    return await _with_files(context, scheduled, order), len(text)


async def _input_of(context: Context, generation: Generation) -> str:
    async with context.store.read_inline() as tx:
        return await generations.order_text(tx, generation.id)


async def _with_files(context: Context, scheduled: Scheduled, order: Order) -> Order:
    urls = context.adapter(scheduled.generation).files(order)
    if not urls:
        return order
    try:
        files = await fetch_inputs(context, urls)
    except (NotSent, NoAnswer) as error:
        message = f"an input cannot be fetched: {error}"
        if context.now() - scheduled.generation.created_at > INPUT_PATIENCE:
            raise Refused(
                make_failure(FailureCode.INPUT_UNREACHABLE, message, origin="preflight", billed=False)
            ) from error
        raise _InputLater(message) from error
    if not await until_stored(context, partial(_still_wanted, context, scheduled.generation)):
        raise _Withdrawn
    return replace(order, files=files)


async def _still_wanted(context: Context, generation: Generation) -> bool:
    async with context.store.transaction() as tx:
        moment = context.now() + micros(context.route(generation).answer_s + SLACK_S)
        return await generations.still_submitting(tx, generation.id, moment)


async def _settle(context: Context, group: Group, answers: Sequence[Reading | Refused]) -> None:
    """Settles the answer about each; a generation that is refused for now goes back into the queue."""
    if len(group) > 1:
        current = await until_stored(context, partial(_as_they_are, context, group))
        answers = shared_out(answers, [current[scheduled.generation.id] for scheduled in group])
    seen = []
    for scheduled, answer in zip(group, answers, strict=True):
        if isinstance(answer, Reading):
            seen.append(_observation(context, scheduled.generation, answer))
        elif acceptance_of(answer.failure) is Acceptance.LATER:
            await try_again(context, [scheduled], answer.failure)
        else:
            seen.append(
                _observation(context, scheduled.generation, Reading(status=Status.FAILED, failure=answer.failure))
            )
    if len(seen) == 1:
        await until_stored(context, partial(settle_one, context, seen[0]))
    else:
        await until_stored(context, partial(settle, context, seen))
    for scheduled, answer in zip(group, answers, strict=True):
        _log_answer(scheduled.generation, answer)


def _log_answer(generation: Generation, answer: Reading | Refused) -> None:
    """Logs what became of a submission, unless it is tried again, which has a line of its own."""
    if isinstance(answer, Reading):
        after = structs.replace(generation, status=answer.status or generation.status)
        log.info("generation_submitted", **about(after), external_id=answer.external_id)
    elif acceptance_of(answer.failure) is not Acceptance.LATER:
        failure = answer.failure
        refused = structs.replace(generation, status=Status.FAILED)
        log.info("submission_refused", **about(refused), code=failure.code, http_status=failure.http_status)


async def _as_they_are(context: Context, group: Group) -> dict[str, Generation]:
    async with context.store.read_inline() as tx:
        return await generations.by_ids(tx, [scheduled.generation.id for scheduled in group])


def _observation(context: Context, generation: Generation, reading: Reading) -> Observation:
    return observe(context, generation.id, Origin.SUBMIT, reading, VerifiedBy.SUBMIT)
