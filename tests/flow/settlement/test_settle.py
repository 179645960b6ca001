from dataclasses import replace

from msgspec import structs
import pytest
from starlette.responses import JSONResponse

from arrivals.core.generation import Origin, Status
from arrivals.core.observation import Finding, Observation, Reading
from arrivals.flow.observation import expire, poll
from arrivals.flow.settlement.settle import settle
from arrivals.flow.submission import submit
from arrivals.flow.submission.order import stored
from arrivals.store import deliveries, events, generations, observations
from arrivals.store.engine.base import Overtaken, Unavailable
from tests.conftest import run_worker


def heard(context, generation_id, status, **reading):
    return Observation(
        generation_id=generation_id, origin=Origin.POLL, at=context.now(), reading=Reading(status=status, **reading)
    )


async def test_a_batch_is_decided_in_order_in_one_transaction(context, submitted):
    first, second = await submitted(), await submitted()

    findings = await settle(
        context,
        [
            heard(context, first, Status.PROCESSING),
            heard(context, second, Status.FAILED),
            heard(context, first, Status.PROCESSING),
            heard(context, first, Status.CANCELED),
            heard(context, second, Status.CANCELED),
            heard(context, "gen_nobody", Status.FAILED),
        ],
    )

    assert [
        Finding.ADVANCED, Finding.ADVANCED, Finding.REPEATED, Finding.ADVANCED, Finding.CONFLICTING, Finding.STALE,
    ] == findings  # fmt: skip
    async with context.store.reading() as tx:
        emitted = [(event.generation_id, event.type) for _, event in (await events.page_after(tx, 0, 10)).events]
    assert [
        (first, "generation.processing"), (second, "generation.failed"), (first, "generation.canceled"),
    ] == emitted  # fmt: skip


async def test_nothing_to_settle_is_nothing(context):
    assert [] == await settle(context, [])


async def test_one_bad_row_stops_nobody(context, submitted):
    """A reading that cannot be stored fails alone; those before and after it are settled."""
    before, bad, after = await submitted(), await submitted(), await submitted()
    unstorable = heard(context, bad, Status.PROCESSING, provider_status="\ud800")
    batch = [heard(context, before, Status.PROCESSING), unstorable, heard(context, after, Status.PROCESSING)]

    with pytest.raises(UnicodeEncodeError):
        await settle(context, batch)

    statuses = [(await stored(context, generation_id)).status for generation_id in (before, bad, after)]
    assert [Status.PROCESSING, Status.SUBMITTED, Status.PROCESSING] == statuses


async def test_a_webhook_that_cannot_be_settled_is_set_aside(context, submitted, calls_back):
    """The webhook is flagged and not read again; its bytes stay."""
    generation_id = await submitted()
    kept = await calls_back(generation_id, b"{}")
    unstorable = heard(context, generation_id, Status.PROCESSING, provider_status="\ud800")

    with pytest.raises(UnicodeEncodeError):
        await settle(context, [structs.replace(unstorable, webhook_id=kept.id)])

    async with context.store.reading() as tx:
        webhook = await observations.webhook_by_id(tx, kept.id)
    assert "it could not be settled: UnicodeEncodeError" == webhook.unreadable_reason
    assert 0 == await run_worker(context, "read")


async def test_a_batch_that_fails_as_a_whole_is_settled_one_by_one(context, submitted, monkeypatch):
    first, second = await submitted(), await submitted()
    save = generations.save

    async def one_at_a_time(tx, changed):
        if len(changed) > 1:
            raise OSError("too much at once")
        await save(tx, changed)

    monkeypatch.setattr(generations, "save", one_at_a_time)

    findings = await settle(
        context, [heard(context, generation_id, Status.PROCESSING) for generation_id in (first, second)]
    )

    assert [Finding.ADVANCED, Finding.ADVANCED] == findings


async def test_a_lost_race_is_decided_again(context, submitted, monkeypatch):
    generation_id = await submitted()
    saves = []
    save = generations.save

    async def overtaken_once(tx, changed):
        saves.append(len(changed))
        if len(saves) == 1:
            raise Overtaken
        await save(tx, changed)

    monkeypatch.setattr(generations, "save", overtaken_once)

    assert [Finding.ADVANCED] == await settle(context, [heard(context, generation_id, Status.PROCESSING)])
    assert [1, 1] == saves


async def test_polls_are_woken_only_for_one_that_is_due(context, submitted):
    """Looking for due polls costs a transaction, which hardly any webhook is a reason for."""
    polled, hinted = await submitted(), await submitted()
    heard_before = context.store.version("poll")

    await settle(context, [heard(context, polled, Status.PROCESSING)])
    assert heard_before == context.store.version("poll")

    hint = structs.replace(heard(context, hinted, Status.COMPLETED), origin=Origin.WEBHOOK, believed=False)
    await settle(context, [hint])
    assert heard_before + 1 == context.store.version("poll")


async def test_a_generation_of_a_removed_account_still_expires(context, clock, submitted, gives_up):
    generation_id = await submitted()
    clock.advance(3600)

    await gives_up(replace(context, upstreams={}))

    assert Status.EXPIRED == (await stored(context, generation_id)).status


async def test_a_database_that_is_away_costs_no_webhook(context, submitted, calls_back, monkeypatch):
    """The webhook is not at fault: it stays unread until the database can be used again."""
    generation_id = await submitted()
    await calls_back(generation_id, b'{"exec_id": "el-1", "status": "failed", "output": [{"error": "x"}]}')
    save = generations.save

    async def away(tx, changed):
        raise Unavailable

    monkeypatch.setattr(generations, "save", away)
    await run_worker(context, "read")
    monkeypatch.setattr(generations, "save", save)

    assert 1 == await run_worker(context, "read")
    async with context.store.reading() as tx:
        (webhook,) = await observations.webhooks_of(tx, generation_id)
    assert Finding.HELD == webhook.finding


async def test_an_answer_that_comes_after_the_clock_was_asked_is_not_lost(context, clock, upstream, ordered):
    """Accepted work goes on being polled, whichever came first."""
    generation_id = await ordered(provider="aihubmix", model="wan2.6-t2v")
    (claimed,) = await submit.claim(context, 10)
    clock.advance(100)
    overdue = await expire.claim(context, 10)
    upstream.answers.append((200, {"id": "ah-1", "status": "queued"}))
    await submit.submit(context, claimed)

    await expire.expire(context, overdue)

    generation = await stored(context, generation_id)
    assert (Status.SUBMITTED, "ah-1") == (generation.status, generation.external_id)
    clock.advance(60)
    assert 1 == len(await poll.claim(context, 10))


async def test_an_answer_that_comes_after_the_end_of_its_wait_is_asked_about_until_the_deadline(
    context, clock, upstream, ordered
):
    generation_id = await ordered(provider="aihubmix", model="wan2.6-t2v")
    (claimed,) = await submit.claim(context, 10)

    async def answers_late(scope, receive, send):
        clock.advance(100)
        await run_worker(context, "expire")
        assert Status.EXPIRED == (await stored(context, generation_id)).status
        await JSONResponse({"id": "ah-1", "status": "queued"})(scope, receive, send)

    upstream.answers += [
        answers_late,
        (200, {"id": "ah-1", "status": "completed", "url": "https://cdn.example.com/1.mp4"}),
    ]

    await submit.submit(context, claimed)
    clock.advance(60)
    await run_worker(context, "poll")

    generation = await stored(context, generation_id)
    assert (Status.COMPLETED, True) == (generation.status, generation.late)


async def test_orders_of_one_callback_origin_share_its_subscriber_within_a_batch(context, listener, submitted):
    ids = [await submitted(callback_url=f"{listener.url}/{name}") for name in "ab"]

    await settle(context, [heard(context, generation_id, Status.FAILED) for generation_id in ids])

    async with context.store.reading() as tx:
        due = [delivery for generation_id in ids for delivery in await deliveries.of_generation(tx, generation_id)]
    assert [f"{listener.url}/a", f"{listener.url}/b"] == [delivery.url for delivery in due]
    assert 1 == len({delivery.subscriber_id for delivery in due})
