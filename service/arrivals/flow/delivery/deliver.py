"""An event → its subscriber: sign, send, and schedule the next attempt."""

from collections.abc import Sequence

from msgspec.structs import replace
import structlog

from arrivals.core.cadence import next_attempt_s
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.mask import Mask
from arrivals.core.moments import retry_after_s
from arrivals.core.standard_webhooks import bare_secrets, signed_headers
from arrivals.core.subscriber import GONE
from arrivals.core.wire import SECOND, Micros, micros
from arrivals.flow.context import Context
from arrivals.flow.delivery.claim import claim
from arrivals.flow.delivery.ended import Ended
from arrivals.flow.measurements import ATTEMPTS, DELIVERIES
from arrivals.outbound.transport import NoAnswer, NotSent
from arrivals.store import deliveries
from arrivals.store.deliveries import Attempt, Delivery, DeliveryContext
from arrivals.store.metrics import outcome_of

__all__ = ["claim", "deliver", "fail"]  # what a worker needs of it

log = structlog.get_logger()

REDELIVERED = "arrivals-redelivered"  # somebody asked for the event to be sent again
FIRST_REDIRECT, FIRST_CLIENT_ERROR = 300, 400


async def deliver(context: Context, delivery: Delivery) -> None:
    """Tries one claimed delivery once."""
    delivery_context = await context.batches.delivery_contexts.add(delivery)
    if delivery_context is None or delivery_context.disabled:
        return  # its subscriber was deleted or disabled after the claim, which gave its deliveries up
    began = context.now()
    reply, error = await _send(context, delivery, delivery_context, began)
    attempt = Attempt(
        delivery_id=delivery.id,
        number=delivery.attempt_count,
        at=began,
        duration_s=(context.now() - began) / SECOND,
        http_status=reply.http_status if reply else None,
        error=error,
        answer=reply.body.decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}") if reply else None,
    )
    wanted_wait_s = retry_after_s(reply) if reply else None
    await _record(context, delivery, attempt, wanted_wait_s, registered=delivery_context.registered)


async def fail(context: Context, delivery: Delivery, reason: Exception) -> None:
    """Records an attempt that broke here as a failed one: the delivery continues by its schedule, to its end."""
    error = f"internal: {type(reason).__name__}"
    attempt = Attempt(
        delivery_id=delivery.id, number=delivery.attempt_count, at=context.now(), duration_s=0.0, error=error
    )
    await _record(context, delivery, attempt, None, registered=False)  # it says nothing about its subscriber


async def _send(
    context: Context, delivery: Delivery, delivery_context: DeliveryContext, now: Micros
) -> tuple[HttpReply | None, str | None]:
    """The answer if one came, and the name of what went wrong if anything did."""
    body = delivery_context.body.encode()
    secrets = delivery_context.keys.secrets(now) if delivery_context.registered else context.policy.callback_secrets
    private_keys = delivery_context.keys.private_keys(now)
    signed = signed_headers(secrets, delivery.event_id, now // SECOND, body, private_keys)
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        **signed,
        **({REDELIVERED: "true"} if delivery.redelivered else {}),
    }
    mask = Mask(bare_secrets([*secrets, *private_keys], signed))
    call = HttpCall(method="POST", url=delivery.url, headers=headers, body=body)
    try:
        reply = await context.transport.deliver(
            call, context.policy.limits.delivery_timeout_s, context.policy.limits.answer_keep_bytes
        )
    except (NotSent, NoAnswer) as error:
        return None, mask.text(str(error))
    reply = replace(reply, body=mask.octets(reply.body))
    if reply.ok:
        return reply, None
    if FIRST_REDIRECT <= reply.http_status < FIRST_CLIENT_ERROR:
        return reply, "redirect: redirects are not followed; register the URL it leads to"
    return reply, f"status: HTTP {reply.http_status}"


async def read_contexts(context: Context, wanted: Sequence[Delivery]) -> list[DeliveryContext | None]:
    async with context.store.read_inline() as tx:
        return await deliveries.contexts_of(tx, wanted)


async def _record(
    context: Context, delivery: Delivery, attempt: Attempt, wanted_wait_s: float | None, *, registered: bool
) -> None:
    now = context.now()
    if attempt.error is None:
        ended = replace(delivery, attempt_at=None, delivered_at=now)
    else:
        wait_s = next_attempt_s(
            context.policy.cadence.retry_schedule_s, delivery.attempt_count, wanted_wait_s, context.random()
        )
        if attempt.http_status == GONE or wait_s is None:
            ended = replace(delivery, attempt_at=None, given_up_at=now)
        else:
            ended = replace(delivery, attempt_at=now + micros(wait_s))
    reason = await context.batches.attempts.add(Ended(attempt=attempt, delivery=ended, registered=registered))
    _measure(context, ended, attempt, registered=registered)
    log.info(
        "delivery_attempted",
        delivery_id=delivery.id, event_id=delivery.event_id, subscriber_id=delivery.subscriber_id,
        generation_id=delivery.generation_id, number=attempt.number,
        http_status=attempt.http_status, error=attempt.error, delivered=ended.delivered_at is not None,
    )  # fmt: skip
    if reason is not None:
        log.warning("subscriber_disabled", subscriber_id=delivery.subscriber_id, reason=reason)


def _measure(context: Context, ended: Delivery, attempt: Attempt, *, registered: bool) -> None:
    """Counts how long the attempt took; and how long its event, unless somebody asked for it again."""
    measurements = context.process.measurements
    measurements.observe(ATTEMPTS, (outcome_of(attempt.http_status, attempt.error),), attempt.duration_s)
    if ended.delivered_at is not None and not ended.redelivered:
        took_s = (ended.delivered_at - ended.created_at) / SECOND
        measurements.observe(DELIVERIES, ("registered" if registered else "callback",), took_s)
