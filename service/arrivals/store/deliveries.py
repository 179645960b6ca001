"""Deliveries and attempts ↔ rows: one event for one subscriber, and each try of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from msgspec import Struct, structs

from arrivals.core.admission import Breaker, debt, round_robin
from arrivals.core.wire import SECOND, Micros, to_json
from arrivals.store import subscribers
from arrivals.store.engine.base import Row, Tx, one
from arrivals.store.engine.pages import Page
from arrivals.store.engine.queries import load

SQL = load("deliveries")
MAX_TRIES = 200  # of one delivery, as it is shown; the schedule makes ten, people may ask for any number


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
    """What sending a delivery needs besides itself."""

    body: str
    secret: str = field(repr=False)
    registered: bool
    disabled: bool
    previous_secret: str | None = field(default=None, repr=False)
    previous_until: Micros | None = None
    private_key: str | None = field(default=None, repr=False)
    previous_private_key: str | None = field(default=None, repr=False)

    def secrets(self, now: Micros) -> list[str]:
        """Those that sign now: after a rotation the old one too, for a day."""
        return [self.secret, *self._old(self.previous_secret, now)]

    def private_keys(self, now: Micros) -> list[str]:
        """Likewise, for `v1a`; none if the subscriber did not ask for it."""
        return [self.private_key, *self._old(self.previous_private_key, now)] if self.private_key else []

    def _old(self, key: str | None, now: Micros) -> list[str]:
        return [key] if key is not None and now < (self.previous_until or 0) else []


async def insert(tx: Tx, deliveries: Sequence[Delivery]) -> None:
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
                "event_type": delivery.event_type,
                "created_at": delivery.created_at,
                "redelivered": int(delivery.redelivered),
            }
            for delivery in deliveries
        ],
    )


async def claim(tx: Tx, limit: int, lease: Micros) -> list[Delivery]:
    """Deliveries to attempt now, for the length of a lease, within each subscriber's own limits.

    The attempt is counted with the claim, so an attempt that dies on the way is not made for free.
    """
    locked = {row["id"] for row in await tx.fetch(SQL["lock_subscribers_in_need"], now=await tx.now())}
    now = await tx.now()  # behind the lock, so that nobody's debt seems to be of a later moment
    # Who came into need meanwhile is not ours: to write to somebody out of turn is how two wait for each other.
    in_need = [row for row in await tx.fetch(SQL["subscribers_in_need"], now=now, limit=limit) if row["id"] in locked]
    claimed: list[Delivery] = []
    for row, places in zip(in_need, round_robin(limit, [_room(row, now) for row in in_need]), strict=True):
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
    passing = Breaker(misses=row["misses"], open_until=row["open_until"]).passing(now)
    most = row["max_in_flight"] if row["failing_since"] is None else 1 if passing is None else passing
    room: int = most - row["in_flight"]
    if row["rate_per_s"]:
        interval, owed = _interval(row), _owed(row, now)
        room = min(room, (SECOND - owed) // interval if interval <= SECOND else int(owed == 0))
    due: int = row["due"]
    return min(max(room, 0), due)


def _interval(row: Row) -> Micros:
    rate: float = row["rate_per_s"]
    return max(1, round(SECOND / rate))


def _owed(row: Row, now: Micros) -> Micros:
    return debt(row["spent_until"], now, max(SECOND, _interval(row)))


async def contexts_of(tx: Tx, wanted: Sequence[Delivery]) -> list[DeliveryContext | None]:
    """What sending each needs; None where its subscriber was deleted."""
    event_ids = sorted({delivery.event_id for delivery in wanted})
    subscriber_ids = sorted({delivery.subscriber_id for delivery in wanted})
    bodies = {row["id"]: row["body"] for row in await tx.fetch(SQL["event_bodies"], ids=to_json(event_ids))}
    signing = {row["id"]: row for row in await tx.fetch(SQL["signing_subscribers"], ids=to_json(subscriber_ids))}
    return [_context(bodies.get(one.event_id), signing.get(one.subscriber_id)) for one in wanted]


def _context(body: str | None, row: Row | None) -> DeliveryContext | None:
    if body is None or row is None:
        return None
    return DeliveryContext(
        body=body,
        secret=row["secret"],
        registered=row["kind"] == "registered",
        disabled=row["disabled_at"] is not None,
        previous_secret=row["previous_secret"],
        previous_until=row["previous_until"],
        private_key=row["private_key"],
        previous_private_key=row["previous_private_key"],
    )


async def record_attempts(tx: Tx, made: Sequence[tuple[Attempt, Delivery]]) -> list[Micros | None]:
    """Keep attempts and what they mean for their deliveries; since when each subscriber has only failed, if it has.

    Of each subscriber in the order in which they ended: what its breaker makes of them depends on it. Subscribers in
    the order of their ids, in which everybody takes their rows.
    """
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
    forgiven: set[str] = set()
    failing_since: list[Micros | None] = [None] * len(made)
    for place in sorted(range(len(made)), key=lambda place: made[place][1].subscriber_id):
        attempt, delivery = made[place]
        if delivery.delivered_at is None:
            forgiven.discard(delivery.subscriber_id)
            failing_since[place] = await _missed(tx, attempt, delivery)
        elif delivery.subscriber_id not in forgiven:
            await subscribers.forgive(tx, delivery.subscriber_id)
            forgiven.add(delivery.subscriber_id)
    return failing_since


async def _missed(tx: Tx, attempt: Attempt, delivery: Delivery) -> Micros | None:
    rows = await tx.fetch(SQL["subscriber_failed"], id=delivery.subscriber_id, now=attempt.at)
    if rows:
        breaker, now = Breaker(misses=rows[0]["misses"], open_until=rows[0]["open_until"]), await tx.now()
        if breaker.passing(now) != 0:  # while it is open, only what was begun before still comes to its end
            await tx.fetch(SQL["subscriber_missed"], id=delivery.subscriber_id, **asdict(breaker.missed(now)))
    if delivery.given_up_at is not None:
        await tx.fetch(SQL["nothing_left_to_try"], id=delivery.subscriber_id)
    return rows[0]["failing_since"] if rows else None


async def by_id(tx: Tx, delivery_id: str) -> Delivery:
    """One delivery. Raises Missing."""
    return _delivery(await one(tx, SQL["delivery_by_id"], id=delivery_id))


async def listed(tx: Tx, subscriber_id: str, standing: str | None, limit: int, before: str) -> Page[Delivery]:
    """One page of a subscriber's deliveries, newest first; `standing`: waiting, delivered or given_up."""
    rows = await tx.fetch(
        SQL["list_deliveries"], subscriber_id=subscriber_id, standing=standing, limit=limit + 1, before=before
    )
    return Page.of([_delivery(row) for row in rows], limit)


async def attempts_at(tx: Tx, delivery_id: str, limit: int = MAX_TRIES) -> list[Attempt]:
    """The latest attempts of one delivery in order."""
    rows = await tx.fetch(SQL["attempts_at"], delivery_id=delivery_id, limit=limit)
    return [Attempt(**row) for row in reversed(rows)]


async def attempt_now(tx: Tx, delivery_id: str, now: Micros) -> None:
    """Due at once, unless it is on its way."""
    await tx.fetch(SQL["attempt_now"], id=delivery_id, now=now)


async def move(tx: Tx, subscriber_id: str, url: str) -> None:
    """What waits for a subscriber goes to where it is now."""
    await tx.fetch(SQL["move_deliveries"], subscriber_id=subscriber_id, url=url)


async def reached(tx: Tx, event_id: str, subscriber_id: str) -> bool:
    """Whether a subscriber has an event, or will."""
    return bool(await tx.fetch(SQL["reached"], event_id=event_id, subscriber_id=subscriber_id))


async def of_generation(tx: Tx, generation_id: str) -> list[Delivery]:
    """A generation's deliveries in the order of their events."""
    return [_delivery(row) for row in await tx.fetch(SQL["deliveries_of"], generation_id=generation_id)]


async def attempts_of(tx: Tx, generation_id: str) -> list[Attempt]:
    """Every attempt of a generation's deliveries in order."""
    return [Attempt(**row) for row in await tx.fetch(SQL["attempts_of"], generation_id=generation_id)]


def _delivery(row: Row) -> Delivery:
    values = {name: row[name] for name in Delivery.__struct_fields__}
    return Delivery(**values | {"redelivered": bool(row["redelivered"])})
