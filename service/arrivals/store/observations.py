"""Stored webhooks and observations ↔ rows."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, structs

from arrivals.core.event import public_failure
from arrivals.core.generation import VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.core.observation import Finding, Observation
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.store.engine.base import Row, Tx, fetch_by_id
from arrivals.store.engine.pages import Loading
from arrivals.store.engine.queries import load

SQL = load("observations")
TO_READ = Loading(measure=SQL["unread_webhooks"], load=SQL["webhooks_measured"])


class StoredWebhook(Struct, frozen=True, kw_only=True):
    """A provider's call as received, and what became of it.

    `quarantined_at`: it was refused (401) and is kept so that it can be verified again once the secret is corrected.
    `digest`: of its content, where it was compared with others; `repeats`: how many more are counted here, not kept.
    """

    id: str
    provider: str
    account: str
    generation_id: str
    received_at: Micros
    webhook: InboundWebhook
    verified_by: VerifiedBy | None = None
    quarantined_at: Micros | None = None
    refused_reason: str | None = None
    read_at: Micros | None = None
    finding: Finding | None = None
    unreadable_reason: str | None = None
    digest: str | None = None
    repeats: int = 0


def webhook_from_row(row: Row) -> StoredWebhook:
    """The webhook of a row."""
    return StoredWebhook(
        id=row["id"],
        provider=row["provider"],
        account=row["account"],
        generation_id=row["generation_id"],
        received_at=row["received_at"],
        webhook=InboundWebhook(headers=from_json(row["headers"]), body=bytes(row["body"])),
        verified_by=VerifiedBy(row["verified_by"]) if row["verified_by"] else None,
        quarantined_at=row["quarantined_at"],
        refused_reason=row["refused_reason"],
        read_at=row["read_at"],
        finding=Finding(row["finding"]) if row["finding"] else None,
        unreadable_reason=row["unreadable_reason"],
        digest=row["digest"],
        repeats=row["repeats"],
    )


async def insert_webhooks(tx: Tx, webhooks: Sequence[StoredWebhook]) -> None:
    """Stores webhooks as they came."""
    await tx.run_many(
        SQL["insert_webhook"],
        [
            {
                "id": stored.id,
                "provider": stored.provider,
                "account": stored.account,
                "generation_id": stored.generation_id,
                "received_at": stored.received_at,
                "headers": to_json(stored.webhook.headers),
                "body": stored.webhook.body,
                "verified_by": stored.verified_by,
                "quarantined_at": stored.quarantined_at,
                "refused_reason": stored.refused_reason,
                "digest": stored.digest,
            }
            for stored in webhooks
        ],
    )


async def trim_quarantine(tx: Tx, keep: int) -> None:
    """Deletes all but the newest refused webhooks."""
    await tx.fetch(SQL["trim_quarantine"], keep=keep)


async def unread(tx: Tx, limit: int) -> list[StoredWebhook]:
    """Accepted webhooks that were not read yet, oldest first, as many as are loaded at once."""
    return [webhook_from_row(row) for row in (await TO_READ.page(tx, limit, {})).items]


async def webhook_by_id(tx: Tx, webhook_id: str) -> StoredWebhook:
    """One stored webhook. Raises Missing."""
    return webhook_from_row(await fetch_by_id(tx, "webhook", SQL["webhook_by_id"], webhook_id))


async def webhooks_of(tx: Tx, generation_id: str) -> list[StoredWebhook]:
    """A generation's webhooks, in the order of their arrival."""
    return [webhook_from_row(row) for row in await tx.fetch(SQL["webhooks_of"], generation_id=generation_id)]


class Read(Struct, frozen=True, kw_only=True):
    """The result of reading a stored webhook: its finding, or the reason why it cannot be understood."""

    id: str
    read_at: Micros
    finding: Finding
    unreadable_reason: str | None = None


async def read_already(tx: Tx, webhook_ids: Sequence[str]) -> set[str]:
    """The ids of webhooks that were read before; all are locked until the commit where several may read them."""
    if not webhook_ids:
        return set()
    return {row["id"] for row in await tx.fetch(SQL["webhooks_being_read"], ids=to_json(webhook_ids)) if row["read_at"]}


async def mark_read(tx: Tx, results: Sequence[Read]) -> None:
    """Stores results of reading; a replayed webhook gets its new one."""
    await tx.run_many(SQL["webhook_read"], [structs.asdict(result) for result in results])


async def insert(tx: Tx, observed: Sequence[tuple[str, Observation, Finding]]) -> None:
    """Stores observations under their new ids, with their findings."""
    await tx.run_many(
        SQL["insert_observation"],
        [
            {
                "id": observation_id,
                "generation_id": observation.generation_id,
                "origin": observation.origin,
                "at": observation.at,
                "status": observation.reading.status,
                "provider_status": observation.reading.provider_status,
                "finding": finding,
                "believed": int(observation.believed),
                "webhook_id": observation.webhook_id,
                "reading": to_json(_reading(observation)),
            }
            for observation_id, observation, finding in observed
        ],
    )


def _reading(observation: Observation) -> dict[str, Any]:
    reading = observation.reading
    return {
        "external_id": reading.external_id,
        "progress": reading.progress,
        "queue_position": reading.queue_position,
        "outputs": len(reading.outputs),
        "notes": reading.notes,
        "failure": public_failure(reading.failure),
    }


async def observations_of(tx: Tx, generation_id: str) -> list[Row]:
    """A generation's observations, in the order of their arrival."""
    return await tx.fetch(SQL["observations_of"], generation_id=generation_id)
