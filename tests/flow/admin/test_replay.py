"""Replays are durable, paced and cancelable; they add what was missing and change nothing that was announced."""

from contextlib import asynccontextmanager
from dataclasses import replace
import json

from msgspec import structs
import pytest

from arrivals.core.generation import VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.flow import context as context_module
from arrivals.flow.admin import replay as replaying
from arrivals.flow.admin.replay import NotReplayable, replay_one, start
from arrivals.flow.delivery import deliver
from arrivals.flow.observation.receive import receive
from arrivals.flow.submission.order import stored
from arrivals.providers.contract import Unverified
from arrivals.providers.eachlabs.predictions import PREDICTIONS
from arrivals.store import deliveries, events, generations, observations, replays, subscribers
from arrivals.store.engine.base import Missing, Unavailable
from arrivals.store.engine.queries import parse
from arrivals.store.replays import Filters, ReplayKind, ReplayStatus
from tests.conftest import context_over, run_worker
from tests.flow.conftest import SUCCEEDED
from tests.flow.delivery import test_deliver
from tests.flow.test_crash import Died, Mortal
from tests.support.contexts import with_policy
from tests.support.databases import empty, everything, reopened
from tests.support.examples import scheduled

subscribed, completed = test_deliver.subscribed, test_deliver.completed

SPOIL = parse("-- name: spoil\nUPDATE generations SET outputs = 'spoiled' WHERE id = 'gen_lost';")
WORD = json.dumps(SUCCEEDED).encode()
LEASE_S = 60


@pytest.fixture
def received(context, submitted, calls_back):
    """Submits a generation about which its provider sends a webhook; returns the stored webhook."""

    async def call(body=WORD):
        webhook = await calls_back(await submitted(), body)
        await run_worker(context, "read")
        return webhook

    return call


@pytest.fixture
def refused(context, submitted):
    """Submits a generation about which an unverified webhook comes; returns the generation's id."""

    async def call(secret):
        generation_id = await submitted()
        token = context.callback_urls.url("eachlabs", "default", generation_id).rpartition("/")[2]
        with pytest.raises(Unverified):
            await receive(context, "eachlabs", token, InboundWebhook(headers={"x-webhook-secret": secret}, body=WORD))
        return generation_id

    return call


@pytest.fixture
def arrived(context, listener, completed):
    """Makes that many events and delivers them to everybody who wants them; returns their ids in order."""

    async def bring(count):
        for _ in range(count):
            await completed()
        listener.answers += [204] * 100
        while await run_worker(context, "deliver"):
            pass
        listener.requests.clear()
        async with context.store.reading() as tx:
            return [event.id for _, event in (await events.page_after(tx, 0, 100)).events]

    return bring


async def stands(context, replay):
    async with context.store.reading() as tx:
        return await replays.by_id(tx, replay.id)


async def ended(context, replay):
    """Runs the replay to its end and returns it."""
    while await run_worker(context, "replay"):
        pass
    return await stands(context, replay)


async def announced(context):
    async with context.store.reading() as tx:
        return [(event.generation_id, event.type) for _, event in (await events.page_after(tx, 0, 1000)).events]


async def webhook_of(context, webhook_id):
    async with context.store.reading() as tx:
        return await observations.webhook_by_id(tx, webhook_id)


def mended(context, secret):
    """A context whose account accepts another secret too."""
    key = ("eachlabs", "default")
    upstream = context.upstreams[key]
    account = replace(upstream.account, webhook_secrets=(*upstream.account.webhook_secrets, secret))
    return replace(context, upstreams={**context.upstreams, key: replace(upstream, account=account)})


# ---------------------------------------------------------------- stored webhooks again


async def test_webhooks_again_announce_nothing_twice(context, received):
    webhooks = [await received() for _ in range(3)]
    before = await announced(context)

    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert (ReplayStatus.FINISHED, 3, 3, {"repeated": 3}) == (replay.status, replay.total, replay.done, replay.findings)
    assert before == await announced(context)
    assert ["repeated"] * 3 == [(await webhook_of(context, webhook.id)).finding for webhook in webhooks]
    assert replay.finished_at > replay.created_at


async def test_a_replay_is_seen_in_what_was_heard(context, received):
    webhook = await received()

    await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    async with context.store.reading() as tx:
        seen = await observations.observations_of(tx, webhook.generation_id)
    assert [("submit", "advanced"), ("webhook", "advanced"), ("webhook", "repeated")] == [
        (row["origin"], row["finding"]) for row in seen
    ]


async def test_what_nobody_understood_advances_when_its_reader_was_mended(
    context, listener, subscribed, received, monkeypatch
):
    def broken(_webhook, _target):
        raise KeyError("output")

    adapter = replace(PREDICTIONS.adapter, read_webhook=broken)
    route = replace(PREDICTIONS, adapter=adapter)
    await subscribed()
    with monkeypatch.context() as before:
        before.setattr(context_module.Context, "route", lambda _self, _generation: route)
        webhook = await received()
    assert "its reader failed: KeyError" == (await webhook_of(context, webhook.id)).unreadable_reason

    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert {"advanced": 1} == replay.findings
    now = await webhook_of(context, webhook.id)
    assert ("advanced", None) == (now.finding, now.unreadable_reason)
    assert [(webhook.generation_id, "generation.completed")] == await announced(context)
    listener.answers.append(204)
    assert 1 == await run_worker(context, "deliver")
    assert "arrivals-redelivered" not in listener.requests[0].headers


async def test_what_is_still_unreadable_is_counted_as_that(context, received):
    await received(b"<html>")
    await received()

    dry = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters(), dry_run=True))
    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert {"unreadable": 1, "repeated": 1} == replay.findings == dry.findings


async def test_a_webhook_whose_generation_is_forgotten_is_stale(context, calls_back):
    await calls_back("gen_forgotten", WORD)
    await run_worker(context, "read")

    dry = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters(), dry_run=True))
    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert {"stale": 1} == replay.findings == dry.findings


async def test_a_late_word_that_was_unreadable_follows_the_expiry(context, clock, received, calls_back, gives_up):
    """An expiry was announced meanwhile; the closing word still comes, once."""
    webhook = await received(b"<html>")
    await run_worker(replace(context, upstreams={}), "read")
    clock.advance(24 * 3600)
    await gives_up()
    await calls_back(webhook.generation_id, WORD)
    await run_worker(replace(context, upstreams={}), "read")

    for _ in range(2):
        await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert ["generation.expired", "generation.completed"] == [word for _, word in await announced(context)]
    assert (await stored(context, webhook.generation_id)).late


@pytest.fixture
def unsettleable(context):
    """Stores another webhook like this one, about a generation whose row is spoiled."""

    async def keep(like):
        async with context.store.transaction() as tx:
            lost = scheduled("lost", provider="eachlabs", route="predictions", external_id="el-1")
            await generations.insert(tx, lost, "{}")
            await tx.fetch(SPOIL["spoil"])
            webhook = await observations.webhook_by_id(tx, like.id)
            again = structs.replace(webhook, id=like.id + "x", generation_id="gen_lost")
            await observations.insert_webhooks(tx, [again])
        await run_worker(context, "read")

    return keep


async def test_a_webhook_that_cannot_be_settled_stops_nobody(context, received, unsettleable):
    """As on arrival, those before and after it are settled, and the replay goes on to its end."""
    await unsettleable(await received())
    await received()

    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert (ReplayStatus.FINISHED, 3) == (replay.status, replay.done)
    assert {"repeated": 2, "unsettled": 1} == replay.findings


async def test_beside_one_that_cannot_be_settled_each_is_counted_as_what_it_was(
    context, received, calls_back, unsettleable
):
    """A webhook that advances its generation is not counted as repeated, and each is heard once."""
    await unsettleable(await received())
    mute = await received(b"<html>")
    word = await calls_back(mute.generation_id, WORD)
    await run_worker(replace(context, upstreams={}), "read")
    async with context.store.reading() as tx:
        before = len(await observations.observations_of(tx, mute.generation_id))

    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert {"repeated": 1, "unsettled": 1, "unreadable": 1, "advanced": 1} == replay.findings
    assert "advanced" == (await webhook_of(context, word.id)).finding
    async with context.store.reading() as tx:
        assert before + 2 == len(await observations.observations_of(tx, mute.generation_id))


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"provider": "eachlabs"}, 3),
        ({"provider": "runblob"}, 0),
        ({"finding": "advanced"}, 2),
        ({"finding": "repeated"}, 1),
        ({"generation": "gen_none"}, 0),
    ],
    ids=str,
)
async def test_only_what_the_filters_name_is_read_again(context, received, calls_back, wanted, count):
    first, _ = await received(), await received()
    await calls_back(first.generation_id, WORD)
    await run_worker(context, "read")

    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters(**wanted)))

    assert (count, count) == (replay.total, replay.done)


async def test_what_came_before_or_after_the_time_asked_for_is_left_alone(context, clock, received):
    await received()
    since = clock()
    second = await received()
    until = clock()
    await received()

    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters(since=since, until=until)))

    assert (1, second.id) == (replay.done, replay.cursor)


async def test_what_comes_in_while_it_runs_is_not_its_concern(context, received):
    await received()
    replay = await start(context, ReplayKind.WEBHOOKS, Filters())
    await received()

    assert 1 == (await ended(context, replay)).done


# ---------------------------------------------------------------- what would be


async def test_a_dry_run_writes_nothing_and_tells_the_same_counts(context, received, calls_back):
    """Each webhook counts in the light of those before it: of two equal ones the first advances, the second repeats."""
    blind = replace(context, upstreams={})
    first, second = await received(b"<html>"), await received(b"<html>")
    for webhook in (first, first, second):
        await calls_back(webhook.generation_id, WORD)
    await run_worker(blind, "read")
    before = await everything(context.store)

    dry = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters(), dry_run=True))
    assert before == await everything(context.store)
    replay = await ended(context, await start(context, ReplayKind.WEBHOOKS, Filters()))

    assert {"unreadable": 2, "advanced": 2, "repeated": 1} == replay.findings == dry.findings
    assert (5, 5) == (dry.done, dry.total)
    assert (True, False) == (dry.dry_run, replay.dry_run)


async def test_a_dry_run_of_events_sends_nothing_and_tells_the_same_counts(context, listener, subscribed, arrived):
    await subscribed()
    await arrived(3)
    before = await everything(context.store)

    dry = await ended(context, await start(context, ReplayKind.EVENTS, Filters(), dry_run=True))
    assert before == await everything(context.store)
    assert 0 == await run_worker(context, "deliver")
    replay = await ended(context, await start(context, ReplayKind.EVENTS, Filters()))

    assert {"redelivered": 3} == replay.findings == dry.findings


async def test_a_dry_run_of_the_quarantine_releases_nothing_and_tells_the_same_counts(context, refused):
    await refused("yesterday's")
    await refused("a guess")
    today = mended(context, "yesterday's")
    before = await everything(context.store)

    dry = await ended(today, await start(today, ReplayKind.QUARANTINE, Filters(), dry_run=True))
    assert before == await everything(context.store)
    replay = await ended(today, await start(today, ReplayKind.QUARANTINE, Filters()))

    assert {"verified": 1, "unverified": 1} == replay.findings == dry.findings


# ---------------------------------------------------------------- refused webhooks verified again


async def test_refused_webhooks_are_read_and_settled_when_the_secret_was_mended(context, refused):
    good, bad = await refused("yesterday's"), await refused("a guess")
    today = mended(context, "yesterday's")

    await ended(today, await start(today, ReplayKind.QUARANTINE, Filters()))
    await run_worker(today, "read")

    assert [(good, "generation.completed")] == await announced(context)
    generation = await stored(context, good)
    assert ("completed", VerifiedBy.SECRET) == (generation.status, generation.verified_by)
    assert "submitted" == (await stored(context, bad)).status
    async with context.store.reading() as tx:
        (released,) = await observations.webhooks_of(tx, good)
        (kept,) = await observations.webhooks_of(tx, bad)
    assert (None, None, "advanced") == (released.quarantined_at, released.refused_reason, released.finding)
    assert kept.quarantined_at is not None


async def test_what_was_released_is_not_verified_again(context, refused):
    await refused("yesterday's")
    today = mended(context, "yesterday's")

    totals = [(await ended(today, await start(today, ReplayKind.QUARANTINE, Filters()))).total for _ in range(2)]

    assert [1, 0] == totals


async def test_nobody_is_vouched_for_by_an_account_that_is_gone(context, refused):
    await refused("yesterday's")
    gone = replace(context, upstreams={})

    replay = await ended(gone, await start(gone, ReplayKind.QUARANTINE, Filters()))

    assert {"unverified": 1} == replay.findings


# ---------------------------------------------------------------- events again


async def test_events_are_sent_again_in_their_order(context, listener, subscribed, arrived):
    await subscribed(max_in_flight=1)
    ids = await arrived(4)

    replay = await ended(context, await start(context, ReplayKind.EVENTS, Filters()))
    while await run_worker(context, "deliver"):
        pass

    assert {"redelivered": 4} == replay.findings
    assert [(event_id, "true") for event_id in ids] == [
        (request.headers["webhook-id"], request.headers["arrivals-redelivered"]) for request in listener.requests
    ]


async def test_events_that_nobody_wants_are_counted_as_that(context, subscribed, arrived):
    await subscribed(filter={"provider": "runblob"})
    await arrived(2)

    replay = await ended(context, await start(context, ReplayKind.EVENTS, Filters()))

    assert {"unwanted": 2} == replay.findings
    assert 0 == await run_worker(context, "deliver")


async def test_one_subscriber_gets_exactly_what_it_missed(context, listener, subscribed, completed):
    """It gets neither the events that it has nor those still under way to it."""
    missing = await subscribed("/missing", max_in_flight=1)
    await subscribed("/other", max_in_flight=1)
    once = with_policy(context, cadence=replace(context.policy.cadence, retry_schedule_s=(0,)))
    missed = []
    for answers in ([204, 204], [500, 204], [204, 204], [500, 204]):
        generation_id = await completed()
        async with context.store.reading() as tx:
            (event,) = await events.events_of(tx, generation_id)
        missed += [event.id] * (answers[0] == 500)
        for claimed in await deliver.claim(once, 10):
            listener.answers.append(answers[claimed.subscriber_id != missing])
            await deliver.deliver(once, claimed)
    await completed()  # under way
    listener.requests.clear()
    listener.answers[:] = [204] * 10

    replay = await ended(context, await start(context, ReplayKind.EVENTS, Filters(subscriber=missing, missed=True)))

    assert {"redelivered": 2, "reached": 3} == replay.findings
    while await run_worker(context, "deliver"):
        pass
    again = [
        (request.path, request.headers["webhook-id"])
        for request in listener.requests
        if "arrivals-redelivered" in request.headers
    ]
    assert [("/missing", event_id) for event_id in missed] == again


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"type": "generation.completed"}, 2),
        ({"type": "generation.*"}, 2),
        ({"type": "generation.failed"}, 0),
        ({"provider": "eachlabs", "model": "flux-1-1-pro"}, 2),
        ({"model": "another"}, 0),
        ({"generation": "gen_none"}, 0),
    ],
    ids=str,
)
async def test_only_events_that_the_filters_name_are_sent_again(context, subscribed, arrived, wanted, count):
    await subscribed()
    await arrived(2)

    replay = await ended(context, await start(context, ReplayKind.EVENTS, Filters(**wanted)))

    assert (count, count) == (replay.total, replay.done)


# ---------------------------------------------------------------- pace, cancellation, restarts


@pytest.mark.parametrize(("rate", "batch", "pause_s"), [(2, 2, 1), (0.5, 1, 2)])
async def test_a_rate_spaces_the_batches(context, clock, received, rate, batch, pause_s):
    for _ in range(3):
        await received()
    replay = await start(context, ReplayKind.WEBHOOKS, Filters(), rate_per_s=rate)
    assert 1 == await run_worker(context, "replay")

    clock.advance(pause_s - 0.1)
    assert 0 == await run_worker(context, "replay")
    assert batch == (await stands(context, replay)).done
    clock.advance(0.1)
    assert 1 == await run_worker(context, "replay")
    assert min(2 * batch, 3) == (await stands(context, replay)).done


async def test_replays_run_beside_each_other(context, received, subscribed, arrived):
    await received()
    started = [await start(context, what, Filters()) for what in ReplayKind]

    assert 3 == await run_worker(context, "replay")

    assert [ReplayStatus.FINISHED] * 3 == [(await stands(context, replay)).status for replay in started]


async def cancel(context, replay):
    async with context.store.transaction() as tx:
        return await replays.cancel(tx, replay.id, context.now())


async def test_a_canceled_replay_ends_where_it_stands(context, clock, listener, subscribed, arrived):
    await subscribed()
    await arrived(3)
    replay = await start(context, ReplayKind.EVENTS, Filters(), rate_per_s=1)
    await run_worker(context, "replay")

    assert await cancel(context, replay)
    clock.advance(3600)

    assert 0 == await run_worker(context, "replay")
    canceled = await stands(context, replay)
    assert (ReplayStatus.CANCELED, 1, 3) == (canceled.status, canceled.done, canceled.total)
    assert 1 == await run_worker(context, "deliver")
    assert not await cancel(context, replay)


@pytest.mark.parametrize("what", [ReplayKind.EVENTS, ReplayKind.WEBHOOKS])
async def test_canceled_in_the_middle_of_a_batch_it_stays_canceled(context, subscribed, arrived, what):
    await subscribed()
    await arrived(2)
    replay = await start(context, what, Filters())
    (claimed,) = await replaying.claim(context, 1)
    await cancel(context, replay)

    await replaying.replay(context, claimed)

    canceled = await stands(context, replay)
    assert (ReplayStatus.CANCELED, 0) == (canceled.status, canceled.done)
    assert 0 == await run_worker(context, "deliver")


async def test_one_that_is_worked_on_is_not_taken_by_another(context, clock, received):
    await received()
    await start(context, ReplayKind.WEBHOOKS, Filters())

    assert [1, 0] == [len(await replaying.claim(context, 4)) for _ in range(2)]
    clock.advance(LEASE_S)
    assert 1 == len(await replaying.claim(context, 4))


async def test_who_lost_its_lease_writes_nothing(context, clock, received):
    await received()
    replay = await start(context, ReplayKind.WEBHOOKS, Filters())
    (slow,) = await replaying.claim(context, 1)
    clock.advance(LEASE_S)
    (quick,) = await replaying.claim(context, 1)
    await replaying.replay(context, quick)

    await replaying.replay(context, slow)

    assert (1, {"repeated": 1}) == ((await stands(context, replay)).done, (await stands(context, replay)).findings)


async def test_a_replay_of_nothing_ends_at_once(context):
    replay = await ended(context, await start(context, ReplayKind.EVENTS, Filters()))

    assert (ReplayStatus.FINISHED, 0, {}) == (replay.status, replay.total, replay.findings)


async def test_a_replay_that_cannot_go_on_says_why(context, clock, subscribed, arrived):
    """Its subscriber was deleted meanwhile."""
    subscriber_id = await subscribed()
    await arrived(2)
    replay = await start(context, ReplayKind.EVENTS, Filters(subscriber=subscriber_id), rate_per_s=1)
    await run_worker(context, "replay")
    async with context.store.transaction() as tx:
        await subscribers.delete(tx, subscriber_id, clock())
    clock.advance(1)

    failed = await ended(context, replay)

    assert (ReplayStatus.FAILED, "Missing", 1) == (failed.status, failed.failed_reason, failed.done)
    assert failed.finished_at is not None


class Away:
    """A database that can be used so many times and is locked from then on."""

    def __init__(self, inner, uses):
        self._inner, self._left = inner, uses

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def reading(self):
        """Opens a reading transaction as long as the database can be used."""
        return self._used(self._inner.reading)

    def read_inline(self):
        """Likewise opens the database's own."""
        return self._used(self._inner.read_inline)

    def transaction(self):
        """Likewise opens the database's own."""
        return self._used(self._inner.transaction)

    @asynccontextmanager
    async def _used(self, begin):
        self._left -= 1
        if self._left < 0:
            raise Unavailable("locked")
        async with begin() as tx:
            yield tx


@pytest.mark.parametrize("uses", range(9))
async def test_a_replay_waits_for_a_database_that_is_away(context, clock, received, unsettleable, uses):
    """At whatever point the database goes away, nothing fails, and the work is done when it is back."""
    await unsettleable(await received())
    replay = await start(context, ReplayKind.WEBHOOKS, Filters())
    (claimed,) = await replaying.claim(context, 1)
    try:
        await replaying.replay(replace(context, store=Away(context.store, uses)), claimed)
    except Unavailable:
        assert ReplayStatus.RUNNING == (await stands(context, replay)).status
    clock.advance(LEASE_S)

    finished = await ended(context, replay)

    assert (ReplayStatus.FINISHED, 2) == (finished.status, finished.done)
    assert {"repeated": 1, "unsettled": 1} == finished.findings


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", [ReplayKind.EVENTS, ReplayKind.WEBHOOKS])
async def test_death_at_any_point_sends_nothing_twice(
    context, clock, transport, upstream, listener, subscribed, arrived, what
):
    """After a death at any point the next process goes on where the last one stood, and counts each item once."""
    dies_at, died = 0, True
    while died:
        dies_at += 1
        await empty(context.store)
        await subscribed()
        await arrived(3)
        replay = await start(context, what, Filters(), rate_per_s=2)
        before = await announced(context)

        died = await lived(context.store, clock, transport, upstream, dies_at)
        assert not await lived(context.store, clock, transport, upstream, 10**9)

        async with context.store.reading() as tx:
            now = await replays.by_id(tx, replay.id)
            sent = [
                [delivery.redelivered for delivery in await deliveries.of_generation(tx, event.generation_id)]
                for _, event in (await events.page_after(tx, 0, 10)).events
            ]
        assert (ReplayStatus.FINISHED, 3, 3) == (now.status, now.done, now.total)
        assert {"redelivered" if what is ReplayKind.EVENTS else "repeated": 3} == now.findings
        assert [[False, True] if what is ReplayKind.EVENTS else [False]] * len(before) == sent
    assert dies_at > 10


async def lived(store, clock, transport, upstream, dies_at):
    """Runs one process on the database until it dies or the replay has ended; returns whether it died."""
    async with reopened(store, clock) as inner:
        mortal = Mortal(inner, dies_at)
        context = context_over(mortal, transport, clock, upstream.url)
        try:
            for _ in range(4):
                await run_worker(context, "replay")
                clock.advance(LEASE_S)
        except BaseException as error:
            if mortal.alive or not _is_death(error):
                raise
            return True
    return False


def _is_death(error):
    return isinstance(error, Died) or (
        isinstance(error, BaseExceptionGroup) and all(_is_death(nested) for nested in error.exceptions)
    )


# ---------------------------------------------------------------- one webhook at once


async def test_one_webhook_is_replayed_at_once(context, received, calls_back):
    webhook = await received(b"<html>")
    again = await calls_back(webhook.generation_id, WORD)
    await run_worker(replace(context, upstreams={}), "read")
    before = await everything(context.store)

    assert "advanced" == await replay_one(context, again.id, dry_run=True)
    assert before == await everything(context.store)
    assert ["advanced", "repeated"] == [await replay_one(context, again.id, dry_run=False) for _ in range(2)]
    assert "unreadable" == await replay_one(context, webhook.id, dry_run=False)
    assert [(webhook.generation_id, "generation.completed")] == await announced(context)


async def test_one_that_was_refused_is_not_replayed_as_if_it_were_believed(context, refused):
    generation_id = await refused("a guess")
    async with context.store.reading() as tx:
        (webhook,) = await observations.webhooks_of(tx, generation_id)

    with pytest.raises(NotReplayable):
        await replay_one(context, webhook.id, dry_run=False)

    assert "submitted" == (await stored(context, generation_id)).status


async def test_one_that_is_not_there_is_not_replayed(context):
    with pytest.raises(Missing):
        await replay_one(context, "whk_none", dry_run=False)
