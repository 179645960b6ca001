"""Webhooks that are counted on a stored one instead of being stored themselves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arrivals.core.wire import Micros, to_json
from arrivals.store.engine.base import Tx
from arrivals.store.observations import SQL, StoredWebhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """The stored hints about one generation since a moment; `last` is the id of the newest."""

    count: int = 0
    size: int = 0
    last: str = ""

    def plus(self, stored: StoredWebhook) -> "Hints":
        """The same with one more."""
        return Hints(count=self.count + 1, size=self.size + len(stored.webhook.body), last=stored.id)


async def same_as(tx: Tx, webhooks: Sequence[StoredWebhook]) -> dict[tuple[str, str], str]:
    """The ids of those that are stored already, by generation and digest."""
    rows = await tx.fetch(
        SQL["webhooks_alike"],
        generations=to_json(sorted({webhook.generation_id for webhook in webhooks})),
        digests=to_json(sorted({webhook.digest for webhook in webhooks if webhook.digest})),
    )
    return {(row["generation_id"], row["digest"]): row["id"] for row in rows}


async def hints_since(tx: Tx, generation_ids: Iterable[str], since: Micros) -> dict[str, Hints]:
    """The stored hints about these generations, among those that were compared."""
    rows = await tx.fetch(SQL["hints_since"], generations=to_json(sorted(generation_ids)), since=since)
    return {row["generation_id"]: Hints(count=row["counted"], size=int(row["size"]), last=row["last"]) for row in rows}


async def count(tx: Tx, repeats: Mapping[str, int]) -> None:
    """Adds to the repeats of each stored webhook those that came again, or beyond what is stored."""
    rows = [{"id": webhook_id, "repeats": counted} for webhook_id, counted in sorted(repeats.items())]
    await tx.run_many(SQL["count_repeats"], rows)
