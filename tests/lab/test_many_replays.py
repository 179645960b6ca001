"""Ten thousand stored webhooks, replayed twice, once with a death in the middle: nothing is announced again."""

from collections import Counter
import json

import pytest

from arrivals.core.generation import Status, VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.flow.admin import replay as replaying
from arrivals.flow.admin.replay import start
from arrivals.store import events, observations, replays
from arrivals.store.replays import Filters, ReplayKind, ReplayStatus
from tests.conftest import START, context_over, run_worker
from tests.support.databases import reopened
from tests.support.examples import keep, scheduled, webhook

GENERATIONS, WORDS = 2500, 4
WEBHOOKS = GENERATIONS * WORDS
LEASE_S = 60
OUTPUT = {"url": "https://storage.example.com/1.jpg"}
# What one provider says about each of its generations: the closing word twice, a lie after it, and nonsense.
SAID = (
    {"exec_id": "el-1", "status": "succeeded", "output": OUTPUT},
    {"exec_id": "el-1", "status": "succeeded", "output": OUTPUT},
    {"exec_id": "el-1", "status": "failed", "error": "changed our mind"},
    "nonsense",
)
FINDINGS = {"repeated": 2 * GENERATIONS, "conflicting": GENERATIONS, "unreadable": GENERATIONS}


@pytest.fixture
async def full(context, store):
    """A database in which all of them were read and settled."""
    facts = {
        "provider": "eachlabs", "route": "predictions", "model": "flux-1-1-pro", "status": Status.SUBMITTED,
        "external_id": "el-1", "deadline_at": START * 2,
    }  # fmt: skip
    await keep(store, *(scheduled(f"{number:04}", **facts) for number in range(GENERATIONS)))
    async with store.transaction() as tx:
        for number in range(WEBHOOKS):
            said = SAID[number // GENERATIONS]
            came = webhook(
                f"{number:05}",
                provider="eachlabs",
                generation_id=f"gen_{number % GENERATIONS:04}",
                verified_by=VerifiedBy.SECRET,
                received_at=START + number,
                webhook=InboundWebhook(body=json.dumps(said).encode()),
            )
            await observations.insert_webhooks(tx, [came])
    while await run_worker(context, "read"):
        pass
    return store


async def announced(context):
    """Every event's generation and type, in order."""
    async with context.store.reading() as tx:
        return [
            (event.generation_id, event.type) for _, event in (await events.page_after(tx, 0, 10 * WEBHOOKS)).events
        ]


async def stands(context, replay):
    async with context.store.reading() as tx:
        return await replays.by_id(tx, replay.id)


@pytest.mark.timeout(120)
async def test_ten_thousand_webhooks_replayed_twice_announce_nothing_again(full, context, clock, transport, upstream):
    clock.advance(60)
    before = await announced(context)

    first = await start(context, ReplayKind.WEBHOOKS, Filters())
    while await run_worker(context, "replay"):
        pass
    second = await start(context, ReplayKind.WEBHOOKS, Filters())
    for _ in range(20):
        await run_worker(context, "replay")
    (under_way,) = await replaying.claim(context, 1)  # and here the process ends

    async with reopened(full, clock) as again:
        restarted = context_over(again, transport, clock, upstream.url)
        assert 0 == await run_worker(restarted, "replay")
        clock.advance(LEASE_S)
        while await run_worker(restarted, "replay"):
            pass
        finished = [await stands(restarted, replay) for replay in (first, second)]
        after = await announced(restarted)

    assert 20 * replaying.BATCH == under_way.done
    assert [(ReplayStatus.FINISHED, WEBHOOKS, WEBHOOKS)] * 2 == [
        (replay.status, replay.total, replay.done) for replay in finished
    ]
    assert [FINDINGS] * 2 == [replay.findings for replay in finished]
    assert {"generation.completed": GENERATIONS} == Counter(word for _, word in before)
    assert before == after
