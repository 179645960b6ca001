"""Databases as the benchmarks need them, made by the service and multiplied while it is down."""

from dataclasses import dataclass
from typing import Any

from arrivals.lab.bench.clone import Adjust, clone
from arrivals.lab.bench.environment import STORED_S, Died, Stage
from arrivals.lab.bench.load import send_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A subscriber that a benchmark needs."""

    url: str
    max_in_flight: int
    paused: bool = True


async def subscribe(stage: Stage, wanted: Wanted) -> str:
    """Makes a subscriber and returns its id."""
    made = await stage.call("POST", "/v1/subscribers", {"url": wanted.url, "max_in_flight": wanted.max_in_flight})
    if wanted.paused:
        await pause(stage, made["id"], paused=True)
    subscriber_id: str = made["id"]
    return subscriber_id


async def pause(stage: Stage, subscriber_id: str, *, paused: bool) -> None:
    """Pauses deliveries to a subscriber, or lets them go."""
    await stage.call("PATCH", f"/v1/subscribers/{subscriber_id}", {"paused": paused})


async def seed_generation(stage: Stage, word: str) -> None:
    """Orders a generation, sends its webhook, and waits until the webhook is read. Raises Died."""
    await stage.order(1)
    await post_webhook(stage, word)
    with stage.books() as books:
        unread = "read_at IS NULL"
        if not await stage.until(lambda: books.count("webhooks", unread) == 0, lambda: None, STORED_S):
            raise Died("the webhook of the first generation was never read")


async def post_webhook(stage: Stage, word: str) -> None:
    """Sends the provider's webhook about the last generation that was ordered."""
    tally = await send_all(stage.ports, 1, iter([stage.webhook(*stage.provider.callbacks[-1], word=word)]))
    if tally.ok != 1:
        raise Died("the webhook of the first generation was not taken")


def multiplied(stage: Stage, count: int, adjust: Adjust | None = None) -> list[str]:
    """Multiplies the generation to `count` and returns their external ids. The service must be down."""
    with stage.books() as books:
        return clone(books, count, adjust) if adjust else clone(books, count)


def sample(stage: Stage, table: str) -> dict[str, Any]:
    """Returns a row of the table."""
    with stage.books() as books:
        return books.all(table)[0]
