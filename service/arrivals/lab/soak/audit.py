"""Compares the books as the soak goes on: what has come to rest is audited, then forgotten by all but the service.

So neither the stand-ins nor this process grow with the length of a soak.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from time import monotonic

import httpx

from arrivals.lab.bench.database import Row
from arrivals.lab.bench.environment import Died, Stage
from arrivals.lab.bench.figures import Figures
from arrivals.lab.demo.audit import CLOSING
from arrivals.lab.soak.subscribers import Healthy
from arrivals.lab.torture.application import Application
from arrivals.lab.torture.audit import NO_EXCUSE, Accepted, Accounts, Discrepancies, at_rest

RESTED_S = 8.0  # an order this old has had its late webhooks, and was not read again lately
ORDERS_AT_ONCE = 200  # so that no question to the database is long
ENDED = frozenset({"completed", "failed", "canceled", "expired"})
UNREAD = "read_at IS NULL AND quarantined_at IS NULL"
STANDING = "id, status, failure_code, submit_at, poll_at"


class Audit:
    """The orders that wait for their audit, and its results. After `patience_s`, an order is audited as it is."""

    def __init__(
        self, stage: Stage, rehearsal: str, application: Application, healthy: Healthy, *, patience_s: float
    ) -> None:
        self.discrepancies, self.generations = Discrepancies(), 0
        self._stage, self._patience_s = stage, patience_s
        self._application, self._healthy = application, healthy
        self._waiting: dict[str, tuple[float, list[Accepted]]] = {}  # by order: since when, its generations
        self._client = httpx.AsyncClient(base_url=rehearsal, timeout=30.0, trust_env=False)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def look(self, *, rested_s: float = RESTED_S) -> int:
        """Audits orders at rest for at least `rested_s` and returns how many still wait. Raises Died."""
        now = monotonic()
        for generation in self._application.taken():
            self._waiting.setdefault(generation.order.key, (now, []))[1].append(generation)
        old = [key for key, (since, _) in self._waiting.items() if now - since >= rested_s]
        keys = iter(old)
        while some := list(islice(keys, ORDERS_AT_ONCE)):
            rested = await self._at_rest(some)
            await self._audit([key for key in some if key in rested])
        return len(self._waiting)

    def figures(self) -> Figures:
        """The numbers of what was lost or doubled, and the first disagreements in words."""
        report = self.discrepancies.as_dict()
        with self._stage.books() as books:
            closing = ", ".join(f"'{name}'" for name in CLOSING)
            closed_again = books.repeated("events", "generation_id", f"type IN ({closing})")
        lost = ("acknowledged_webhooks_lost", "generations_lost", "deliveries_lost")
        return {
            "lost": sum(report[name] for name in lost) + report.get("other", 0),
            "doubled": report["provider_jobs_doubled"] + max(report["closing_events_doubled"], closed_again),
            "disagreements": report["disagreements"],
        }

    async def _at_rest(self, keys: Sequence[str]) -> set[str]:
        """Returns those of these orders that will not change any more, or were waited for long enough."""
        accepted = self._generations_of(keys)
        rows, unread, events = await asyncio.to_thread(self._standing, _ids(accepted))
        by_id = {row["id"]: row for row in rows}
        moving = {
            generation.order.key
            for generation in accepted
            if not _rests(by_id.get(generation.id))
            or generation.id in unread
            or events[generation.id] > len(self._healthy.events_of(generation.id))
        }
        late = monotonic() - self._patience_s
        return {key for key in keys if key not in moving or self._waiting[key][0] < late}

    async def _audit(self, keys: Sequence[str]) -> None:
        """Compares the books. The stand-ins are asked first, so that whatever they were answered is in the database."""
        accepted = self._generations_of(keys)
        if not accepted:
            return
        orders = [(generation.order.provider, generation.ref) for generation in accepted]
        try:
            answer = await self._client.post("/rehearsal/record/forget", json={"orders": orders})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Died(f"the stand-ins do not answer: {str(error) or type(error).__name__}") from error
        accounts = await asyncio.to_thread(self._accounts, accepted, answer.json()["jobs"])
        self.discrepancies.join(at_rest(accounts, NO_EXCUSE))
        self.generations += len(accepted)
        for generation in accepted:
            self._healthy.forget(generation.id)
        for key in keys:
            del self._waiting[key]

    def _generations_of(self, keys: Sequence[str]) -> list[Accepted]:
        return [generation for key in keys for generation in self._waiting[key][1]]

    def _standing(self, ids: str) -> tuple[list[Row], set[str], Counter[str]]:
        """Returns the rows of these generations, those with unread webhooks, and how many events each has."""
        with self._stage.books() as books:
            unread = books.pick("webhooks", "generation_id", f"{UNREAD} AND generation_id IN ({ids})")
            events = books.pick("events", "generation_id", f"generation_id IN ({ids})")
            rows = books.pick("generations", STANDING, f"id IN ({ids})")
        return rows, {row["generation_id"] for row in unread}, Counter(row["generation_id"] for row in events)

    def _accounts(self, accepted: Sequence[Accepted], jobs: Sequence[Row]) -> Accounts:
        ids = _ids(accepted)
        with self._stage.books() as books:
            stored = books.pick("webhooks", "generation_id", f"quarantined_at IS NULL AND generation_id IN ({ids})")
            return Accounts(
                accepted=accepted,
                jobs=jobs,
                generations=books.pick("generations", "id, status, failure_code", f"id IN ({ids})"),
                webhooks=Counter(row["generation_id"] for row in stored),
                events=books.pick("events", "id, type, generation_id", f"generation_id IN ({ids})"),
                delivered=[
                    {"id": event, "type": kind, "generation_id": generation.id}
                    for generation in accepted
                    for event, kind in self._healthy.events_of(generation.id).items()
                ],
            )


def _ids(accepted: Sequence[Accepted]) -> str:
    return ", ".join(f"'{generation.id}'" for generation in accepted) or "''"


def _rests(row: Row | None) -> bool:
    return row is not None and row["status"] in ENDED and row["submit_at"] is None and row["poll_at"] is None
