"""Deliveries: list a subscriber's, show one with its attempts, retry it; send an event again."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.core.wire import rfc3339
from arrivals.flow.delivery.now import retry
from arrivals.flow.delivery.redeliver import redeliver
from arrivals.store import deliveries, subscribers
from arrivals.store.deliveries import Attempt, Delivery
from arrivals.store.generations import LAST
from arrivals.web.api.delivery_schemas import DeliveriesQuery, DeliveryPage, DeliveryWithAttemptsSchema, RedeliverBody
from arrivals.web.endpoint import Call, Endpoint, json_response, page_response


async def list_of_subscriber(call: Call) -> Response:
    """Lists a subscriber's deliveries, newest first."""
    query: DeliveriesQuery = call.query
    async with call.context.store.reading() as tx:
        await subscribers.by_id(tx, call.path("id"))
        page = await deliveries.listed(tx, call.path("id"), query.status, query.limit, query.after or LAST)
    return page_response(page, shown)


async def show(call: Call) -> Response:
    """Shows one delivery with its latest attempts."""
    async with call.context.store.reading() as tx:
        delivery = await deliveries.by_id(tx, call.path("id"))
        attempts = await deliveries.attempts_at(tx, delivery.id)
    return json_response(shown_with(delivery, attempts))


async def try_again(call: Call) -> Response:
    """Attempts a delivery now, also if it was given up, and shows what happened."""
    over = call.hold()
    try:
        return json_response(shown_with(*await retry(call.context, call.path("id"))))
    finally:
        over()


async def send_again(call: Call) -> Response:
    """Sends an event again. 202 with its new deliveries."""
    body: RedeliverBody = call.body
    due = await redeliver(call.context, call.path("id"), body.subscriber)
    return json_response({"data": [shown(delivery) for delivery in due], "next": None}, 202)


def shown(delivery: Delivery) -> dict[str, Any]:
    """A delivery as the API shows it."""
    ended = "delivered" if delivery.delivered_at is not None else "given_up" if delivery.given_up_at else None
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        # a ping is about no generation
        "generation_id": delivery.generation_id if delivery.generation_id != delivery.event_id else None,
        "subscriber_id": delivery.subscriber_id,
        "url": delivery.url,
        "status": ended or "waiting",
        "attempt_count": delivery.attempt_count,
        "redelivered": delivery.redelivered,
        "created_at": rfc3339(delivery.created_at),
        "next_attempt_at": rfc3339(delivery.attempt_at),
        "delivered_at": rfc3339(delivery.delivered_at),
        "given_up_at": rfc3339(delivery.given_up_at),
    }


def shown_with(delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """A delivery with its attempts."""
    return shown(delivery) | {"attempts": [_tried(attempt) for attempt in attempts]}


def _tried(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "at": rfc3339(attempt.at),
        "duration_s": attempt.duration_s,
        "http_status": attempt.http_status,
        "error": attempt.error,
        "answer": attempt.answer,
    }


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/subscribers/{id}/deliveries", operation="listDeliveries",
        tag="Deliveries", summary="List a subscriber's deliveries",
        description="Newest first, without their attempts.",
        scope=Scope.READ, handle=list_of_subscriber,
        query=DeliveriesQuery, answers={200: DeliveryPage},
    ),
    Endpoint(
        method="GET", path="/v1/deliveries/{id}", operation="getDelivery",
        tag="Deliveries", summary="Show a delivery",
        description="With its attempts: time, duration, status, and the beginning of the answer.",
        scope=Scope.READ, handle=show,
        answers={200: DeliveryWithAttemptsSchema},
    ),
    Endpoint(
        method="POST", path="/v1/deliveries/{id}/retry", operation="retryDelivery",
        tag="Deliveries", summary="Attempt a delivery now",
        description=(
            "Whatever its schedule, also if it was given up. Earlier events of the same generation that still "
            "wait are attempted first. The answer shows what happened; 409 if it was delivered, is under way, or "
            "its subscriber is paused or disabled."
        ),
        scope=Scope.ADMIN, handle=try_again,
        refuses=(409, 429), answers={200: DeliveryWithAttemptsSchema},
    ),
    Endpoint(
        method="POST", path="/v1/events/{id}/redeliver", operation="redeliverEvent",
        tag="Deliveries", summary="Send an event again",
        description=(
            "To one subscriber, or to every one that wants it. The answer has the new deliveries. 409 if the "
            "subscriber is disabled."
        ),
        scope=Scope.ADMIN, handle=send_again, body=RedeliverBody,
        refuses=(409,), answers={202: DeliveryPage},
    ),
)  # fmt: skip
