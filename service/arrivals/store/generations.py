"""Generations ↔ rows: insert, load, save, claim. Functions take the transaction first, so that they compose."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
import structlog

from arrivals.core.failure import Failure
from arrivals.core.generation import Cost, Generation, GenerationKey, Held, Origin, Output, Status, VerifiedBy
from arrivals.core.metadata import searchable
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.store.engine.base import Overtaken, Row, Tx, fetch_by_id, fetch_one
from arrivals.store.engine.queries import load

log = structlog.get_logger()

SQL = load("generations")
LAST = "zzz"  # sorts after every id, also where a locale sorts signs before letters
NEVER: Micros = 2**62
MUCH_BYTES = 256 * 1024  # of an order; writing it takes about a millisecond

T = TypeVar("T")


class Schedule(Struct, frozen=True, kw_only=True):
    """The moments at which the next submission, poll and end of a bounded wait are due; None is never."""

    submit_at: Micros | None = None
    poll_at: Micros | None = None
    timeout_at: Micros | None = None


class Scheduled(Struct, frozen=True, kw_only=True):
    """A stored generation with its schedule, its submission tries and missed polls, and its last poll.

    `hinted`: 1 where a hint has requested a poll that was not made yet; more where polls after it said that nothing had
    changed. `asked_at`: the moment of the last poll. `running_at`: the last at which it was known to be under way.
    """

    generation: Generation
    schedule: Schedule
    submit_tries: int = 0
    poll_misses: int = 0
    hinted: int = 0
    asked_at: Micros | None = None
    running_at: Micros | None = None


def from_row(row: Row) -> Scheduled:
    """The generation of a row, with its schedule."""
    generation = Generation(
        id=row["id"],
        provider=row["provider"],
        account=row["account"],
        route=row["route"],
        model=row["model"],
        bulk_id=row["bulk_id"],
        status=Status(row["status"]),
        version=row["version"],
        external_id=row["external_id"],
        external_id_hinted=bool(row["external_id_hinted"]),
        provider_status=row["provider_status"],
        progress=row["progress"],
        queue_position=row["queue_position"],
        outputs=msgspec.json.decode(row["outputs"], type=tuple[Output, ...]),
        outputs_requested=row["outputs_requested"],
        failure=_optional(row["failure"], Failure),
        cost=_optional(row["cost"], Cost),
        provider_details=_optional(row["provider_details"], dict[str, Any]),
        metadata=from_json(row["metadata"]),
        callback_url=row["callback_url"],
        webhook_expected=bool(row["webhook_expected"]),
        learned_from=Origin(row["learned_from"]) if row["learned_from"] else None,
        verified_by=VerifiedBy(row["verified_by"]) if row["verified_by"] else None,
        late=bool(row["late"]),
        held=_optional(row["held"], Held),
        created_at=row["created_at"],
        submitted_at=row["submitted_at"],
        closed_at=row["closed_at"],
        deadline_at=row["deadline_at"],
        polls=row["polls"],
        api_key=row["api_key"],
        order_size=row["order_size"],
    )
    schedule = Schedule(submit_at=row["submit_at"], poll_at=row["poll_at"], timeout_at=row["timeout_at"])
    return Scheduled(
        generation=generation,
        schedule=schedule,
        submit_tries=row["submit_tries"],
        poll_misses=row["poll_misses"],
        hinted=row["hinted"],
        asked_at=row["asked_at"],
        running_at=row["running_at"],
    )


def readable(rows: Sequence[Row]) -> list[Scheduled]:
    """The readable ones of claimed rows: a corrupt row, or one with a newer version's word, stops no other."""
    scheduled = []
    for row in rows:
        try:
            scheduled.append(from_row(row))
        except (ValueError, msgspec.MsgspecError):
            log.exception("generation_unreadable", generation_id=row["id"])
    return scheduled


def _optional(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)


def _to_row(scheduled: Scheduled) -> dict[str, Any]:
    generation, schedule = scheduled.generation, scheduled.schedule
    return {
        **{name: getattr(generation, name) for name in PLAIN},
        "outputs": to_json(generation.outputs),
        "metadata": to_json(generation.metadata),
        "failure": to_json(generation.failure) if generation.failure else None,
        "failure_code": generation.failure.code if generation.failure else None,
        "cost": to_json(generation.cost) if generation.cost else None,
        "provider_details": to_json(generation.provider_details) if generation.provider_details else None,
        "external_id_hinted": int(generation.external_id_hinted),
        "held": to_json(generation.held) if generation.held else None,
        "webhook_expected": int(generation.webhook_expected),
        "late": int(generation.late),
        "ended": int(generation.held is not None and generation.held.believed),
        "submit_at": schedule.submit_at,
        "poll_at": schedule.poll_at,
        "timeout_at": schedule.timeout_at,
        "poll_misses": scheduled.poll_misses,
        "hinted": scheduled.hinted,
        "running_at": scheduled.running_at,
    }


# Columns that hold a field unchanged.
PLAIN = (
    "id", "provider", "account", "route", "model", "bulk_id", "status", "version", "external_id", "provider_status",
    "progress", "queue_position", "outputs_requested", "callback_url", "learned_from", "verified_by", "created_at",
    "submitted_at", "closed_at", "deadline_at", "polls", "api_key", "order_size",
)  # fmt: skip


async def insert(tx: Tx, scheduled: Scheduled, order_input: str) -> None:
    """Inserts a new generation and its order (JSON text)."""
    await tx.fetch(SQL["insert_generation"], **_to_row(scheduled))
    query = SQL["insert_order" if len(order_input) <= MUCH_BYTES else "insert_large_order"]
    await tx.fetch(query, generation_id=scheduled.generation.id, input=order_input)
    pairs = searchable(scheduled.generation.metadata)
    await tx.run_many(
        SQL["insert_metadata"],
        [{"key": key, "value": value, "generation_id": scheduled.generation.id} for key, value in pairs.items()],
    )


async def order_text(tx: Tx, generation_id: str) -> str:
    """The caller's order as JSON text."""
    text: str = (await fetch_one(tx, SQL["order_of"], generation_id=generation_id))["input"]
    return text


async def order_input(tx: Tx, generation_id: str) -> dict[str, Any]:
    """The fields of the caller's order."""
    fields: dict[str, Any] = from_json(await order_text(tx, generation_id))
    return fields


async def by_id(tx: Tx, generation_id: str) -> Scheduled:
    """One generation. Raises Missing."""
    return from_row(await fetch_by_id(tx, "generation", SQL["generation_by_id"], generation_id))


async def to_settle(tx: Tx, ids: Sequence[str]) -> dict[str, Scheduled]:
    """The generations among `ids` that exist, locked until the commit where several may write."""
    rows = await tx.fetch(SQL["generations_to_settle"], ids=to_json(sorted(set(ids))))
    return {row["id"]: from_row(row) for row in rows}


async def by_ids(tx: Tx, ids: Sequence[str]) -> dict[str, Generation]:
    """The generations among `ids` that exist."""
    rows = await tx.fetch(SQL["generations_by_ids"], ids=to_json(sorted(set(ids))))
    return {row["id"]: from_row(row).generation for row in rows}


async def ended(tx: Tx, ids: Sequence[str]) -> list[str]:
    """The ids among `ids` whose generations have closed or expired."""
    return [row["id"] for row in await tx.fetch(SQL["ended_of"], ids=to_json(ids))]


async def keys_of(tx: Tx, ids: Sequence[str]) -> dict[str, GenerationKey]:
    """The provider of each generation among `ids` that exists, and its identity there."""
    rows = await tx.fetch(SQL["keys_of"], ids=to_json(sorted(set(ids))))
    return {row["id"]: GenerationKey(**row) for row in rows}


async def save(tx: Tx, changed: Sequence[Scheduled]) -> None:
    """Saves what the state machine decided. Raises Overtaken when any of them was saved by another meanwhile."""
    written = await tx.run_many(SQL["save_generation"], [_to_row(scheduled) for scheduled in changed])
    if written != len(changed):
        raise Overtaken(f"{len(changed) - written} of {len(changed)} generations were saved by somebody else")


async def return_to_pending(
    tx: Tx, generation_id: str, submit_at: Micros, failure: Failure | None, *, tries: int
) -> bool:
    """Returns a generation to the queue after try number `tries`, which was certainly not accepted.

    False when a report about it arrived first, or it is back already.
    """
    text = to_json(failure) if failure else None
    query = SQL["return_to_pending"]
    return bool(await tx.fetch(query, id=generation_id, submit_at=submit_at, failure=text, tries=tries))


async def ask_once_more(tx: Tx, grace: Micros) -> bool:
    """Gives overdue generations that can be polled a grace, once, for a poll now. False if there were none."""
    now = await tx.now()
    return bool(await tx.fetch(SQL["ask_once_more"], now=now, grace_until=now + grace))


async def doubt_pending(tx: Tx, now: Micros) -> int:
    """Makes every pending generation one whose submission may have arrived. Returns their number."""
    return len(await tx.fetch(SQL["doubt_pending"], now=now))


async def return_unsent(tx: Tx, claimed: Scheduled, submit_at: Micros) -> bool:
    """Returns an unused claim to the queue. False when that claim was not made, or is over."""
    moment = claimed.generation.submitted_at
    query = SQL["return_unsent"]
    rows = await tx.fetch(
        query, id=claimed.generation.id, submit_at=submit_at, tries=claimed.submit_tries, claimed_at=moment
    )
    return bool(rows)


async def claim_overdue(tx: Tx, limit: int, lease: Micros) -> list[Generation]:
    """Leases generations whose bounded wait has ended."""
    now = await tx.now()
    rows = await tx.fetch(SQL["claim_overdue"], now=now, limit=limit, lease_until=now + lease)
    return [scheduled.generation for scheduled in readable(rows)]


async def look_later(tx: Tx, generation_id: str, timeout_at: Micros) -> None:
    """Postpones to `timeout_at` a generation whose bounded wait has ended but that cannot be settled."""
    await tx.fetch(SQL["look_later"], id=generation_id, timeout_at=timeout_at)


async def claim_poll_of(tx: Tx, generation_id: str, lease: Micros) -> Scheduled:
    """Leases one generation to be polled now, whatever its schedule. Raises Missing."""
    now = await tx.now()
    claim = SQL["claim_poll_of"]
    return from_row(await fetch_by_id(tx, "generation", claim, generation_id, now=now, lease_until=now + lease))


async def of_bulks(tx: Tx, bulk_ids: Sequence[str]) -> dict[str, list[Scheduled]]:
    """The generations of bulk orders, in the order of their inputs."""
    by_bulk: dict[str, list[Scheduled]] = {}
    for row in await tx.fetch(SQL["generations_of_bulks"], bulks=to_json(bulk_ids)) if bulk_ids else ():
        by_bulk.setdefault(row["bulk_id"], []).append(from_row(row))
    return by_bulk


async def answer_by(tx: Tx, generation_id: str, moment: Micros) -> None:
    """Ends the wait for a submission without a webhook at `moment`, or at its deadline if that is earlier."""
    await tx.fetch(SQL["answer_by"], id=generation_id, answer_by=moment)


async def still_submitting(tx: Tx, generation_id: str, moment: Micros) -> bool:
    """True if the submission still runs; then its answer may take until `moment`."""
    return bool(await tx.fetch(SQL["still_submitting"], id=generation_id, answer_by=moment))


async def poll_now(tx: Tx, generation_id: str, now: Micros) -> None:
    """Makes a poll due as soon as there is a place, if the generation can be polled."""
    await tx.fetch(SQL["poll_now"], id=generation_id, now=now)


async def hinted(tx: Tx, ids: Sequence[str], now: Micros, again: Micros) -> None:
    """Makes polls due as soon as there is a place, but not before `again` has passed since the last one."""
    await tx.run_many(SQL["hinted"], [{"id": generation_id, "now": now, "again": again} for generation_id in ids])


async def poll_later(tx: Tx, claimed: Scheduled, poll_at: Micros | None) -> None:
    """Moves a poll that was not answered to `poll_at`, or to never."""
    await tx.fetch(SQL["poll_later"], id=claimed.generation.id, poll_at=poll_at, lease_until=claimed.schedule.poll_at)
