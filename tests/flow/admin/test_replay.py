"""Replays: durable, paced, cancelable; they add what was missing and change nothing that was announced."""

from contextlib import asynccontextmanager
from dataclasses import replace
import json

from msgspec import structs
import pytest

from arrivals.core.generation import VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.flow import context as tools_module
from arrivals.flow.admin import replay as replaying
from arrivals.flow.admin.replay import NotReplayable, replay_one, start
from arrivals.flow.delivery import deliver
from arrivals.flow.observation.receive import receive
from arrivals.flow.submission.order import stored
from arrivals.providers import eachlabs
from arrivals.providers.contract import Unverified
from arrivals.store import deliveries, events, generations, observations, replays, subscribers
from arrivals.store.engine.base import Missing, Unavailable
from arrivals.store.engine.queries import parse
from arrivals.store.replays import Filters, Progress, What
from tests.conftest import run_worker, tools_over
from tests.flow.conftest import SUCCEEDED
from tests.flow.delivery import test_deliver
from tests.flow.test_crash import Died, Mortal
from tests.support.databases import empty, everything, reopened
from tests.support.examples import scheduled

subscribed, completed = test_deliver.subscribed, test_deliver.completed

SPOIL = parse("-- name: spoil\nUPDATE generations SET outputs = 'spoiled' WHERE id = 'gen_lost';")
WORD = json.dumps(SUCCEEDED).encode()
LEASE_S = 60


@pytest.fixture
def told(tools, submitted, calls_back):
    """A generation about which its provider called; the stored webhook."""

    async def call(body=WORD):
        webhook = await calls_back(await submitted(), body)
        await run_worker(tools, "read")
        return webhook

    return call


@pytest.fixture
def refused(tools, submitted):
    """A generation about which somebody called whom nobody vouches for; its id."""

    async def call(secret):
        generation_id = await submitted()
        token = tools.callbacks.url("eachlabs", "default", generation_id).rpartition("/")[2]
        with pytest.raises(Unverified):
            await receive(tools, "eachlabs", token, InboundWebhook(headers={"x-webhook-secret": secret}, body=WORD))
        return generation_id

    return call


@pytest.fixture
def arrived(tools, listener, completed):
    """That many events which everybody has who wants them; their ids in order."""

    async def bring(count):
        for _ in range(count):
            await completed()
        listener.answers += [204] * 100
        while await run_worker(tools, "deliver"):
            pass
        listener.asked.clear()
        async with tools.store.reading() as tx:
            return [event.id for _, event in (await events.behind(tx, 0, 100)).found]

    return bring


async def stands(tools, replay):
    async with tools.store.reading() as tx:
        return await replays.by_id(tx, replay.id)


async def ended(tools, replay):
    """The replay after as many turns as it takes."""
    while await run_worker(tools, "replay"):
        pass
    return await stands(tools, replay)


async def announced(tools):
    async with tools.store.reading() as tx:
        return [(event.generation_id, event.type) for _, event in (await events.behind(tx, 0, 1000)).found]


async def webhook_of(tools, webhook_id):
    async with tools.store.reading() as tx:
        return await observations.webhook_by_id(tx, webhook_id)


def mended(tools, secret):
    """Tools whose account knows another secret too."""
    key = ("eachlabs", "default")
    upstream = tools.upstreams[key]
    account = replace(upstream.account, webhook_secrets=(*upstream.account.webhook_secrets, secret))
    return replace(tools, upstreams={**tools.upstreams, key: replace(upstream, account=account)})


# ---------------------------------------------------------------- stored webhooks again


async def test_webhooks_again_announce_nothing_twice(tools, told):
    webhooks = [await told() for _ in range(3)]
    before = await announced(tools)

    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert (Progress.FINISHED, 3, 3, {"repeated": 3}) == (replay.status, replay.total, replay.done, replay.findings)
    assert before == await announced(tools)
    assert ["repeated"] * 3 == [(await webhook_of(tools, webhook.id)).finding for webhook in webhooks]
    assert replay.finished_at > replay.created_at


async def test_a_replay_is_seen_in_what_was_heard(tools, told):
    webhook = await told()

    await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    async with tools.store.reading() as tx:
        seen = await observations.observations_of(tx, webhook.generation_id)
    assert [("submit", "advanced"), ("webhook", "advanced"), ("webhook", "repeated")] == [
        (row["origin"], row["finding"]) for row in seen
    ]


async def test_what_nobody_understood_advances_when_its_reader_was_mended(
    tools, listener, subscribed, told, monkeypatch
):
    def broken(_webhook, _target):
        raise KeyError("output")

    dialect = replace(eachlabs.PREDICTIONS.dialect, read_webhook=broken)
    route = replace(eachlabs.PREDICTIONS, dialect=dialect)
    await subscribed()
    with monkeypatch.context() as before:
        before.setattr(tools_module.Tools, "route", lambda _self, _generation: route)
        webhook = await told()
    assert "its reader failed: KeyError" == (await webhook_of(tools, webhook.id)).unreadable_because

    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert {"advanced": 1} == replay.findings
    now = await webhook_of(tools, webhook.id)
    assert ("advanced", None) == (now.finding, now.unreadable_because)
    assert [(webhook.generation_id, "generation.completed")] == await announced(tools)
    listener.answers.append(204)
    assert 1 == await run_worker(tools, "deliver")
    assert "arrivals-redelivered" not in listener.asked[0].headers


async def test_what_is_still_unreadable_is_counted_as_that(tools, told):
    await told(b"<html>")
    await told()

    dry = await ended(tools, await start(tools, What.WEBHOOKS, Filters(), dry_run=True))
    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert {"unreadable": 1, "repeated": 1} == replay.findings == dry.findings


async def test_a_webhook_whose_generation_is_forgotten_is_stale(tools, calls_back):
    await calls_back("gen_forgotten", WORD)
    await run_worker(tools, "read")

    dry = await ended(tools, await start(tools, What.WEBHOOKS, Filters(), dry_run=True))
    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert {"stale": 1} == replay.findings == dry.findings


async def test_a_late_word_that_was_unreadable_follows_the_expiry(tools, clock, told, calls_back, gives_up):
    """An expiry was announced meanwhile; the closing word still comes, once."""
    webhook = await told(b"<html>")
    await run_worker(replace(tools, upstreams={}), "read")
    clock.advance(24 * 3600)
    await gives_up()
    await calls_back(webhook.generation_id, WORD)
    await run_worker(replace(tools, upstreams={}), "read")

    for _ in range(2):
        await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert ["generation.expired", "generation.completed"] == [word for _, word in await announced(tools)]
    assert (await stored(tools, webhook.generation_id)).late


@pytest.fixture
def unsettleable(tools):
    """Another stored webhook like this one, about a generation whose row is spoiled."""

    async def keep(like):
        async with tools.store.transaction() as tx:
            lost = scheduled("lost", provider="eachlabs", route="predictions", external_id="el-1")
            await generations.insert(tx, lost, "{}")
            await tx.fetch(SPOIL["spoil"])
            webhook = await observations.webhook_by_id(tx, like.id)
            again = structs.replace(webhook, id=like.id + "x", generation_id="gen_lost")
            await observations.insert_webhooks(tx, [again])
        await run_worker(tools, "read")

    return keep


async def test_a_webhook_that_cannot_be_settled_stops_nobody(tools, told, unsettleable):
    """As when it came: those before and after it are settled, and the replay goes on to its end."""
    await unsettleable(await told())
    await told()

    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert (Progress.FINISHED, 3) == (replay.status, replay.done)
    assert {"repeated": 2, "unsettled": 1} == replay.findings


async def test_beside_one_that_cannot_be_settled_each_is_counted_as_what_it_was(tools, told, calls_back, unsettleable):
    """What advanced is not told as repeated, and each is heard once."""
    await unsettleable(await told())
    mute = await told(b"<html>")
    word = await calls_back(mute.generation_id, WORD)
    await run_worker(replace(tools, upstreams={}), "read")
    async with tools.store.reading() as tx:
        before = len(await observations.observations_of(tx, mute.generation_id))

    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert {"repeated": 1, "unsettled": 1, "unreadable": 1, "advanced": 1} == replay.findings
    assert "advanced" == (await webhook_of(tools, word.id)).finding
    async with tools.store.reading() as tx:
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
async def test_only_what_the_filters_name_is_read_again(tools, told, calls_back, wanted, count):
    first, _ = await told(), await told()
    await calls_back(first.generation_id, WORD)
    await run_worker(tools, "read")

    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters(**wanted)))

    assert (count, count) == (replay.total, replay.done)


async def test_what_came_before_or_after_the_time_asked_for_is_left_alone(tools, clock, told):
    await told()
    since = clock()
    second = await told()
    until = clock()
    await told()

    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters(since=since, until=until)))

    assert (1, second.id) == (replay.done, replay.cursor)


async def test_what_comes_in_while_it_runs_is_not_its_concern(tools, told):
    await told()
    replay = await start(tools, What.WEBHOOKS, Filters())
    await told()

    assert 1 == (await ended(tools, replay)).done


# ---------------------------------------------------------------- what would be


async def test_a_dry_run_writes_nothing_and_tells_the_same_counts(tools, told, calls_back):
    """Each in the light of those before it: the first of two equal words advances, the second repeats it."""
    blind = replace(tools, upstreams={})
    first, second = await told(b"<html>"), await told(b"<html>")
    for webhook in (first, first, second):
        await calls_back(webhook.generation_id, WORD)
    await run_worker(blind, "read")
    before = await everything(tools.store)

    dry = await ended(tools, await start(tools, What.WEBHOOKS, Filters(), dry_run=True))
    assert before == await everything(tools.store)
    replay = await ended(tools, await start(tools, What.WEBHOOKS, Filters()))

    assert {"unreadable": 2, "advanced": 2, "repeated": 1} == replay.findings == dry.findings
    assert (5, 5) == (dry.done, dry.total)
    assert (True, False) == (dry.dry_run, replay.dry_run)


async def test_a_dry_run_of_events_sends_nothing_and_tells_the_same_counts(tools, listener, subscribed, arrived):
    await subscribed()
    await arrived(3)
    before = await everything(tools.store)

    dry = await ended(tools, await start(tools, What.EVENTS, Filters(), dry_run=True))
    assert before == await everything(tools.store)
    assert 0 == await run_worker(tools, "deliver")
    replay = await ended(tools, await start(tools, What.EVENTS, Filters()))

    assert {"redelivered": 3} == replay.findings == dry.findings


async def test_a_dry_run_of_the_quarantine_releases_nothing_and_tells_the_same_counts(tools, refused):
    await refused("yesterday's")
    await refused("a guess")
    today = mended(tools, "yesterday's")
    before = await everything(tools.store)

    dry = await ended(today, await start(today, What.QUARANTINE, Filters(), dry_run=True))
    assert before == await everything(tools.store)
    replay = await ended(today, await start(today, What.QUARANTINE, Filters()))

    assert {"verified": 1, "unverified": 1} == replay.findings == dry.findings


# ---------------------------------------------------------------- refused webhooks verified again


async def test_refused_webhooks_are_read_and_settled_when_the_secret_was_mended(tools, refused):
    good, bad = await refused("yesterday's"), await refused("a guess")
    today = mended(tools, "yesterday's")

    await ended(today, await start(today, What.QUARANTINE, Filters()))
    await run_worker(today, "read")

    assert [(good, "generation.completed")] == await announced(tools)
    generation = await stored(tools, good)
    assert ("completed", VerifiedBy.SECRET) == (generation.status, generation.verified_by)
    assert "submitted" == (await stored(tools, bad)).status
    async with tools.store.reading() as tx:
        (released,) = await observations.webhooks_of(tx, good)
        (kept,) = await observations.webhooks_of(tx, bad)
    assert (None, None, "advanced") == (released.quarantined_at, released.refused_because, released.finding)
    assert kept.quarantined_at is not None


async def test_what_was_released_is_not_verified_again(tools, refused):
    await refused("yesterday's")
    today = mended(tools, "yesterday's")

    totals = [(await ended(today, await start(today, What.QUARANTINE, Filters()))).total for _ in range(2)]

    assert [1, 0] == totals


async def test_nobody_is_vouched_for_by_an_account_that_is_gone(tools, refused):
    await refused("yesterday's")
    gone = replace(tools, upstreams={})

    replay = await ended(gone, await start(gone, What.QUARANTINE, Filters()))

    assert {"unverified": 1} == replay.findings


# ---------------------------------------------------------------- events again


async def test_events_are_sent_again_in_their_order(tools, listener, subscribed, arrived):
    await subscribed(max_in_flight=1)
    ids = await arrived(4)

    replay = await ended(tools, await start(tools, What.EVENTS, Filters()))
    while await run_worker(tools, "deliver"):
        pass

    assert {"redelivered": 4} == replay.findings
    assert [(one, "true") for one in ids] == [
        (asked.headers["webhook-id"], asked.headers["arrivals-redelivered"]) for asked in listener.asked
    ]


async def test_events_that_nobody_wants_are_counted_as_that(tools, subscribed, arrived):
    await subscribed(filter={"provider": "runblob"})
    await arrived(2)

    replay = await ended(tools, await start(tools, What.EVENTS, Filters()))

    assert {"unwanted": 2} == replay.findings
    assert 0 == await run_worker(tools, "deliver")


async def test_one_subscriber_gets_exactly_what_it_missed(tools, listener, subscribed, completed):
    """Neither what it has nor what is still under way to it."""
    missing = await subscribed("/missing", max_in_flight=1)
    await subscribed("/other", max_in_flight=1)
    once = replace(tools, cadence=replace(tools.cadence, retry_schedule_s=(0,)))
    missed = []
    for answers in ([204, 204], [500, 204], [204, 204], [500, 204]):
        generation_id = await completed()
        async with tools.store.reading() as tx:
            (event,) = await events.events_of(tx, generation_id)
        missed += [event.id] * (answers[0] == 500)
        for claimed in await deliver.claim(once, 10):
            listener.answers.append(answers[claimed.subscriber_id != missing])
            await deliver.deliver(once, claimed)
    await completed()  # under way
    listener.asked.clear()
    listener.answers[:] = [204] * 10

    replay = await ended(tools, await start(tools, What.EVENTS, Filters(subscriber=missing, missed=True)))

    assert {"redelivered": 2, "reached": 3} == replay.findings
    while await run_worker(tools, "deliver"):
        pass
    again = [
        (asked.path, asked.headers["webhook-id"]) for asked in listener.asked if "arrivals-redelivered" in asked.headers
    ]
    assert [("/missing", one) for one in missed] == again


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
async def test_only_events_that_the_filters_name_are_sent_again(tools, subscribed, arrived, wanted, count):
    await subscribed()
    await arrived(2)

    replay = await ended(tools, await start(tools, What.EVENTS, Filters(**wanted)))

    assert (count, count) == (replay.total, replay.done)


# ---------------------------------------------------------------- pace, cancellation, restarts


@pytest.mark.parametrize(("rate", "batch", "pause_s"), [(2, 2, 1), (0.5, 1, 2)])
async def test_a_rate_spaces_the_batches(tools, clock, told, rate, batch, pause_s):
    for _ in range(3):
        await told()
    replay = await start(tools, What.WEBHOOKS, Filters(), rate_per_s=rate)
    assert 1 == await run_worker(tools, "replay")

    clock.advance(pause_s - 0.1)
    assert 0 == await run_worker(tools, "replay")
    assert batch == (await stands(tools, replay)).done
    clock.advance(0.1)
    assert 1 == await run_worker(tools, "replay")
    assert min(2 * batch, 3) == (await stands(tools, replay)).done


async def test_replays_run_beside_each_other(tools, told, subscribed, arrived):
    await told()
    started = [await start(tools, what, Filters()) for what in What]

    assert 3 == await run_worker(tools, "replay")

    assert [Progress.FINISHED] * 3 == [(await stands(tools, one)).status for one in started]


async def cancel(tools, replay):
    async with tools.store.transaction() as tx:
        return await replays.cancel(tx, replay.id, tools.now())


async def test_a_canceled_replay_ends_where_it_stands(tools, clock, listener, subscribed, arrived):
    await subscribed()
    await arrived(3)
    replay = await start(tools, What.EVENTS, Filters(), rate_per_s=1)
    await run_worker(tools, "replay")

    assert await cancel(tools, replay)
    clock.advance(3600)

    assert 0 == await run_worker(tools, "replay")
    canceled = await stands(tools, replay)
    assert (Progress.CANCELED, 1, 3) == (canceled.status, canceled.done, canceled.total)
    assert 1 == await run_worker(tools, "deliver")
    assert not await cancel(tools, replay)


@pytest.mark.parametrize("what", [What.EVENTS, What.WEBHOOKS])
async def test_canceled_in_the_middle_of_a_batch_it_stays_canceled(tools, subscribed, arrived, what):
    await subscribed()
    await arrived(2)
    replay = await start(tools, what, Filters())
    (claimed,) = await replaying.claim(tools, 1)
    await cancel(tools, replay)

    await replaying.replay(tools, claimed)

    canceled = await stands(tools, replay)
    assert (Progress.CANCELED, 0) == (canceled.status, canceled.done)
    assert 0 == await run_worker(tools, "deliver")


async def test_one_that_is_worked_on_is_not_taken_by_another(tools, clock, told):
    await told()
    await start(tools, What.WEBHOOKS, Filters())

    assert [1, 0] == [len(await replaying.claim(tools, 4)) for _ in range(2)]
    clock.advance(LEASE_S)
    assert 1 == len(await replaying.claim(tools, 4))


async def test_who_lost_its_lease_writes_nothing(tools, clock, told):
    await told()
    replay = await start(tools, What.WEBHOOKS, Filters())
    (slow,) = await replaying.claim(tools, 1)
    clock.advance(LEASE_S)
    (quick,) = await replaying.claim(tools, 1)
    await replaying.replay(tools, quick)

    await replaying.replay(tools, slow)

    assert (1, {"repeated": 1}) == ((await stands(tools, replay)).done, (await stands(tools, replay)).findings)


async def test_a_replay_of_nothing_ends_at_once(tools):
    replay = await ended(tools, await start(tools, What.EVENTS, Filters()))

    assert (Progress.FINISHED, 0, {}) == (replay.status, replay.total, replay.findings)


async def test_a_replay_that_cannot_go_on_says_why(tools, clock, subscribed, arrived):
    """Its subscriber was deleted meanwhile."""
    subscriber_id = await subscribed()
    await arrived(2)
    replay = await start(tools, What.EVENTS, Filters(subscriber=subscriber_id), rate_per_s=1)
    await run_worker(tools, "replay")
    async with tools.store.transaction() as tx:
        await subscribers.delete(tx, subscriber_id, clock())
    clock.advance(1)

    failed = await ended(tools, replay)

    assert (Progress.FAILED, "Missing", 1) == (failed.status, failed.failed_because, failed.done)
    assert failed.finished_at is not None


class Away:
    """A database that can be used so many times and is locked from then on."""

    def __init__(self, inner, uses):
        self._inner, self._left = inner, uses

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def reading(self):
        """As long as it can be used."""
        return self._used(self._inner.reading)

    def glance(self):
        """Likewise."""
        return self._used(self._inner.glance)

    def transaction(self):
        """Likewise."""
        return self._used(self._inner.transaction)

    @asynccontextmanager
    async def _used(self, begin):
        self._left -= 1
        if self._left < 0:
            raise Unavailable("locked")
        async with begin() as tx:
            yield tx


@pytest.mark.parametrize("uses", range(9))
async def test_a_replay_waits_for_a_database_that_is_away(tools, clock, told, unsettleable, uses):
    """At whatever point it went away: nothing fails, and what was to be done is done when it is back."""
    await unsettleable(await told())
    replay = await start(tools, What.WEBHOOKS, Filters())
    (claimed,) = await replaying.claim(tools, 1)
    try:
        await replaying.replay(replace(tools, store=Away(tools.store, uses)), claimed)
    except Unavailable:
        assert Progress.RUNNING == (await stands(tools, replay)).status
    clock.advance(LEASE_S)

    finished = await ended(tools, replay)

    assert (Progress.FINISHED, 2) == (finished.status, finished.done)
    assert {"repeated": 1, "unsettled": 1} == finished.findings


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", [What.EVENTS, What.WEBHOOKS])
async def test_death_at_any_point_sends_nothing_twice(
    tools, clock, transport, upstream, listener, subscribed, arrived, what
):
    """Each point in turn: the next process goes on where the last one stood, and counts each once."""
    dies_at, died = 0, True
    while died:
        dies_at += 1
        await empty(tools.store)
        await subscribed()
        await arrived(3)
        replay = await start(tools, what, Filters(), rate_per_s=2)
        before = await announced(tools)

        died = await lived(tools.store, clock, transport, upstream, dies_at)
        assert not await lived(tools.store, clock, transport, upstream, 10**9)

        async with tools.store.reading() as tx:
            now = await replays.by_id(tx, replay.id)
            sent = [
                [one.redelivered for one in await deliveries.of_generation(tx, event.generation_id)]
                for _, event in (await events.behind(tx, 0, 10)).found
            ]
        assert (Progress.FINISHED, 3, 3) == (now.status, now.done, now.total)
        assert {"redelivered" if what is What.EVENTS else "repeated": 3} == now.findings
        assert [[False, True] if what is What.EVENTS else [False]] * len(before) == sent
    assert dies_at > 10


async def lived(store, clock, transport, upstream, dies_at):
    """One process on the database, until it dies or the replay has ended; whether it died."""
    async with reopened(store, clock) as inner:
        mortal = Mortal(inner, dies_at)
        tools = tools_over(mortal, transport, clock, upstream.url)
        try:
            for _ in range(4):
                await run_worker(tools, "replay")
                clock.advance(LEASE_S)
        except BaseException as error:
            if mortal.alive or not _is_death(error):
                raise
            return True
    return False


def _is_death(error):
    return isinstance(error, Died) or (
        isinstance(error, BaseExceptionGroup) and all(_is_death(one) for one in error.exceptions)
    )


# ---------------------------------------------------------------- one webhook at once


async def test_one_webhook_is_replayed_at_once(tools, told, calls_back):
    webhook = await told(b"<html>")
    again = await calls_back(webhook.generation_id, WORD)
    await run_worker(replace(tools, upstreams={}), "read")
    before = await everything(tools.store)

    assert "advanced" == await replay_one(tools, again.id, dry_run=True)
    assert before == await everything(tools.store)
    assert ["advanced", "repeated"] == [await replay_one(tools, again.id, dry_run=False) for _ in range(2)]
    assert "unreadable" == await replay_one(tools, webhook.id, dry_run=False)
    assert [(webhook.generation_id, "generation.completed")] == await announced(tools)


async def test_one_that_was_refused_is_not_replayed_as_if_it_were_believed(tools, refused):
    generation_id = await refused("a guess")
    async with tools.store.reading() as tx:
        (webhook,) = await observations.webhooks_of(tx, generation_id)

    with pytest.raises(NotReplayable):
        await replay_one(tools, webhook.id, dry_run=False)

    assert "submitted" == (await stored(tools, generation_id)).status


async def test_one_that_is_not_there_is_not_replayed(tools):
    with pytest.raises(Missing):
        await replay_one(tools, "whk_none", dry_run=False)
