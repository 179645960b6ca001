import json

import pytest

from arrivals.core.subscriber import Subscriber
from arrivals.flow.admin.timeline import BEGINNING, read_place, timeline
from arrivals.store import subscribers
from arrivals.store.engine.pages import PAGE_MAX_BYTES
from arrivals.store.engine.queries import parse
from tests.conftest import run_worker
from tests.flow.conftest import SUCCEEDED

LONG = parse("""
-- name: first
UPDATE observations SET reading = REPLACE(reading, '"notes":[]', :notes) WHERE generation_id = :generation_id;
""")["first"]


async def test_everything_that_happened_in_order(context, clock, listener, submitted, calls_back):
    async with context.store.transaction() as tx:
        subscriber = Subscriber(
            id="sub_1", url=f"{listener.url}/x", secret=context.policy.callback_secrets[0], created_at=clock()
        )
        await subscribers.insert(tx, subscriber)
    generation_id = await submitted()
    clock.advance(1)
    await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    await run_worker(context, "read")
    listener.answers.append(204)
    clock.advance(1)
    await run_worker(context, "deliver")

    page = await timeline(context, generation_id)

    assert ["observation", "webhook", "observation", "event", "delivery", "attempt"] == [
        entry["type"] for entry in page["data"]
    ]
    assert "completed" == page["generation"]["status"]
    assert sorted(entry["at"] for entry in page["data"]) == [entry["at"] for entry in page["data"]]


async def test_it_is_told_page_by_page_without_gap_or_repeat(context, clock, listener, submitted, calls_back):
    async with context.store.transaction() as tx:
        subscriber = Subscriber(
            id="sub_1", url=f"{listener.url}/x", secret=context.policy.callback_secrets[0], created_at=clock()
        )
        await subscribers.insert(tx, subscriber)
    generation_id = await submitted()
    for _ in range(3):
        await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    await run_worker(context, "read")
    listener.answers += [500, 204]
    for _ in range(2):
        await run_worker(context, "deliver")
        clock.advance(10)
    whole = await timeline(context, generation_id)

    paged, behind = [], BEGINNING
    while True:
        page = await timeline(context, generation_id, behind, 2)
        paged += page["data"]
        assert len(page["data"]) <= 2
        if page["next"] is None:
            break
        behind = read_place(page["next"])

    assert (None, whole["data"]) == (whole["next"], paged)
    assert ["attempt"] * 2 == [entry["type"] for entry in paged[-2:]]


async def test_it_is_bounded_in_bytes_and_loads_no_body(context, submitted, calls_back):
    generation_id = await submitted()
    long = {**SUCCEEDED, "status": "failed", "error": "☂" * 100_000}
    for _ in range(3):
        await calls_back(generation_id, json.dumps(long).encode())
    async with context.store.transaction() as tx:
        notes = f'"notes":["{"x" * PAGE_MAX_BYTES}"]'
        await tx.fetch(LONG, generation_id=generation_id, notes=notes)

    first = await timeline(context, generation_id)
    second = await timeline(context, generation_id, read_place(first["next"]))

    assert (1, 3) == (len(first["data"]), len(second["data"]))
    assert len(json.dumps(second)) < 10_000


@pytest.mark.parametrize("cursor", ["", "1.2.3", "a.0.0.x", "1.-1.0.x", f"{2**70}.0.0.x", "\u0661.0.0.x"])
def test_a_cursor_that_is_none_is_refused(cursor):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, the caller is told what to send
        read_place(cursor)
