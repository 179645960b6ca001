"""Subscribers, deliveries and attempts ↔ rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.core.admission import deal
from service.core.event import EventType
from service.core.wire import SECOND, Micros, from_json, to_json
from service.store.base import Row, Tx, one
from service.store.generations import LAST
from service.store.sql import load

SQL = load("subscribers")
MAX_IN_FLIGHT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Who wants events. `event_types` None is all; `filter` names the provider, model or metadata wanted.

    `max_in_flight` deliveries at once, `rate_per_s` new ones a second at most. `secret` is `whsec_` + base64.
    """

    id: str
    url: str
    secret: str = field(repr=False)
    created_at: Micros
    event_types: tuple[str, ...] | None = None
    filter: Mapping[str, Any] | None = None
    description: str | None = None
    max_in_flight: int = MAX_IN_FLIGHT
    rate_per_s: float | None = None
    disabled_at: Micros | None = None
    disabled_because: str | None = None

    def wants(self, event_type: EventType, provider: str, model: str, metadata: Mapping[str, Any]) -> bool:
        """Whether an event about such a generation is for this subscriber; `generation.*` is every generation event."""
        if self.event_types is not None and event_type not in self.event_types:
            family = event_type.split(".")[0] + ".*"
            if family not in self.event_types:
                return False
        wanted = self.filter or {}
        named = {"provider": provider, "model": model}
        return all(wanted.get(name) in (None, value) for name, value in named.items()) and all(
            metadata.get(name) == value for name, value in (wanted.get("metadata") or {}).items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one subscriber. `attempt_at` None: nothing more will be tried. `url` is where it goes."""

    id: str
    event_id: str
    position: int
    generation_id: str
    subscriber_id: str
    url: str
    created_at: Micros
    attempts: int = 0
    attempt_at: Micros | None = None
    delivered_at: Micros | None = None
    given_up_at: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
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
    """What sending a delivery needs besides itself."""

    body: str
    secret: str = field(repr=False)
    registered: bool
    disabled: bool


async def insert(tx: Tx, subscriber: Subscriber) -> None:
    """A new subscriber."""
    await tx.fetch(
        SQL["insert_subscriber"],
        id=subscriber.id,
        kind="registered",
        url=subscriber.url,
        secret=subscriber.secret,
        event_types=to_json(subscriber.event_types) if subscriber.event_types is not None else None,
        filter=to_json(subscriber.filter) if subscriber.filter is not None else None,
        description=subscriber.description,
        max_in_flight=subscriber.max_in_flight,
        rate_per_s=subscriber.rate_per_s,
        created_at=subscriber.created_at,
    )


async def by_id(tx: Tx, subscriber_id: str) -> Subscriber:
    """One registered subscriber. Raises Missing."""
    return _from_row(await one(tx, SQL["subscriber_by_id"], id=subscriber_id))


async def listed(tx: Tx, limit: int, before: str = LAST) -> list[Subscriber]:
    """One page, newest first."""
    return [_from_row(row) for row in await tx.fetch(SQL["list_subscribers"], before=before, limit=limit)]


async def active(tx: Tx) -> list[Subscriber]:
    """Everybody registered who is served."""
    return [_from_row(row) for row in await tx.fetch(SQL["active_subscribers"])]


async def delete(tx: Tx, subscriber_id: str, now: Micros) -> None:
    """Forget a subscriber; what was not delivered to it is given up. Raises Missing."""
    await one(tx, SQL["delete_subscriber"], id=subscriber_id)
    await tx.fetch(SQL["give_up_deliveries_of"], subscriber_id=subscriber_id, now=now)


async def disable(tx: Tx, subscriber_id: str, now: Micros, because: str) -> bool:
    """Stop serving a subscriber; False when it was disabled before."""
    disabled = await tx.fetch(SQL["disable_subscriber"], id=subscriber_id, now=now, because=because)
    await tx.fetch(SQL["give_up_deliveries_of"], subscriber_id=subscriber_id, now=now)
    return bool(disabled)


async def callback_subscriber(tx: Tx, fresh: Subscriber) -> str:
    """The id that stands for all orders' callback URLs at one origin, made at its first use as `fresh` describes it."""
    await tx.fetch(
        SQL["insert_callback_subscriber"],
        id=fresh.id, url=fresh.url, secret=fresh.secret, max_in_flight=fresh.max_in_flight, created_at=fresh.created_at,
    )  # fmt: skip
    found: str = (await one(tx, SQL["callback_subscriber"], url=fresh.url))["id"]
    return found


async def insert_deliveries(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Deliveries that are due at once."""
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
                "created_at": delivery.created_at,
            }
            for delivery in deliveries
        ],
    )


async def claim(tx: Tx, limit: int, lease: Micros) -> list[Delivery]:
    """Deliveries to attempt now, for the length of a lease, within each subscriber's own limits.

    The attempt is counted with the claim, so an attempt that dies on the way is not made for free.
    """
    now = await tx.now()
    await tx.fetch(SQL["lock_subscribers_in_need"], now=now)
    in_need = await tx.fetch(SQL["subscribers_in_need"], now=now)
    claimed: list[Delivery] = []
    for row, places in zip(in_need, deal(limit, [_room(row, now) for row in in_need]), strict=True):
        if places == 0:
            continue
        rows = await tx.fetch(
            SQL["claim_deliveries"], subscriber_id=row["id"], now=now, lease_until=now + lease, limit=places
        )
        claimed += sorted((_delivery(found) for found in rows), key=lambda delivery: delivery.position)
        if row["rate_per_s"] and rows:
            spent = now + _owed(row, now) + len(rows) * _interval(row)
            await tx.fetch(SQL["subscriber_spent"], id=row["id"], spent_until=spent)
    return claimed


def _room(row: Row, now: Micros) -> int:
    """What a subscriber may take now; one that is failing gets a single delivery at a time until it answers again."""
    room: int = (1 if row["failing_since"] is not None else row["max_in_flight"]) - row["in_flight"]
    if row["rate_per_s"]:
        interval, owed = _interval(row), _owed(row, now)
        room = min(room, (SECOND - owed) // interval if interval <= SECOND else int(owed == 0))
    due: int = row["due"]
    return min(max(room, 0), due)


def _interval(row: Row) -> Micros:
    rate: float = row["rate_per_s"]
    return max(1, round(SECOND / rate))


def _owed(row: Row, now: Micros) -> Micros:
    """Bounded, so that a clock that jumped ahead and came back does not silence a subscriber."""
    spent_until: Micros = row["spent_until"]
    return min(max(spent_until - now, 0), max(SECOND, _interval(row)))


async def context_of(tx: Tx, delivery: Delivery) -> DeliveryContext:
    """What sending it needs. Raises Missing when its subscriber was deleted."""
    row = await one(tx, SQL["delivery_context"], event_id=delivery.event_id, subscriber_id=delivery.subscriber_id)
    return DeliveryContext(
        body=row["body"],
        secret=row["secret"],
        registered=row["kind"] == "registered",
        disabled=row["disabled_at"] is not None,
    )


async def record_attempt(tx: Tx, attempt: Attempt, delivery: Delivery) -> Micros | None:
    """Keep an attempt and what it means for its delivery; since when the subscriber has only failed, if it has."""
    await tx.fetch(SQL["insert_attempt"], **{name: getattr(attempt, name) for name in Attempt.__slots__})
    await tx.fetch(
        SQL["delivery_ended"],
        id=delivery.id,
        attempts=delivery.attempts,
        attempt_at=delivery.attempt_at,
        delivered_at=delivery.delivered_at,
        given_up_at=delivery.given_up_at,
    )
    if delivery.delivered_at is not None:
        await tx.fetch(SQL["subscriber_answered"], id=delivery.subscriber_id)
        return None
    rows = await tx.fetch(SQL["subscriber_failed"], id=delivery.subscriber_id, now=attempt.at)
    if delivery.given_up_at is not None:
        await tx.fetch(SQL["nothing_left_to_try"], id=delivery.subscriber_id)
    return rows[0]["failing_since"] if rows else None


async def deliveries_of(tx: Tx, generation_id: str) -> list[Delivery]:
    """A generation's deliveries in the order of their events."""
    return [_delivery(row) for row in await tx.fetch(SQL["deliveries_of"], generation_id=generation_id)]


async def attempts_of(tx: Tx, generation_id: str) -> list[Attempt]:
    """Every attempt of a generation's deliveries in order."""
    return [Attempt(**row) for row in await tx.fetch(SQL["attempts_of"], generation_id=generation_id)]


def _delivery(row: Row) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__slots__})


def _from_row(row: Row) -> Subscriber:
    return Subscriber(
        id=row["id"],
        url=row["url"],
        secret=row["secret"],
        created_at=row["created_at"],
        event_types=tuple(from_json(row["event_types"])) if row["event_types"] is not None else None,
        filter=from_json(row["filter"]) if row["filter"] is not None else None,
        description=row["description"],
        max_in_flight=row["max_in_flight"],
        rate_per_s=row["rate_per_s"],
        disabled_at=row["disabled_at"],
        disabled_because=row["disabled_because"],
    )
