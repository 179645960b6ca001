"""Subscribers: create, list, read, delete."""

from typing import Any

import msgspec
from starlette.responses import Response

from service.core.event import EventType
from service.core.wire import rfc3339
from service.flow.sign import SECRET_BYTES, make_secret
from service.store import subscribers
from service.store.generations import LAST
from service.store.subscribers import Subscriber
from service.web.auth import Scope
from service.web.endpoint import Call, Endpoint, json_response, page_response
from service.web.errors import invalid
from service.web.shapes import PageQuery, SubscriberBody, SubscriberPage, SubscriberShape

WANTABLE = (*EventType, "generation.*")


async def create(call: Call) -> Response:
    """201 with the signing secret, which is shown this once."""
    asked: SubscriberBody = call.body
    objection = call.tools.transport.destinations.objection(asked.url)
    if objection:
        raise invalid("url", objection)
    for index, event_type in enumerate(asked.event_types or ()):
        if event_type not in WANTABLE:
            raise invalid(f"event_types[{index}]", f"must be one of {', '.join(WANTABLE)}")
    subscriber = Subscriber(
        id=call.tools.make_id("sub"),
        url=asked.url,
        secret=make_secret(call.tools.entropy(SECRET_BYTES)),
        created_at=call.tools.now(),
        event_types=tuple(asked.event_types) if asked.event_types is not None else None,
        filter=msgspec.to_builtins(asked.filter) if asked.filter is not None else None,
        description=asked.description,
        max_in_flight=asked.max_in_flight,
        rate_per_s=asked.rate_per_s,
    )
    async with call.tools.store.transaction() as tx:
        await subscribers.insert(tx, subscriber)
    headers = {"location": f"/v1/subscribers/{subscriber.id}"}
    return json_response(_shown(subscriber) | {"secret": subscriber.secret}, 201, headers)


async def list_page(call: Call) -> Response:
    """Newest first."""
    query: PageQuery = call.query
    async with call.tools.store.reading() as tx:
        found = await subscribers.listed(tx, query.limit + 1, query.after or LAST)
    return page_response(found, query.limit, _shown)


async def show(call: Call) -> Response:
    """One subscriber."""
    async with call.tools.store.reading() as tx:
        subscriber = await subscribers.by_id(tx, call.path("id"))
    return json_response(_shown(subscriber))


async def delete(call: Call) -> Response:
    """204; what was not delivered to it is given up."""
    async with call.tools.store.transaction() as tx:
        await subscribers.delete(tx, call.path("id"), call.tools.now())
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
        "created_at": rfc3339(subscriber.created_at),
        "disabled_at": rfc3339(subscriber.disabled_at),
        "disabled_because": subscriber.disabled_because,
    }


ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1/subscribers", scope=Scope.ADMIN, handle=create, body=SubscriberBody,
        summary="Register a subscriber", answers={201: SubscriberShape},
    ),
    Endpoint(
        method="GET", path="/v1/subscribers", scope=Scope.READ, handle=list_page, query=PageQuery,
        summary="List subscribers, newest first", answers={200: SubscriberPage},
    ),
    Endpoint(
        method="GET", path="/v1/subscribers/{id}", scope=Scope.READ, handle=show,
        summary="Show a subscriber", answers={200: SubscriberShape},
    ),
    Endpoint(
        method="DELETE", path="/v1/subscribers/{id}", scope=Scope.ADMIN, handle=delete,
        summary="Delete a subscriber", answers={204: None},
    ),
)  # fmt: skip
