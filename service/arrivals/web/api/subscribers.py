"""Subscribers: create, list, show, change, rotate, ping, recover, delete."""

from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from arrivals.core.bounds import metadata_objection
from arrivals.core.wire import SECOND, rfc3339
from arrivals.flow.admin.replay import start
from arrivals.flow.context import Context
from arrivals.flow.delivery.ping import ping
from arrivals.flow.delivery.redeliver import NotServed
from arrivals.flow.delivery.sign import SECRET_BYTES, make_private_key, make_secret, public_key
from arrivals.store import deliveries, subscribers
from arrivals.store.generations import LAST
from arrivals.store.replays import Filters, ReplayKind
from arrivals.store.subscribers import Subscriber
from arrivals.web.api.deliveries import shown as shown_delivery
from arrivals.web.api.delivery_schemas import (
    FilterBody,
    PingSchema,
    RecoverBody,
    ReplaySchema,
    SubscriberBody,
    SubscriberPage,
    SubscriberPatch,
    SubscriberSchema,
)
from arrivals.web.api.generations import moment
from arrivals.web.api.replays import shown as shown_replay
from arrivals.web.api.schemas import SUBSCRIBABLE, PageQuery
from arrivals.web.auth import Scope
from arrivals.web.endpoint import Call, Endpoint, json_response, page_response
from arrivals.web.errors import invalid

V1A = "v1a"  # Ed25519, beside the HMAC: https://github.com/standard-webhooks/standard-webhooks
BOTH_SIGN_S = 24 * 3600  # after a rotation


async def create(call: Call) -> Response:
    """201 with the signing secret, which is shown this once."""
    asked: SubscriberBody = call.body
    _check(call.context, asked)
    subscriber = Subscriber(
        id=call.context.make_id("sub"),
        url=asked.url,
        secret=make_secret(call.context.entropy(SECRET_BYTES)),
        created_at=call.context.now(),
        event_types=_types(asked.event_types),
        filter=_filter(asked.filter),
        description=asked.description,
        max_in_flight=asked.max_in_flight,
        rate_per_s=asked.rate_per_s,
        private_key=make_private_key(call.context.entropy(SECRET_BYTES)) if V1A in asked.signatures else None,
    )
    async with call.context.store.transaction() as tx:
        await subscribers.insert(tx, subscriber)
    headers = {"location": f"/v1/subscribers/{subscriber.id}"}
    return json_response(_shown(subscriber) | {"secret": subscriber.secret}, 201, headers)


def _check(context: Context, asked: SubscriberBody | SubscriberPatch) -> None:
    objection = context.transport.destinations.objection(asked.url) if isinstance(asked.url, str) else None
    if objection:
        raise invalid("url", objection)
    objection = metadata_objection(asked.filter.metadata or {}) if isinstance(asked.filter, FilterBody) else None
    if objection:
        raise invalid("filter.metadata", objection)
    for index, event_type in enumerate(asked.event_types or ()):
        if event_type not in SUBSCRIBABLE:
            raise invalid(f"event_types[{index}]", f"must be one of {', '.join(SUBSCRIBABLE)}")


def _types(given: list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def _filter(given: FilterBody | None) -> dict[str, Any] | None:
    return None if given is None else msgspec.to_builtins(given)


async def change(call: Call) -> Response:
    """What is left out stays as it is."""
    asked: SubscriberPatch = call.body
    _check(call.context, asked)
    now = call.context.now()
    given = {name: getattr(asked, name) for name in asked.__struct_fields__ if getattr(asked, name) is not UNSET}
    plain = {name: given[name] for name in ("url", "description", "max_in_flight", "rate_per_s") if name in given}
    async with call.context.store.transaction() as tx:
        known = await subscribers.by_id(tx, call.path("id"))
        changed = replace(known, **plain)
        if "event_types" in given:
            changed = replace(changed, event_types=_types(given["event_types"]))
        if "filter" in given:
            changed = replace(changed, filter=_filter(given["filter"]))
        if "paused" in given:
            changed = replace(changed, paused_at=(known.paused_at or now) if given["paused"] else None)
        if "disabled" in given:
            changed = replace(changed, disabled_at=None, disabled_reason=None)
        if "signatures" in given:
            fresh = known.private_key or make_private_key(call.context.entropy(SECRET_BYTES))
            changed = replace(changed, private_key=fresh if V1A in given["signatures"] else None)
        moved = changed.url != known.url
        if moved:  # before its row is taken, as every recorded attempt does, or two wait for each other
            await deliveries.move(tx, known.id, changed.url)
        await subscribers.update(tx, changed)
        if moved:  # and what was announced meanwhile
            await deliveries.move(tx, known.id, changed.url)
        if "disabled" in given or (known.paused_at is not None and changed.paused_at is None):
            await subscribers.forgive(tx, known.id)  # days without a single attempt are no days of failure
    call.context.store.notify("deliver")
    return json_response(_shown(changed))


async def rotate(call: Call) -> Response:
    """200 with the new secret, shown this once, and the new public key; the old ones sign too, for a day."""
    now = call.context.now()
    async with call.context.store.transaction() as tx:
        known = await subscribers.by_id(tx, call.path("id"))
        rotated = replace(
            known,
            secret=make_secret(call.context.entropy(SECRET_BYTES)),
            previous_secret=known.secret,
            previous_until=now + BOTH_SIGN_S * SECOND,
            private_key=make_private_key(call.context.entropy(SECRET_BYTES)) if known.private_key else None,
            previous_private_key=known.private_key,
        )
        await subscribers.update(tx, rotated)
    return json_response(_shown(rotated) | {"secret": rotated.secret})


async def ping_one(call: Call) -> Response:
    """202: a `ping` is on its way to this subscriber, whatever it asked for."""
    event, delivery = await ping(call.context, call.path("id"))
    return json_response({"event": msgspec.Raw(event.body.encode()), "delivery": shown_delivery(delivery)}, 202)


async def recover(call: Call) -> Response:
    """202: a replay of every event since then that it wants and that did not reach it."""
    body: RecoverBody = call.body
    async with call.context.store.reading() as tx:
        known = await subscribers.by_id(tx, call.path("id"))
    if known.disabled_at is not None:
        raise NotServed
    filters = Filters(subscriber=known.id, since=moment("since", body.since, 0), missed=True)
    made = await start(call.context, ReplayKind.EVENTS, filters)
    return json_response(shown_replay(made), 202, {"location": f"/v1/replays/{made.id}"})


async def list_page(call: Call) -> Response:
    """Newest first."""
    query: PageQuery = call.query
    async with call.context.store.reading() as tx:
        found = await subscribers.listed(tx, query.limit, query.after or LAST)
    return page_response(found, _shown)


async def show(call: Call) -> Response:
    """One subscriber."""
    async with call.context.store.reading() as tx:
        subscriber = await subscribers.by_id(tx, call.path("id"))
    return json_response(_shown(subscriber))


async def delete(call: Call) -> Response:
    """204; what was not delivered to it is given up."""
    async with call.context.store.transaction() as tx:
        await subscribers.delete(tx, call.path("id"), call.context.now())
    return Response(status_code=204)


def _shown(subscriber: Subscriber) -> dict[str, Any]:
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
    }


ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1/subscribers", operation="createSubscriber",
        scope=Scope.ADMIN, handle=create, body=SubscriberBody,
        summary="Register a subscriber", answers={201: SubscriberSchema},
    ),
    Endpoint(
        method="GET", path="/v1/subscribers", operation="listSubscribers",
        scope=Scope.READ, handle=list_page, query=PageQuery,
        summary="List subscribers, newest first", answers={200: SubscriberPage},
    ),
    Endpoint(
        method="GET", path="/v1/subscribers/{id}", operation="getSubscriber",
        scope=Scope.READ, handle=show,
        summary="Show a subscriber", answers={200: SubscriberSchema},
    ),
    Endpoint(
        method="PATCH", path="/v1/subscribers/{id}", operation="updateSubscriber",
        scope=Scope.ADMIN, handle=change, body=SubscriberPatch,
        summary="Change, pause or serve a subscriber again", answers={200: SubscriberSchema},
    ),
    Endpoint(
        method="POST", path="/v1/subscribers/{id}/rotate-secret", operation="rotateSubscriberSecret",
        scope=Scope.ADMIN, handle=rotate,
        summary="Give a subscriber a new secret", answers={200: SubscriberSchema},
    ),
    Endpoint(
        method="POST", path="/v1/subscribers/{id}/ping", operation="pingSubscriber",
        scope=Scope.ADMIN, handle=ping_one,
        summary="Send a subscriber a ping", refuses=(409,), answers={202: PingSchema},
    ),
    Endpoint(
        method="POST", path="/v1/subscribers/{id}/recover", operation="recoverSubscriber",
        scope=Scope.ADMIN, handle=recover, body=RecoverBody,
        summary="Send a subscriber everything again that it missed", refuses=(409,), answers={202: ReplaySchema},
    ),
    Endpoint(
        method="DELETE", path="/v1/subscribers/{id}", operation="deleteSubscriber",
        scope=Scope.ADMIN, handle=delete,
        summary="Delete a subscriber", answers={204: None},
    ),
)  # fmt: skip
