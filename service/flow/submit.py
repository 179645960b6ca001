"""A pending generation → its provider → the first observation.

The step to `submitting` is committed before the call goes out (the claim does it). From then on the outcome is either
known (accepted, refused, surely not sent) or unknown, and what is unknown is never sent again: it waits for the webhook
that its token identifies, or for its deadline.
"""

import structlog

from service.core.cadence import after_miss_s
from service.core.failure import Failure, FailureCode, because
from service.core.generation import Generation, Origin, Status, VerifiedBy
from service.core.http import HttpReply
from service.core.observation import Observation, Reading
from service.core.wire import from_json, micros
from service.flow.expire import nobody_told_us
from service.flow.settle import settle
from service.flow.tools import Tools, without_key
from service.providers.base import Order, Refused, Unreadable
from service.store import accounts, generations
from service.store.generations import Scheduled
from service.transport import NoAnswer, NotSent

log = structlog.get_logger()

SUBMIT_TIMEOUT_S = 60.0
ANSWER_WITHIN_S = SUBMIT_TIMEOUT_S + 30.0
RETRY_EVERY_S = 2.0
# Refusals that say "not now": the order goes back into the queue until its deadline.
NOT_NOW = frozenset({FailureCode.RATE_LIMITED, FailureCode.CONCURRENCY_LIMITED})
GATEWAY_TIMEOUT, FIRST_SERVER_ERROR = 504, 500


async def claim(tools: Tools, limit: int) -> list[Scheduled]:
    """Generations whose turn has come, already `submitting`."""
    async with tools.store.transaction() as tx:
        return await accounts.claim_submissions(tx, tools.budgets(), limit, micros(ANSWER_WITHIN_S))


async def submit(tools: Tools, claimed: Scheduled) -> None:
    """Send one claimed generation to its provider, once."""
    generation = claimed.generation
    upstream = tools.upstream(generation)
    try:
        call = upstream.provider.submit(await _order(tools, generation), upstream.account)
        reply = without_key(await tools.transport.submit(call, SUBMIT_TIMEOUT_S), upstream.account)
        reading = _read(tools, generation, reply)
    except NotSent as error:
        await _try_again(tools, claimed, because(FailureCode.PROVIDER_UNAVAILABLE, str(error), origin=Origin.SUBMIT))
    except (NoAnswer, Unreadable) as error:
        await _outcome_unknown(tools, generation, str(error))
    except Refused as refused:
        if refused.failure.code in NOT_NOW:
            await _try_again(tools, claimed, refused.failure)
        else:
            await _observe(tools, generation, Reading(status=Status.FAILED, failure=refused.failure))
    else:
        await _observe(tools, generation, reading)


def _read(tools: Tools, generation: Generation, reply: HttpReply) -> Reading:
    """What the provider answered. An error page of something in between leaves the outcome unknown."""
    in_between = reply.http_status >= FIRST_SERVER_ERROR and not _is_json(reply.body)
    if in_between or reply.http_status == GATEWAY_TIMEOUT:
        raise Unreadable(f"HTTP {reply.http_status} from something in between")
    return tools.upstream(generation).provider.read_submitted(reply, tools.target(generation))


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(from_json(body), dict)
    except ValueError:
        return False


async def _order(tools: Tools, generation: Generation) -> Order:
    async with tools.store.reading() as tx:
        order_input = await generations.order_input(tx, generation.id)
    url = tools.callbacks.url(generation.provider, generation.account, generation.id)
    secrets = tools.upstream(generation).account.webhook_secrets or tools.callbacks.webhook_secrets(generation.id)
    return Order(
        model=generation.model,
        route=generation.route,
        input=order_input,
        callback_url=url if generation.webhook_expected else None,
        webhook_secret=secrets[0],
    )


async def _try_again(tools: Tools, claimed: Scheduled, failure: Failure) -> None:
    """Back into the queue; if the deadline comes first, the clock says so."""
    wait_s = after_miss_s(
        tools.cadence,
        every_s=RETRY_EVERY_S,
        misses=claimed.submit_tries - 1,
        retry_after_s=failure.retry_after_s,
        dice=tools.dice(),
    )
    async with tools.store.transaction() as tx:
        moment = tools.now() + micros(wait_s)
        returned = await generations.return_to_pending(tx, claimed.generation.id, moment, failure)
    log.info(
        "submission_postponed",
        generation_id=claimed.generation.id, code=failure.code, wait_s=round(wait_s, 3), returned=returned,
    )  # fmt: skip


async def _outcome_unknown(tools: Tools, generation: Generation, because_of: str) -> None:
    """Never sent again. With a webhook to come we wait for it; with none, nobody will ever tell us more."""
    log.warning("submission_unanswered", generation_id=generation.id, because=because_of)
    if not generation.webhook_expected:
        await settle(tools, [nobody_told_us(generation, tools.now())])


async def _observe(tools: Tools, generation: Generation, reading: Reading) -> None:
    now = tools.now()
    await settle(
        tools,
        [
            Observation(
                generation_id=generation.id,
                origin=Origin.SUBMIT,
                at=now,
                reading=reading,
                verified_by=VerifiedBy.SUBMIT,
                hold_until=now + micros(tools.cadence.held_s),
            )
        ],
    )
