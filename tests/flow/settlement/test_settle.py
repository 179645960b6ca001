from dataclasses import replace

from msgspec import structs
import pytest
from starlette.responses import JSONResponse

from arrivals.core.generation import Origin, Output, Status
from arrivals.core.observation import Finding, Observation, Reading
from arrivals.flow.observation import expire, poll
from arrivals.flow.settlement.settle import settle
from arrivals.flow.submission import submit
from arrivals.flow.submission.order import stored
from arrivals.store import accounts, deliveries, events, generations, observations
from arrivals.store.engine.base import Overtaken, Unavailable
from tests.conftest import run_worker


def heard(tools, generation_id, status, **reading):
    return Observation(
        generation_id=generation_id, origin=Origin.POLL, at=tools.now(), reading=Reading(status=status, **reading)
    )


async def test_a_batch_is_decided_in_order_in_one_transaction(tools, submitted):
    first, second = await submitted(), await submitted()

    findings = await settle(
        tools,
        [
            heard(tools, first, Status.PROCESSING),
            heard(tools, second, Status.FAILED),
            heard(tools, first, Status.PROCESSING),
            heard(tools, first, Status.CANCELED),
            heard(tools, second, Status.CANCELED),
            heard(tools, "gen_nobody", Status.FAILED),
        ],
    )

    assert [
        Finding.ADVANCED, Finding.ADVANCED, Finding.REPEATED, Finding.ADVANCED, Finding.CONFLICTING, Finding.STALE,
    ] == findings  # fmt: skip
    async with tools.store.reading() as tx:
        emitted = [(event.generation_id, event.type) for _, event in (await events.behind(tx, 0, 10)).found]
    assert [
        (first, "generation.processing"), (second, "generation.failed"), (first, "generation.canceled"),
    ] == emitted  # fmt: skip


async def test_nothing_to_settle_is_nothing(tools):
    assert [] == await settle(tools, [])


async def test_one_bad_row_stops_nobody(tools, submitted):
    """A reading that cannot be stored fails alone; those before and after it are settled."""
    before, bad, after = await submitted(), await submitted(), await submitted()
    unstorable = heard(tools, bad, Status.PROCESSING, provider_status="\ud800")
    batch = [heard(tools, before, Status.PROCESSING), unstorable, heard(tools, after, Status.PROCESSING)]

    with pytest.raises(UnicodeEncodeError):
        await settle(tools, batch)

    statuses = [(await stored(tools, one)).status for one in (before, bad, after)]
    assert [Status.PROCESSING, Status.SUBMITTED, Status.PROCESSING] == statuses


async def test_a_webhook_that_cannot_be_settled_is_set_aside(tools, submitted, calls_back):
    """It is flagged and not read again; its bytes stay."""
    generation_id = await submitted()
    kept = await calls_back(generation_id, b"{}")
    unstorable = heard(tools, generation_id, Status.PROCESSING, provider_status="\ud800")

    with pytest.raises(UnicodeEncodeError):
        await settle(tools, [structs.replace(unstorable, webhook_id=kept.id)])

    async with tools.store.reading() as tx:
        webhook = await observations.webhook_by_id(tx, kept.id)
    assert "it could not be settled: UnicodeEncodeError" == webhook.unreadable_because
    assert 0 == await run_worker(tools, "read")


async def test_a_batch_that_fails_as_a_whole_is_settled_one_by_one(tools, submitted, monkeypatch):
    first, second = await submitted(), await submitted()
    save = generations.save

    async def one_at_a_time(tx, changed):
        if len(changed) > 1:
            raise OSError("too much at once")
        await save(tx, changed)

    monkeypatch.setattr(generations, "save", one_at_a_time)

    findings = await settle(tools, [heard(tools, one, Status.PROCESSING) for one in (first, second)])

    assert [Finding.ADVANCED, Finding.ADVANCED] == findings


async def test_a_lost_race_is_decided_again(tools, submitted, monkeypatch):
    generation_id = await submitted()
    saves = []
    save = generations.save

    async def overtaken_once(tx, changed):
        saves.append(len(changed))
        if len(saves) == 1:
            raise Overtaken
        await save(tx, changed)

    monkeypatch.setattr(generations, "save", overtaken_once)

    assert [Finding.ADVANCED] == await settle(tools, [heard(tools, generation_id, Status.PROCESSING)])
    assert [1, 1] == saves


async def test_polls_are_woken_only_for_one_that_is_due(tools, submitted):
    """Looking for what is due costs a transaction, which nearly no webhook is a reason for."""
    told, hinted = await submitted(), await submitted()
    heard_before = tools.store.heard("poll")

    await settle(tools, [heard(tools, told, Status.PROCESSING)])
    assert heard_before == tools.store.heard("poll")

    hint = structs.replace(heard(tools, hinted, Status.COMPLETED), origin=Origin.WEBHOOK, believed=False)
    await settle(tools, [hint])
    assert heard_before + 1 == tools.store.heard("poll")


async def test_what_it_took_to_finish_is_learned(tools, clock, submitted):
    for took in (10, 20):
        generation_id = await submitted()
        clock.advance(took)
        output = Output(kind="image", url="https://storage.example.com/1.jpg")
        await settle(tools, [heard(tools, generation_id, Status.COMPLETED, outputs=(output,))])

    async with tools.store.reading() as tx:
        usual = await accounts.usual_of(tx, "eachlabs", "flux-1-1-pro")
    assert 2 == usual.count
    assert 10 < usual.usual_s < 20


async def test_a_generation_of_a_removed_account_still_expires(tools, clock, submitted, gives_up):
    generation_id = await submitted()
    clock.advance(3600)

    await gives_up(replace(tools, upstreams={}))

    assert Status.EXPIRED == (await stored(tools, generation_id)).status


async def test_a_database_that_is_away_costs_no_webhook(tools, submitted, calls_back, monkeypatch):
    """The row is innocent: it stays unread until the database can be used again."""
    generation_id = await submitted()
    await calls_back(generation_id, b'{"exec_id": "el-1", "status": "failed", "output": [{"error": "x"}]}')
    save = generations.save

    async def away(tx, changed):
        raise Unavailable

    monkeypatch.setattr(generations, "save", away)
    await run_worker(tools, "read")
    monkeypatch.setattr(generations, "save", save)

    assert 1 == await run_worker(tools, "read")
    async with tools.store.reading() as tx:
        (webhook,) = await observations.webhooks_of(tx, generation_id)
    assert Finding.HELD == webhook.finding


async def test_an_answer_that_comes_after_the_clock_was_asked_is_not_lost(tools, clock, upstream, ordered):
    """Accepted work goes on being asked about, whoever was first."""
    generation_id = await ordered(provider="aihubmix", model="wan2.6-t2v")
    (claimed,) = await submit.claim(tools, 10)
    clock.advance(100)
    overdue = await expire.claim(tools, 10)
    upstream.answers.append((200, {"id": "ah-1", "status": "queued"}))
    await submit.submit(tools, claimed)

    await expire.expire(tools, overdue)

    generation = await stored(tools, generation_id)
    assert (Status.SUBMITTED, "ah-1") == (generation.status, generation.external_id)
    clock.advance(60)
    assert 1 == len(await poll.claim(tools, 10))


async def test_an_answer_that_comes_after_the_end_of_its_wait_is_asked_about_until_the_deadline(
    tools, clock, upstream, ordered
):
    generation_id = await ordered(provider="aihubmix", model="wan2.6-t2v")
    (claimed,) = await submit.claim(tools, 10)

    async def answers_late(scope, receive, send):
        clock.advance(100)
        await run_worker(tools, "expire")
        assert Status.EXPIRED == (await stored(tools, generation_id)).status
        await JSONResponse({"id": "ah-1", "status": "queued"})(scope, receive, send)

    upstream.answers += [
        answers_late,
        (200, {"id": "ah-1", "status": "completed", "url": "https://cdn.example.com/1.mp4"}),
    ]

    await submit.submit(tools, claimed)
    clock.advance(60)
    await run_worker(tools, "poll")

    generation = await stored(tools, generation_id)
    assert (Status.COMPLETED, True) == (generation.status, generation.late)


async def test_orders_of_one_callback_origin_share_its_subscriber_within_a_batch(tools, listener, submitted):
    ids = [await submitted(callback_url=f"{listener.url}/{name}") for name in "ab"]

    await settle(tools, [heard(tools, generation_id, Status.FAILED) for generation_id in ids])

    async with tools.store.reading() as tx:
        due = [one for generation_id in ids for one in await deliveries.of_generation(tx, generation_id)]
    assert [f"{listener.url}/a", f"{listener.url}/b"] == [one.url for one in due]
    assert 1 == len({one.subscriber_id for one in due})
