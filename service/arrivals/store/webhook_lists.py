"""Stored webhooks for lists and timelines: everything but the headers and the body, which may be large."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from arrivals.core.generation import VerifiedBy
from arrivals.core.observation import Finding
from arrivals.core.wire import Micros, to_json
from arrivals.store.engine.base import Row, Tx
from arrivals.store.engine.pages import Page
from arrivals.store.generations import LAST, NEVER
from arrivals.store.observations import SQL


class WebhookFacts(Struct, frozen=True, kw_only=True):
    """A stored webhook without its content; `size` is the number of bytes of its body."""

    id: str
    provider: str
    account: str
    generation_id: str
    received_at: Micros
    size: int
    verified_by: VerifiedBy | None = None
    quarantined_at: Micros | None = None
    refused_reason: str | None = None
    read_at: Micros | None = None
    finding: Finding | None = None
    unreadable_reason: str | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookQuery:
    """A selection of stored webhooks; None is any. Newest first, from before the id `before`."""

    provider: str | None = None
    generation_id: str | None = None
    finding: str | None = None
    verification: str | None = None  # yes | no
    since: Micros = 0
    until: Micros = NEVER
    before: str = LAST
    limit: int = 50


async def listed(tx: Tx, listing: WebhookQuery) -> Page[WebhookFacts]:
    """One page, newest first."""
    values = {name: getattr(listing, name) for name in WebhookQuery.__slots__} | {"limit": listing.limit + 1}
    return Page.of([_facts(row) for row in await tx.fetch(SQL["list_webhooks"], **values)], listing.limit)


async def facts_of(tx: Tx, webhook_ids: Sequence[str]) -> list[WebhookFacts]:
    """The facts of these webhooks."""
    return [_facts(row) for row in await tx.fetch(SQL["webhook_facts"], ids=to_json(webhook_ids))]


def _facts(row: Row) -> WebhookFacts:
    return WebhookFacts(
        **{
            **row,
            "verified_by": VerifiedBy(row["verified_by"]) if row["verified_by"] else None,
            "finding": Finding(row["finding"]) if row["finding"] else None,
        }
    )
