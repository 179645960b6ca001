"""Everything that is known to have happened to one generation, in order."""

from typing import Any

from service.core.event import public
from service.core.wire import Micros, from_json, rfc3339
from service.flow.tools import Tools
from service.store import deliveries, events, generations, observations
from service.store.base import Row
from service.store.deliveries import Attempt, Delivery
from service.store.observations import StoredWebhook

# What follows from what, for things that happened at the same microsecond.
ORDER = ("webhook", "observation", "event", "delivery", "attempt")


async def timeline(tools: Tools, generation_id: str) -> dict[str, Any]:
    """`{"generation": …, "data": [{"at", "what", "facts"}, …]}`. Raises Missing."""
    async with tools.store.reading() as tx:
        generation = (await generations.by_id(tx, generation_id)).generation
        happened: list[tuple[Micros, str, dict[str, Any]]] = [
            *(
                (row["at"], "observation", _observation(row))
                for row in await observations.observations_of(tx, generation_id)
            ),
            *(
                (seen.received_at, "webhook", _webhook(seen))
                for seen in await observations.webhooks_of(tx, generation_id)
            ),
            *(
                (event.at, "event", {"id": event.id, "type": event.type})
                for event in await events.events_of(tx, generation_id)
            ),
            *(
                (due.created_at, "delivery", _delivery(due))
                for due in await deliveries.of_generation(tx, generation_id)
            ),
            *((tried.at, "attempt", _attempt(tried)) for tried in await deliveries.attempts_of(tx, generation_id)),
        ]
    happened.sort(key=lambda entry: (entry[0], ORDER.index(entry[1])))
    entries = [{"at": rfc3339(at), "what": what, "facts": facts} for at, what, facts in happened]
    return {"generation": public(generation), "data": entries}


def _observation(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "origin": row["origin"],
        "status": row["status"],
        "provider_status": row["provider_status"],
        "finding": row["finding"],
        "believed": bool(row["believed"]),
        "webhook_id": row["webhook_id"],
        **from_json(row["reading"]),
    }


def _webhook(stored: StoredWebhook) -> dict[str, Any]:
    return {
        "id": stored.id,
        "verified_by": stored.verified_by,
        "refused_because": stored.refused_because,
        "finding": stored.finding,
        "unreadable_because": stored.unreadable_because,
        "bytes": len(stored.webhook.body),
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "subscriber_id": delivery.subscriber_id,
        "url": delivery.url,
        "attempts": delivery.attempts,
        "next_attempt_at": rfc3339(delivery.attempt_at),
        "delivered_at": rfc3339(delivery.delivered_at),
        "given_up_at": rfc3339(delivery.given_up_at),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery_id": attempt.delivery_id,
        "number": attempt.number,
        "duration_s": attempt.duration_s,
        "http_status": attempt.http_status,
        "error": attempt.error,
        "answer": attempt.answer,
    }
