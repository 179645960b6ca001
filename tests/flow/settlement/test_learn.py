"""Ends teach: how long work takes, and how webhooks come; used at once, kept, and shared between processes."""

import pytest

from arrivals.core.generation import Origin, Output, Status
from arrivals.core.lessons import DurationLesson, Lesson, WebhookLesson
from arrivals.core.observation import Observation, Reading
from arrivals.core.wire import SECOND
from arrivals.flow.settlement import learn
from arrivals.flow.settlement.learn import read_in
from arrivals.flow.settlement.settle import settle
from arrivals.store import generations, learned
from tests.conftest import context_over
from tests.support.databases import reopened
from tests.support.eventually import until

ACCOUNT = ("eachlabs", "default")
KIND = ("eachlabs", "flux-1-1-pro", "")
OUTPUT = Output(kind="image", url="https://storage.example.com/1.jpg")


@pytest.fixture
def seen(context):
    """Settles an observation of now about a generation."""

    async def tell(generation_id, origin, status=Status.COMPLETED, **changed):
        reading = {name: changed.pop(name) for name in ("ended_at", "progress") if name in changed}
        outputs = (OUTPUT,) if status is Status.COMPLETED else ()
        observation = Observation(
            generation_id=generation_id,
            origin=origin,
            at=context.now(),
            reading=Reading(status=status, outputs=outputs, **reading),
            **changed,
        )
        return await settle(context, [observation])

    return tell


async def poll_at(context, generation_id):
    async with context.store.reading() as tx:
        return (await generations.by_id(tx, generation_id)).schedule.poll_at


async def written(store):
    async with store.reading() as tx:
        return await learned.webhooks_since(tx, 0)


def knowledge(context):
    return context.process.knowledge


def taken(context, kind=KIND):
    """The middle of what was learned about a kind of work, and how much of it."""
    sketch = knowledge(context).durations[kind]
    return sketch.quantile(0.5), round(sketch.seen, 3)


async def test_what_a_webhook_closes_took_until_then(context, clock, submitted, seen):
    generation_id = await submitted()
    clock.advance(40)
    await seen(generation_id, Origin.WEBHOOK)

    assert (pytest.approx(40, rel=0.1), 1.0) == taken(context)


async def test_what_a_poll_closes_took_longer_than_until_the_last_time_it_was_under_way(
    context, clock, submitted, seen
):
    generation_id = await submitted()
    clock.advance(30)
    await seen(generation_id, Origin.POLL, Status.PROCESSING)
    clock.advance(30)
    await seen(generation_id, Origin.POLL)

    sketch = knowledge(context).durations[KIND]
    assert 30 * 0.9 <= sketch.quantile(0.01) < 40 < sketch.quantile(0.99) <= 60 * 1.1


async def test_the_providers_own_word_of_the_end_counts_unless_it_cannot_be(context, clock, submitted, seen):
    first, second = await submitted(), await submitted()
    clock.advance(100)
    await seen(first, Origin.POLL, ended_at=context.now() - 50 * SECOND)
    assert (pytest.approx(50, rel=0.1), 1.0) == taken(context)

    await seen(second, Origin.WEBHOOK, ended_at=context.now() + 3600 * SECOND)
    assert 100 * 0.9 < knowledge(context).durations[KIND].quantile(1.0) < 100 * 1.2


async def test_orders_of_a_size_are_learned_about_apart_and_with_the_others(context, clock, submitted, seen):
    generation_id = await submitted(input={"prompt": "a fox", "duration": 5})
    clock.advance(40)
    await seen(generation_id, Origin.WEBHOOK)

    assert {KIND, (*KIND[:2], "5s")} == {*knowledge(context).durations}


async def test_what_was_canceled_or_never_submitted_teaches_nothing(context, clock, submitted, ordered, seen):
    canceled, pending = await submitted(), await ordered()
    clock.advance(40)
    await seen(canceled, Origin.POLL, Status.CANCELED)
    await seen(pending, Origin.WEBHOOK)

    assert {} == knowledge(context).durations


async def test_a_replay_teaches_nothing(context, clock, submitted, seen):
    generation_id = await submitted()
    await seen(generation_id, Origin.WEBHOOK, replayed=True)

    assert ({}, {}) == (knowledge(context).durations, knowledge(context).webhooks)


async def test_webhooks_that_come_and_those_that_do_not_are_counted(context, clock, submitted, seen):
    came, lost = await submitted(), await submitted()
    clock.advance(40)
    await seen(came, Origin.WEBHOOK, ended_at=context.now() - 2 * SECOND)
    share = knowledge(context).webhooks[ACCOUNT].share
    assert 0.9 < share < 1.0
    assert knowledge(context).webhooks[ACCOUNT].lateness.seen == 1.0

    await seen(lost, Origin.POLL)
    assert 0.5 < knowledge(context).webhooks[ACCOUNT].share < share


async def test_a_webhook_that_comes_after_all_is_late(context, clock, submitted, seen):
    generation_id = await submitted()
    clock.advance(40)
    await seen(generation_id, Origin.POLL)
    clock.advance(20)
    await seen(generation_id, Origin.WEBHOOK)

    record = knowledge(context).webhooks[ACCOUNT]
    assert record.share > 0.9
    assert pytest.approx(20, rel=0.1) == record.lateness.quantile(1.0)

    clock.advance(7200)
    await seen(generation_id, Origin.WEBHOOK)
    assert record == knowledge(context).webhooks[ACCOUNT]


async def test_an_end_that_a_hint_told_of_is_a_webhook_that_came(context, clock, submitted, seen):
    generation_id = await submitted()
    clock.advance(40)
    await seen(generation_id, Origin.WEBHOOK, believed=False)
    await seen(generation_id, Origin.POLL)

    assert knowledge(context).webhooks[ACCOUNT].share > 0.9


async def test_lessons_are_kept_and_read_in_by_another_process(
    context, clock, store, transport, upstream, submitted, seen
):
    generation_id = await submitted()
    clock.advance(40)
    await seen(generation_id, Origin.WEBHOOK)

    async with reopened(store, clock) as beside:
        other = context_over(beside, transport, clock, upstream.url)

        while not await written(beside):
            pass
        await read_in(other)
        assert taken(context) == taken(other)
        assert knowledge(context).webhooks.keys() == knowledge(other).webhooks.keys()


async def test_what_was_learned_is_read_in_at_most_every_ten_seconds(context, monkeypatch):
    reads = []
    since = learned.durations_since

    async def counted(tx, moment):
        reads.append(moment)
        return await since(tx, moment)

    monkeypatch.setattr(learned, "durations_since", counted)
    for _ in range(3):
        await read_in(context)

    assert 1 == len(reads)


async def test_a_lesson_that_cannot_be_written_is_logged_and_nobody_waits_for_it(
    context, clock, submitted, seen, monkeypatch, caplog
):
    async def broken(*_):
        raise ValueError

    generation_id = await submitted()
    monkeypatch.setattr(learned, "save_durations", broken)
    with monkeypatch.context() as patched:
        logged = []
        patched.setattr(learn.log, "warning", lambda event, **facts: logged.append((event, facts["reason"])))
        await seen(generation_id, Origin.WEBHOOK)
        await until(lambda: logged)

    assert {("lesson_lost", "ValueError")} == {*logged}


async def test_lessons_of_many_are_written_together(context):
    lessons: list[Lesson] = [
        DurationLesson(provider="eachlabs", model="flux-1-1-pro", order_size="", low_s=40, high_s=40),
        WebhookLesson(provider="eachlabs", account="default", came=True),
        WebhookLesson(provider="eachlabs", account="team_b", came=False),
    ]
    assert [None] * 3 == await learn.write_all(context, lessons)

    async with context.store.reading() as tx:
        assert {KIND} == (await learned.durations_since(tx, 0)).keys()
        assert {ACCOUNT, ("eachlabs", "team_b")} == (await learned.webhooks_since(tx, 0)).keys()


async def test_how_many_share_an_account_is_counted_with_the_claims(context, upstream, submitted, clock):
    for _ in range(3):
        await submitted()
    clock.advance(5)
    await submitted()

    load = knowledge(context).loads[ACCOUNT]
    assert (4, False) == (load.in_flight, load.crowded)
    assert pytest.approx(SECOND / context.upstreams[ACCOUNT].budget.interval) == load.rate_per_s


async def test_what_the_last_answer_said_moves_the_next_poll(context, clock, submitted, seen):
    generation_id = await submitted()
    clock.advance(100)
    await seen(generation_id, Origin.POLL, Status.PROCESSING)
    before = await poll_at(context, generation_id) - context.now()
    await seen(generation_id, Origin.WEBHOOK, Status.PROCESSING, progress=0.98)
    after = await poll_at(context, generation_id) - context.now()

    assert after < before
