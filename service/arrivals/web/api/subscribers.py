"""Subscribers: create, list, show, change, rotate, ping, recover, delete."""

from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.core.bounds import metadata_objection
from arrivals.core.standard_webhooks import public_key
from arrivals.core.subscriber import Subscriber
from arrivals.core.wire import rfc3339
from arrivals.flow.admin.subscribers import (
    change,
    delete,
    new_private_key,
    new_secret,
    recover,
    register,
    rotate,
)
from arrivals.flow.context import Context
from arrivals.flow.delivery.now import resend_waiting
from arrivals.flow.delivery.ping import ping
from arrivals.store import subscribers
from arrivals.store.generations import LAST
from arrivals.store.subscriber_health import Health, health_of
from arrivals.web.api.deliveries import shown_with
from arrivals.web.api.delivery_schemas import (
    FilterBody,
    PingSchema,
    RecoverBody,
    ResentSchema,
    SubscriberBody,
    SubscriberPage,
    SubscriberPatch,
    SubscriberSchema,
    SubscribersQuery,
    SubscriberWithSecretSchema,
)
from arrivals.web.api.generations import moment
from arrivals.web.api.replay_schemas import ReplaySchema
from arrivals.web.api.replays import shown as shown_replay
from arrivals.web.endpoint import Call, Content, Endpoint, json_response, page_response
from arrivals.web.errors import FieldError, refused

V1A = "v1a"  # Ed25519, beside the HMAC: https://github.com/standard-webhooks/standard-webhooks
PLAIN = ("url", "description", "max_in_flight", "rate_per_s")  # fields that are taken as they are


async def create(call: Call) -> Response:
    """Registers a subscriber: 201 with the signing secret, which is shown only now."""
    body: SubscriberBody = call.body
    _check(call.context, body)
    subscriber = Subscriber(
        id=call.context.make_id("sub"),
        url=body.url,
        secret=new_secret(call.context),
        created_at=call.context.now(),
        event_types=_types(body.event_types),
        filter=_filter(body.filter),
        description=body.description,
        max_in_flight=body.max_in_flight,
        rate_per_s=body.rate_per_s,
        private_key=new_private_key(call.context) if V1A in body.signatures else None,
    )
    await register(call.context, subscriber)
    headers = call.location("subscribers", subscriber.id)
    return json_response(shown(subscriber, Health()) | {"secret": subscriber.secret}, 201, headers)


def _check(context: Context, body: SubscriberBody | SubscriberPatch) -> None:
    metadata = body.filter.metadata or {} if isinstance(body.filter, FilterBody) else {}
    objections = {
        "url": context.transport.destinations.objection(body.url) if isinstance(body.url, str) else None,
        "filter.metadata": metadata_objection(metadata),
    }
    wrong = [FieldError(name, objection) for name, objection in objections.items() if objection]
    if wrong:
        raise refused(wrong)


def _types(event_types: list[str] | None) -> tuple[str, ...] | None:
    return None if event_types is None else tuple(event_types)


def _filter(body: FilterBody | None) -> dict[str, Any] | None:
    return None if body is None else msgspec.to_builtins(body)


async def update(call: Call) -> Response:
    """Changes a subscriber; fields that are left out stay."""
    body: SubscriberPatch = call.body
    _check(call.context, body)
    changed = await change(call.context, call.path("id"), partial(_patched, call.context, body))
    return json_response(await _with_health(call.context, changed))


def _patched(context: Context, body: SubscriberPatch, before: Subscriber) -> Subscriber:
    """The subscriber with the fields of the body."""
    fields = {name: getattr(body, name) for name in body.__struct_fields__ if getattr(body, name) is not UNSET}
    after = replace(before, **{name: fields[name] for name in PLAIN if name in fields})
    if "event_types" in fields:
        after = replace(after, event_types=_types(fields["event_types"]))
    if "filter" in fields:
        after = replace(after, filter=_filter(fields["filter"]))
    if "paused" in fields:
        after = replace(after, paused_at=(before.paused_at or context.now()) if fields["paused"] else None)
    if "disabled" in fields:
        after = replace(after, disabled_at=None, disabled_reason=None)
    if "signatures" in fields:
        private_key = before.private_key or new_private_key(context)
        after = replace(after, private_key=private_key if V1A in fields["signatures"] else None)
    return after


async def rotate_secret(call: Call) -> Response:
    """Rotates the secret: 200 with the new one, shown only now; the old keys sign too, for a day."""
    rotated = await rotate(call.context, call.path("id"))
    return json_response(await _with_health(call.context, rotated) | {"secret": rotated.secret})


async def ping_one(call: Call) -> Response:
    """Sends a subscriber a `ping`, whatever events it wants, and shows what it answered."""
    over = call.hold()
    try:
        event, delivery, attempts = await ping(call.context, call.path("id"))
    finally:
        over()
    return json_response({"event": msgspec.Raw(event.body.encode()), "delivery": shown_with(delivery, attempts)})


async def resend(call: Call) -> Response:
    """Makes everything that waits for a subscriber due now. 202 with the number of deliveries."""
    return json_response({"deliveries": await resend_waiting(call.context, call.path("id"))}, 202)


async def recover_missed(call: Call) -> Response:
    """Starts a replay of every event since a moment that the subscriber wants and that did not reach it. 202."""
    body: RecoverBody = call.body
    replay = await recover(call.context, call.path("id"), moment(body.since, 0), dry_run=body.dry_run)
    return json_response(shown_replay(replay), 202, call.location("replays", replay.id))


async def list_page(call: Call) -> Response:
    """Lists subscribers, newest first."""
    query: SubscribersQuery = call.query
    async with call.context.store.reading() as tx:
        page = await subscribers.listed(tx, query.limit, query.after or LAST)
        health = await health_of(tx, [subscriber.id for subscriber in page.items])
    return page_response(page, lambda subscriber: shown(subscriber, health[subscriber.id]))


async def show(call: Call) -> Response:
    """Shows one subscriber."""
    async with call.context.store.reading() as tx:
        subscriber = await subscribers.by_id(tx, call.path("id"))
    return json_response(await _with_health(call.context, subscriber))


async def remove(call: Call) -> Response:
    """Deletes a subscriber: 204. What was not delivered to it is given up."""
    await delete(call.context, call.path("id"))
    return Response(status_code=204)


async def _with_health(context: Context, subscriber: Subscriber) -> dict[str, Any]:
    async with context.store.reading() as tx:
        health = await health_of(tx, [subscriber.id])
    return shown(subscriber, health.get(subscriber.id) or Health())


def shown(subscriber: Subscriber, health: Health) -> dict[str, Any]:
    """A subscriber as the API shows it."""
    return {
        "id": subscriber.id,
        "url": subscriber.url,
        "event_types": subscriber.event_types,
        "filter": subscriber.filter,
        "description": subscriber.description,
        "max_in_flight": subscriber.max_in_flight,
        "rate_per_s": subscriber.rate_per_s,
        "signatures": ["v1", *([V1A] if subscriber.private_key else [])],
        "public_key": public_key(subscriber.private_key) if subscriber.private_key else None,
        "previous_secret_until": rfc3339(subscriber.previous_until),
        "paused_at": rfc3339(subscriber.paused_at),
        "created_at": rfc3339(subscriber.created_at),
        "disabled_at": rfc3339(subscriber.disabled_at),
        "disabled_reason": subscriber.disabled_reason,
        "health": {
            "state": subscriber.state(health.failing_since, health.last_success_at),
            "failing_since": rfc3339(health.failing_since),
            "last_success_at": rfc3339(health.last_success_at),
            "last_failure_at": rfc3339(health.last_failure_at),
            "last_error": health.last_error,
            "backlog": health.backlog,
            "oldest_waiting_at": rfc3339(health.oldest_waiting_at),
            "success_share": health.success_share,
        },
    }


WHERE = {"Location": "the path of the subscriber"}
WHERE_REPLAY = {"Location": "the path of the replay"}

ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1/subscribers", operation="createSubscriber",
        tag="Subscribers", summary="Create a subscriber",
        description="Events are delivered to its URL from now on. The answer shows the signing `secret`, this once.",
        scope=Scope.ADMIN, handle=create, body=SubscriberBody,
        answers={201: SubscriberWithSecretSchema}, answer_headers=WHERE,
    ),
    Endpoint(
        method="GET", path="/v1/subscribers", operation="listSubscribers",
        tag="Subscribers", summary="List subscribers",
        description="Newest first, each with the health of its deliveries.",
        scope=Scope.READ, handle=list_page, query=SubscribersQuery,
        answers={200: SubscriberPage},
    ),
    Endpoint(
        method="GET", path="/v1/subscribers/{id}", operation="getSubscriber",
        tag="Subscribers", summary="Show a subscriber",
        description="With the health of its deliveries.",
        scope=Scope.READ, handle=show,
        answers={200: SubscriberSchema},
    ),
    Endpoint(
        method="PATCH", path="/v1/subscribers/{id}", operation="updateSubscriber",
        tag="Subscribers", summary="Change a subscriber",
        description="Fields that are left out stay as they are; null removes a limit or a filter.",
        scope=Scope.ADMIN, handle=update, body=SubscriberPatch,
        answers={200: SubscriberSchema},
    ),
    Endpoint(
        method="POST", path="/v1/subscribers/{id}/rotate-secret", operation="rotateSubscriberSecret",
        tag="Subscribers", summary="Rotate a subscriber's secret",
        description="The answer shows the new `secret`, this once. For a day the old one signs too.",
        scope=Scope.ADMIN, handle=rotate_secret,
        answers={200: SubscriberWithSecretSchema},
    ),
    Endpoint(
        method="POST", path="/v1/subscribers/{id}/ping", operation="pingSubscriber",
        tag="Subscribers", summary="Send a subscriber a ping",
        description=(
            "Delivers a `ping` now, whatever events the subscriber wants, and answers with what it answered. 409 "
            "if it is disabled."
        ),
        scope=Scope.ADMIN, handle=ping_one,
        refuses=(409, 429), answers={200: PingSchema},
    ),
    Endpoint(
        method="POST", path="/v1/subscribers/{id}/resend-waiting", operation="resendWaiting",
        tag="Subscribers", summary="Attempt waiting deliveries now",
        description="Makes every delivery that waits for the subscriber due now. 409 if it is disabled.",
        scope=Scope.ADMIN, handle=resend,
        refuses=(409,), answers={202: ResentSchema},
    ),
    Endpoint(
        method="POST", path="/v1/subscribers/{id}/recover", operation="recoverSubscriber",
        tag="Subscribers", summary="Send missed events again",
        description=(
            "Starts a replay of every event since a moment that the subscriber wants and that did not reach it. "
            "409 if it is disabled."
        ),
        scope=Scope.ADMIN, handle=recover_missed, body=RecoverBody,
        refuses=(409,), answers={202: ReplaySchema}, answer_headers=WHERE_REPLAY,
    ),
    Endpoint(
        method="DELETE", path="/v1/subscribers/{id}", operation="deleteSubscriber",
        tag="Subscribers", summary="Delete a subscriber",
        description="What was not delivered to it is given up.",
        scope=Scope.ADMIN, handle=remove,
        answers={204: Content(description="It was deleted.")},
    ),
)  # fmt: skip
