from dataclasses import replace
import json

from msgspec import structs

from arrivals.core.event import EventType
from arrivals.core.observation import Finding
from arrivals.flow import context as module
from arrivals.flow.observation import read
from arrivals.flow.submission.order import stored
from arrivals.providers.contract import Trust
from arrivals.providers.eachlabs.predictions import PREDICTIONS
from arrivals.store import events, observations
from tests.conftest import run_worker
from tests.flow.conftest import SUCCEEDED
from tests.support.streams import SENSE


async def test_a_batch_is_settled_in_the_order_of_arrival(context, submitted, calls_back):
    generation_id = await submitted()
    for _ in range(3):
        await calls_back(generation_id, json.dumps(SUCCEEDED).encode())

    await run_worker(context, "read")

    async with context.store.reading() as tx:
        findings = [webhook.finding for webhook in await observations.webhooks_of(tx, generation_id)]
    assert [Finding.ADVANCED, Finding.REPEATED, Finding.REPEATED] == findings


async def test_a_webhook_read_by_two_processes_counts_once(context, submitted, calls_back):
    """Both have read it before either settled."""
    generation_id = await submitted()
    await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    batch = await read.claim(context, 10)

    await read.read(context, batch)
    await read.read(context, batch)

    async with context.store.reading() as tx:
        seen = await observations.observations_of(tx, generation_id)
        emitted = await events.events_of(tx, generation_id)
    assert ["submit", "webhook"] == [row["origin"] for row in seen]
    assert [EventType.COMPLETED] == [event.type for event in emitted]


async def test_a_webhook_of_a_forgotten_generation_is_stale(context, calls_back):
    kept = await calls_back("gen_forgotten", json.dumps(SUCCEEDED).encode())

    await run_worker(context, "read")

    async with context.store.reading() as tx:
        assert Finding.STALE == (await observations.webhook_by_id(tx, kept.id)).finding


async def test_a_webhook_of_an_account_that_was_removed_meanwhile_stays_readable_later(context, submitted, calls_back):
    generation_id = await submitted()
    kept = await calls_back(generation_id, json.dumps(SUCCEEDED).encode())

    await run_worker(replace(context, upstreams={}), "read")

    async with context.store.reading() as tx:
        webhook = await observations.webhook_by_id(tx, kept.id)
    assert webhook.unreadable_reason == "eachlabs has no account 'default' in the settings"
    assert "submitted" == (await stored(context, generation_id)).status


async def test_where_nothing_can_be_asked_the_token_alone_must_do(context, submitted, calls_back, monkeypatch):
    """A provider whose webhooks are unsigned and that cannot be polled: the event says `verified_by: token`."""
    adapter = replace(PREDICTIONS.adapter, poll=None)
    route = replace(PREDICTIONS, trust=Trust.HINT, adapter=adapter)
    generation_id = await submitted()
    kept = await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    async with context.store.transaction() as tx:
        webhook = structs.replace(await observations.webhook_by_id(tx, kept.id), verified_by=None)
    monkeypatch.setattr(module.Context, "route", lambda _self, _generation: route)

    await read.read(context, [webhook])

    generation = await stored(context, generation_id)
    assert ("completed", "token") == (generation.status, generation.verified_by)


async def test_a_webhook_on_a_route_without_webhooks_is_flagged_and_kept(context, ordered, calls_back):
    """Its provider has webhooks elsewhere, so somebody may know the secret."""
    generation_id = await ordered(**SENSE)
    kept = await calls_back(generation_id, json.dumps(SUCCEEDED).encode())

    await run_worker(context, "read")

    async with context.store.reading() as tx:
        webhook = await observations.webhook_by_id(tx, kept.id)
    assert "the route sense documents no webhooks" == webhook.unreadable_reason
    assert "pending" == (await stored(context, generation_id)).status


async def test_a_reader_that_fails_keeps_nobody_waiting(context, submitted, calls_back, monkeypatch):
    """A mistake of ours: the webhook is flagged and kept, those behind it are read."""
    bad, good = await submitted(), await submitted()
    kept = await calls_back(bad, b"{}")
    await calls_back(good, json.dumps(SUCCEEDED).encode())
    reader = PREDICTIONS.adapter.read_webhook

    def broken(webhook, target):
        if webhook.body == b"{}":
            raise ZeroDivisionError
        return reader(webhook, target)

    adapter = replace(PREDICTIONS.adapter, read_webhook=broken)
    route = replace(PREDICTIONS, adapter=adapter)
    monkeypatch.setattr(module.Context, "route", lambda _self, _generation: route)

    await run_worker(context, "read")

    async with context.store.reading() as tx:
        flagged = await observations.webhook_by_id(tx, kept.id)
    assert "its reader failed: ZeroDivisionError" == flagged.unreadable_reason
    assert "completed" == (await stored(context, good)).status
