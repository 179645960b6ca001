import json

from service.flow.timeline import timeline
from service.store import subscribers
from service.store.subscribers import Subscriber
from tests.conftest import run_worker
from tests.flow.conftest import SUCCEEDED


async def test_everything_that_happened_in_order(tools, clock, listener, submitted, calls_back):
    async with tools.store.transaction() as tx:
        subscriber = Subscriber(id="sub_1", url=f"{listener.url}/x", secret=tools.callback_secret, created_at=clock())
        await subscribers.insert(tx, subscriber)
    generation_id = await submitted()
    clock.advance(1)
    await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    await run_worker(tools, "read")
    listener.answers.append(204)
    clock.advance(1)
    await run_worker(tools, "deliver")

    told = await timeline(tools, generation_id)

    assert ["observation", "webhook", "observation", "event", "delivery", "attempt"] == [
        entry["what"] for entry in told["data"]
    ]
    assert "completed" == told["generation"]["status"]
    assert sorted(entry["at"] for entry in told["data"]) == [entry["at"] for entry in told["data"]]
