"""Deliveries and attempts ↔ rows: one event for one subscriber, and each attempt at it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from msgspec import Struct, structs

from arrivals.core.breaker import Breaker
from arrivals.core.subscriber import Load, SigningKeys
from arrivals.core.wire import Micros, to_json
from arrivals.store.engine.base import Row, Tx, fetch_by_id, fetch_one
from arrivals.store.engine.pages import Page
from arrivals.store.engine.queries import load

SQL = load("deliveries")
MAX_ATTEMPTS_SHOWN = 200  # of one delivery; the schedule makes ten, people may request any number


class Delivery(Struct, frozen=True, kw_only=True):
    """One event for one subscriber. `attempt_at` None: nothing more will be tried. `url` is where it goes."""

    id: str
    event_id: str
    position: int
    generation_id: str
    subscriber_id: str
    url: str
    created_at: Micros
    event_type: str = ""
    attempt_count: int = 0
    attempt_at: Micros | None = None
    delivered_at: Micros | None = None
    given_up_at: Micros | None = None
    redelivered: bool = False


class Attempt(Struct, frozen=True, kw_only=True):
    """One try of a delivery. `error` names what went wrong; `answer` is the first 2 KiB of what came back."""

    delivery_id: str
    number: int
    at: Micros
    duration_s: float
    http_status: int | None = None
    error: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """The parts of a sending besides the delivery itself."""

    body: str
    keys: SigningKeys
    registered: bool
    disabled: bool


async def insert(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Inserts deliveries that are due at once."""
    await tx.run_many(
        SQL["insert_delivery"],
        [
            {
                "id": delivery.id,
                "event_id": delivery.event_id,
                "position": delivery.position,
                "generation_id": delivery.generation_id,
                "subscriber_id": delivery.subscriber_id,
                "url": delivery.url,
                "event_type": delivery.event_type,
                "created_at": delivery.created_at,
                "redelivered": int(delivery.redelivered),
            }
            for delivery in deliveries
        ],
    )


async def lock_in_need(tx: Tx) -> set[str]:
    """The subscribers with something due, locked until the commit where several may write."""
    return {row["id"] for row in await tx.fetch(SQL["lock_subscribers_in_need"], now=await tx.now())}


async def loads(tx: Tx, now: Micros, limit: int) -> list[Load]:
    """The load of each subscriber with something due; at most `limit` due deliveries of each are counted."""
    return [Load(**row) for row in await tx.fetch(SQL["subscribers_in_need"], now=now, limit=limit)]


async def claim(tx: Tx, subscriber_id: str, now: Micros, lease: Micros, limit: int) -> list[Delivery]:
    """Leases at most `limit` of a subscriber's due deliveries and returns them in order.

    The attempt is counted with the claim, so that one that dies on the way counts too.
    """
    rows = await tx.fetch(
        SQL["claim_deliveries"], subscriber_id=subscriber_id, now=now, lease_until=now + lease, limit=limit
    )
    return sorted((_delivery(row) for row in rows), key=lambda delivery: delivery.position)


async def save_spent(tx: Tx, subscriber_id: str, spent_until: Micros) -> None:
    """Saves how much of its rate a subscriber has used."""
    await tx.fetch(SQL["subscriber_spent"], id=subscriber_id, spent_until=spent_until)


async def contexts_of(tx: Tx, deliveries: Sequence[Delivery]) -> list[DeliveryContext | None]:
    """The context of each delivery; None where its subscriber was deleted."""
    event_ids = sorted({delivery.event_id for delivery in deliveries})
    subscriber_ids = sorted({delivery.subscriber_id for delivery in deliveries})
    bodies = {row["id"]: row["body"] for row in await tx.fetch(SQL["event_bodies"], ids=to_json(event_ids))}
    signing = {row["id"]: row for row in await tx.fetch(SQL["signing_subscribers"], ids=to_json(subscriber_ids))}
    return [_context(bodies.get(delivery.event_id), signing.get(delivery.subscriber_id)) for delivery in deliveries]


def _context(body: str | None, row: Row | None) -> DeliveryContext | None:
    if body is None or row is None:
        return None
    return DeliveryContext(
        body=body,
        keys=SigningKeys(**{name: row[name] for name in SigningKeys.__dataclass_fields__}),
        registered=row["kind"] == "registered",
        disabled=row["disabled_at"] is not None,
    )


async def record_attempts(tx: Tx, made: Sequence[tuple[Attempt, Delivery]]) -> None:
    """Keeps attempts and what they mean for their deliveries."""
    await tx.run_many(SQL["insert_attempt"], [structs.asdict(attempt) for attempt, _ in made])
    await tx.run_many(
        SQL["delivery_ended"],
        [
            {
                "id": delivery.id,
                "attempt_count": delivery.attempt_count,
                "attempt_at": delivery.attempt_at,
                "delivered_at": delivery.delivered_at,
                "given_up_at": delivery.given_up_at,
            }
            for _, delivery in made
        ],
    )


async def failing(tx: Tx, subscriber_id: str, now: Micros, error: str | None) -> tuple[Micros, Breaker] | None:
    """The moment since when a subscriber fails (`now`, if it did not) and its breaker; None if it is gone."""
    rows = await tx.fetch(SQL["subscriber_failed"], id=subscriber_id, now=now, error=error)
    if not rows:
        return None
    return rows[0]["failing_since"], Breaker(misses=rows[0]["misses"], open_until=rows[0]["open_until"])


async def save_breaker(tx: Tx, subscriber_id: str, breaker: Breaker) -> None:
    """Saves a subscriber's recent misses."""
    await tx.fetch(SQL["subscriber_missed"], id=subscriber_id, **asdict(breaker))


async def forgive_if_done(tx: Tx, subscriber_id: str) -> None:
    """Ends the failing of a subscriber for which nothing is left to try."""
    await tx.fetch(SQL["nothing_left_to_try"], id=subscriber_id)


async def by_id(tx: Tx, delivery_id: str) -> Delivery:
    """One delivery. Raises Missing."""
    return _delivery(await fetch_by_id(tx, "delivery", SQL["delivery_by_id"], delivery_id))


async def listed(tx: Tx, subscriber_id: str, standing: str | None, limit: int, before: str) -> Page[Delivery]:
    """One page of a subscriber's deliveries, newest first; `standing`: waiting, delivered or given_up."""
    rows = await tx.fetch(
        SQL["list_deliveries"], subscriber_id=subscriber_id, standing=standing, limit=limit + 1, before=before
    )
    return Page.of([_delivery(row) for row in rows], limit)


async def attempts_at(tx: Tx, delivery_id: str, limit: int = MAX_ATTEMPTS_SHOWN) -> list[Attempt]:
    """The latest attempts of one delivery, in order."""
    rows = await tx.fetch(SQL["attempts_at"], delivery_id=delivery_id, limit=limit)
    return [Attempt(**row) for row in reversed(rows)]


async def claim_one(tx: Tx, delivery_id: str, now: Micros, lease: Micros) -> Delivery | None:
    """Leases one delivery that was not made, whatever its schedule; None while it is on its way."""
    rows = await tx.fetch(SQL["claim_delivery"], id=delivery_id, now=now, lease_until=now + lease)
    return _delivery(rows[0]) if rows else None


async def first_open(tx: Tx, delivery: Delivery) -> str | None:
    """The id of the first delivery of an earlier event of the same generation that still waits; None if none does."""
    rows = await tx.fetch(
        SQL["first_open"],
        generation_id=delivery.generation_id, subscriber_id=delivery.subscriber_id, position=delivery.position,
    )  # fmt: skip
    return rows[0]["id"] if rows else None


async def make_due(tx: Tx, subscriber_id: str, now: Micros) -> int:
    """Makes due now whatever waits for a subscriber and is not on its way. Returns how many wait."""
    waiting: int = (await fetch_one(tx, SQL["waiting_of"], subscriber_id=subscriber_id))["waiting"]
    await tx.fetch(SQL["make_due"], subscriber_id=subscriber_id, now=now)
    return waiting


async def move(tx: Tx, subscriber_id: str, url: str) -> None:
    """Redirects a subscriber's waiting deliveries to its new URL."""
    await tx.fetch(SQL["move_deliveries"], subscriber_id=subscriber_id, url=url)


async def reached(tx: Tx, event_id: str, subscriber_id: str) -> bool:
    """True if a subscriber has received an event, or will."""
    return bool(await tx.fetch(SQL["reached"], event_id=event_id, subscriber_id=subscriber_id))


async def of_generation(tx: Tx, generation_id: str) -> list[Delivery]:
    """A generation's deliveries, in the order of their events."""
    return [_delivery(row) for row in await tx.fetch(SQL["deliveries_of"], generation_id=generation_id)]


async def attempts_of(tx: Tx, generation_id: str) -> list[Attempt]:
    """Every attempt of a generation's deliveries, in order."""
    return [Attempt(**row) for row in await tx.fetch(SQL["attempts_of"], generation_id=generation_id)]


def _delivery(row: Row) -> Delivery:
    values = {name: row[name] for name in Delivery.__struct_fields__}
    return Delivery(**values | {"redelivered": bool(row["redelivered"])})
