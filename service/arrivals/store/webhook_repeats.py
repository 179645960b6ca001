"""Webhooks that are counted on one that is kept, instead of being kept themselves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arrivals.core.wire import Micros, to_json
from arrivals.store.engine.base import Tx
from arrivals.store.observations import SQL, StoredWebhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What is kept of one generation's hints since a moment; `last` is the id of the newest of them."""

    count: int = 0
    size: int = 0
    last: str = ""

    def and_then(self, one: StoredWebhook) -> "Hints":
        """With one more."""
        return Hints(count=self.count + 1, size=self.size + len(one.webhook.body), last=one.id)


async def same_as(tx: Tx, compared: Sequence[StoredWebhook]) -> dict[tuple[str, str], str]:
    """The ids of those that are kept already, by generation and digest."""
    rows = await tx.fetch(
        SQL["webhooks_alike"],
        generations=to_json(sorted({one.generation_id for one in compared})),
        digests=to_json(sorted({one.digest for one in compared if one.digest})),
    )
    return {(row["generation_id"], row["digest"]): row["id"] for row in rows}


async def hints_since(tx: Tx, generation_ids: Iterable[str], since: Micros) -> dict[str, Hints]:
    """What is kept of the hints about these generations, of those that were compared."""
    rows = await tx.fetch(SQL["hints_since"], generations=to_json(sorted(generation_ids)), since=since)
    return {row["generation_id"]: Hints(count=row["counted"], size=int(row["size"]), last=row["last"]) for row in rows}


async def count(tx: Tx, repeats: Mapping[str, int]) -> None:
    """So many more came like each of these, or beyond what is kept."""
    rows = [{"id": webhook_id, "repeats": counted} for webhook_id, counted in sorted(repeats.items())]
    await tx.run_many(SQL["count_repeats"], rows)
