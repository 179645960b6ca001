"""Everything that is known to have happened to one generation, in order, page by page."""

from collections.abc import Sequence
from typing import Any

from arrivals.core.event import public
from arrivals.core.masking import masked_json
from arrivals.core.wire import from_json, micros, rfc3339
from arrivals.flow.context import Context
from arrivals.flow.exchange.masking import mask_of
from arrivals.flow.settlement.learn import read_in
from arrivals.store import generations, webhook_lists
from arrivals.store import timeline as store
from arrivals.store.engine.base import Row, Tx
from arrivals.store.generations import Scheduled
from arrivals.store.timeline import KINDS, Place
from arrivals.store.webhook_lists import WebhookFacts

BEGINNING = Place()
MAX_ENTRIES = 200
USUALLY = (0.1, 0.9)  # the shares of such work that are done by the two ends of what is expected
MAX_SHOWN = 2000  # characters of an answer


async def timeline(
    context: Context, generation_id: str, behind: Place = BEGINNING, limit: int = MAX_ENTRIES
) -> dict[str, Any]:
    """One page: `{"generation", "expected", "data": [{"at", "type", "details"}, …], "next"}`. Raises Missing."""
    await read_in(context)
    async with context.store.reading() as tx:
        scheduled = await generations.by_id(tx, generation_id)
        page = await store.places(tx, generation_id, behind, limit)
        facts = await _facts(tx, page.items)
    generation = scheduled.generation
    mask = mask_of(context, generation)  # older releases stored more of the answers unmasked
    entries = [
        {
            "at": rfc3339(place.at),
            "type": KINDS[place.kind],
            "details": masked_json(mask, facts[place.kind, place.id, place.number]),
        }
        for place in page.items
    ]
    return {
        "generation": public(generation),
        "expected": _expected(context, scheduled),
        "data": entries,
        "next": written(page.items[-1]) if page.more else None,
    }


def _expected(context: Context, scheduled: Scheduled) -> dict[str, str | None] | None:
    """When such work is usually done, and the next poll; None of what has ended or was not submitted yet."""
    generation, poll_at = scheduled.generation, scheduled.schedule.poll_at
    route = context.route_or_none(generation)
    if generation.ended or generation.submitted_at is None or route is None:
        return None
    forecast = context.process.knowledge.forecast(generation, route)
    usually = (generation.submitted_at + micros(forecast.quantile(share)) for share in USUALLY)
    earliest, latest = (rfc3339(moment) for moment in usually)
    next_poll_at = rfc3339(poll_at) if poll_at is not None else None
    return {"usually_done_from": earliest, "usually_done_until": latest, "next_poll_at": next_poll_at}


def written(place: Place) -> str:
    """A place as a cursor."""
    return f"{place.at}.{place.kind}.{place.number}.{place.id}"


def read_place(cursor: str) -> Place:
    """The place that a cursor names. Raises ValueError."""
    at, kind, number, name = cursor.split(".", 3)
    if not all(part.isdecimal() and part.isascii() and len(part) <= 18 for part in (at, kind, number)):  # noqa: PLR2004 - what fits into 63 bits
        raise ValueError(cursor)
    return Place(int(at), int(kind), int(number), name)


async def _facts(tx: Tx, places: Sequence[Place]) -> dict[tuple[int, str, int], dict[str, Any]]:
    """The details of each entry, by its kind, its id and its number."""
    facts: dict[tuple[str, str, int], dict[str, Any]] = {}
    webhooks = [place.id for place in places if KINDS[place.kind] == "webhook"]
    for seen in await webhook_lists.facts_of(tx, webhooks):
        facts["webhook", seen.id, 0] = _webhook(seen)
    for row in await store.observations_at(tx, places):
        facts["observation", row["id"], 0] = _observation(row)
    for row in await store.calls_at(tx, places):
        facts[row["kind"], row["id"], 0] = _call(row)
    for row in await store.events_at(tx, places):
        facts["event", row["id"], 0] = {"id": row["id"], "type": row["type"]}
    for row in await store.deliveries_at(tx, places):
        facts["delivery", row["id"], 0] = _delivery(row)
    for row in await store.attempts_at(tx, places):
        facts["attempt", row["delivery_id"], row["number"]] = _attempt(row)
    return {
        (place.kind, place.id, place.number): facts[KINDS[place.kind], place.id, _number(place)] for place in places
    }


def _number(place: Place) -> int:
    return place.number if KINDS[place.kind] == "attempt" else 0


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


def _webhook(stored: WebhookFacts) -> dict[str, Any]:
    return {
        "id": stored.id,
        "verified_by": stored.verified_by,
        "refused_reason": stored.refused_reason,
        "finding": stored.finding,
        "unreadable_reason": stored.unreadable_reason,
        "bytes": stored.size,
        "repeats": stored.repeats,
    }


def _call(row: Row) -> dict[str, Any]:
    """The details of a call. `body`: the beginning of the answer, where it is text."""
    return {
        "id": row["id"],
        "request": row["request"],
        "http_status": row["http_status"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "failure": from_json(row["failure"]) if row["failure"] else None,
        "bytes": row["size"],
        "body": _shown(row["body"]),
        "repeats": row["repeats"],
        "last_at": rfc3339(row["last_at"]),
    }


def _shown(body: Any) -> str | None:
    text = "" if body is None else bytes(body).decode(errors="replace")
    if body is None or "\x00" in text:
        return None
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _delivery(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "event_id": row["event_id"],
        "subscriber_id": row["subscriber_id"],
        "url": row["url"],
        "attempt_count": row["attempt_count"],
        "next_attempt_at": rfc3339(row["attempt_at"]),
        "delivered_at": rfc3339(row["delivered_at"]),
        "given_up_at": rfc3339(row["given_up_at"]),
    }


def _attempt(row: Row) -> dict[str, Any]:
    return {
        "delivery_id": row["delivery_id"],
        "number": row["number"],
        "duration_s": row["duration_s"],
        "http_status": row["http_status"],
        "error": row["error"],
        "answer": row["answer"],
    }
