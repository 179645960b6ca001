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
from arrivals.web.api.delivery_schemas import DeliveriesQuery, DeliveryPage, DeliverySchema, RedeliverBody
from arrivals.web.endpoint import Call, Endpoint, before_id, json_response, page_response


async def list_of_subscriber(call: Call) -> Response:
    """Lists a subscriber's deliveries, newest first."""
    query: DeliveriesQuery = call.query
    async with call.context.store.reading() as tx:
        await subscribers.by_id(tx, call.path("id"))
        page = await deliveries.listed(tx, call.path("id"), query.status, query.limit, before_id(query.after, "dlv"))
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
        scope=Scope.READ, handle=list_of_subscriber,
        query=DeliveriesQuery, summary="List a subscriber's deliveries, newest first", answers={200: DeliveryPage},
    ),
    Endpoint(
        method="GET", path="/v1/deliveries/{id}", operation="getDelivery",
        scope=Scope.READ, handle=show,
        summary="Show a delivery with its latest attempts", answers={200: DeliverySchema},
    ),
    Endpoint(
        method="POST", path="/v1/deliveries/{id}/retry", operation="retryDelivery",
        scope=Scope.ADMIN, handle=try_again,
        summary="Attempt a delivery now", refuses=(409, 429), answers={200: DeliverySchema},
    ),
    Endpoint(
        method="POST", path="/v1/events/{id}/redeliver", operation="redeliverEvent",
        scope=Scope.ADMIN, handle=send_again, body=RedeliverBody,
        summary="Send an event again", refuses=(409,), answers={202: DeliveryPage},
    ),
)  # fmt: skip
