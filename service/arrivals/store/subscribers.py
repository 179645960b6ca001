"""Subscribers ↔ rows."""

from arrivals.core.subscriber import Subscriber
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.store.engine.base import Row, Tx, fetch_by_id, fetch_one
from arrivals.store.engine.pages import Loading, Page, of_rows
from arrivals.store.engine.queries import load
from arrivals.store.generations import LAST

SQL = load("subscribers")
LIST = Loading(measure=SQL["list_subscribers"], load=SQL["subscribers_listed"])


async def insert(tx: Tx, subscriber: Subscriber) -> None:
    """Inserts a new subscriber."""
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
        private_key=subscriber.private_key,
        created_at=subscriber.created_at,
    )


async def update(tx: Tx, subscriber: Subscriber) -> None:
    """Writes the changeable fields of a subscriber. Raises Missing."""
    await fetch_by_id(
        tx,
        "subscriber",
        SQL["update_subscriber"],
        subscriber.id,
        url=subscriber.url,
        secret=subscriber.secret,
        previous_secret=subscriber.previous_secret,
        previous_until=subscriber.previous_until,
        private_key=subscriber.private_key,
        previous_private_key=subscriber.previous_private_key,
        event_types=to_json(subscriber.event_types) if subscriber.event_types is not None else None,
        filter=to_json(subscriber.filter) if subscriber.filter is not None else None,
        description=subscriber.description,
        max_in_flight=subscriber.max_in_flight,
        rate_per_s=subscriber.rate_per_s,
        paused_at=subscriber.paused_at,
        disabled_at=subscriber.disabled_at,
        disabled_reason=subscriber.disabled_reason,
    )


async def by_id(tx: Tx, subscriber_id: str) -> Subscriber:
    """One registered subscriber. Raises Missing."""
    return _from_row(await fetch_by_id(tx, "subscriber", SQL["subscriber_by_id"], subscriber_id))


async def listed(tx: Tx, limit: int, before: str = LAST) -> Page[Subscriber]:
    """One page, newest first."""
    return of_rows(await LIST.page(tx, limit, {"before": before}), _from_row)


async def active(tx: Tx) -> list[Subscriber]:
    """The registered subscribers that are served."""
    return [_from_row(row) for row in await tx.fetch(SQL["active_subscribers"])]


async def delete(tx: Tx, subscriber_id: str, now: Micros) -> None:
    """Deletes a subscriber; what was not delivered to it is given up. Raises Missing."""
    await _give_up(tx, subscriber_id, now)
    await fetch_by_id(tx, "subscriber", SQL["delete_subscriber"], subscriber_id)
    await _give_up(tx, subscriber_id, now)


async def disable(tx: Tx, subscriber_id: str, now: Micros, reason: str) -> bool:
    """Stops serving a subscriber. False when it was disabled before."""
    await _give_up(tx, subscriber_id, now)
    disabled = await tx.fetch(SQL["disable_subscriber"], id=subscriber_id, now=now, reason=reason)
    await _give_up(tx, subscriber_id, now)
    return bool(disabled)


async def _give_up(tx: Tx, subscriber_id: str, now: Micros) -> None:
    """Gives up a subscriber's deliveries: before its row is locked, as every recorded attempt does, or two would wait
    for each other; and once more after it, for what was announced meanwhile.
    """
    await tx.fetch(SQL["give_up_deliveries_of"], subscriber_id=subscriber_id, now=now)


async def forgive(tx: Tx, subscriber_id: str) -> None:
    """Serves a subscriber again as if it had never failed."""
    await tx.fetch(SQL["forgive_subscriber"], id=subscriber_id)


async def callback_subscriber(tx: Tx, fresh: Subscriber) -> str:
    """The id of the subscriber for all callback URLs at one origin, inserted at first use as `fresh` describes it."""
    await tx.fetch(
        SQL["insert_callback_subscriber"],
        id=fresh.id, url=fresh.url, secret=fresh.secret, max_in_flight=fresh.max_in_flight, created_at=fresh.created_at,
    )  # fmt: skip
    subscriber_id: str = (await fetch_one(tx, SQL["callback_subscriber"], url=fresh.url))["id"]
    return subscriber_id


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
        disabled_reason=row["disabled_reason"],
        previous_secret=row["previous_secret"],
        previous_until=row["previous_until"],
        private_key=row["private_key"],
        previous_private_key=row["previous_private_key"],
        paused_at=row["paused_at"],
    )
