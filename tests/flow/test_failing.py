"""Items that break each time they are handled, by our mistake or a spoiled row, end somewhere and stop no other."""

from contextlib import asynccontextmanager
from dataclasses import replace
import json

import pytest

from arrivals.core.cadence import RETRY_SCHEDULE_S
from arrivals.core.generation import Status
from arrivals.core.http import InboundWebhook
from arrivals.core.wire import SECOND
from arrivals.flow.admin import prune
from arrivals.flow.admin.prune import Retention
from arrivals.flow.admin.replay import start
from arrivals.flow.delivery import deliver
from arrivals.flow.observation import expire, poll, read
from arrivals.flow.settlement.schedule import GRACE
from arrivals.flow.submission import submit
from arrivals.flow.submission.order import stored
from arrivals.flow.submission.postpone import return_unsent
from arrivals.store import deliveries, generations, observations, replays
from arrivals.store import prune as pruning
from arrivals.store.engine.base import Unavailable
from arrivals.store.engine.queries import parse
from arrivals.store.observations import StoredWebhook
from arrivals.store.replays import Filters, ReplayKind, ReplayStatus
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED, SUCCEEDED
from tests.flow.delivery import test_deliver
from tests.support.contexts import with_policy
from tests.support.examples import keep, scheduled

subscribed, completed = test_deliver.subscribed, test_deliver.completed

DAY_S = 24 * 3600
SQL = parse("-- name: spoil\nUPDATE generations SET outputs = 'spoiled' WHERE id = :id;")


def broken(*_args, **_kwargs):
    raise RuntimeError("a mistake of ours")


def breaking_for(function, named, error=RuntimeError):
    """Wraps the function so that it breaks where the text of its arguments holds this name."""

    def call(*args, **kwargs):
        if named in str(args):
            raise error
        return function(*args, **kwargs)

    return call


async def spoil(context, generation_id):
    async with context.store.transaction() as tx:
        await tx.fetch(SQL["spoil"], id=generation_id)


async def as_it_is(context, generation_id):
    async with context.store.reading() as tx:
        return await generations.by_id(tx, generation_id)


async def overdue(context, clock, *names, **changed):
    """Generations whose deadline has passed."""
    of = {"provider": "eachlabs", "route": "predictions", "status": Status.SUBMITTED, "external_id": "el-1"}
    of |= {"deadline_at": clock()}
    await keep(context.store, *(scheduled(name, timeout_at=clock() - 1, **{**of, **changed}) for name in names))


async def test_a_delivery_that_breaks_each_time_is_tried_by_the_schedule_and_given_up(
    context, clock, subscribed, completed, monkeypatch
):
    await subscribed()
    generation_id = await completed()
    monkeypatch.setattr(deliver, "signed_headers", broken)

    for _ in RETRY_SCHEDULE_S:
        clock.advance(2 * DAY_S)
        assert 1 == await run_worker(context, "deliver")
    clock.advance(2 * DAY_S)

    assert 0 == await run_worker(context, "deliver")
    async with context.store.reading() as tx:
        (ended,) = await deliveries.of_generation(tx, generation_id)
        attempts = await deliveries.attempts_of(tx, generation_id)
    assert (True, None) == (ended.given_up_at is not None, ended.attempt_at)
    assert ["internal: RuntimeError"] * len(RETRY_SCHEDULE_S) == [attempt.error for attempt in attempts]


async def test_a_poll_that_breaks_each_time_is_asked_ever_more_rarely(context, clock, submitted, monkeypatch):
    generation_id = await submitted()
    monkeypatch.setattr(poll, "_fetch_reading", broken)

    waits = []
    for _ in range(4):
        clock.advance(3600)
        assert 1 == await run_worker(context, "poll")
        current = await as_it_is(context, generation_id)
        waits.append(current.schedule.poll_at - clock())

    assert 4 == current.poll_misses
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]


@pytest.mark.parametrize("changed", [{"route": "of-a-newer-version"}, {"provider": "of-a-newer-version"}])
async def test_a_generation_that_this_version_does_not_know_waits_and_expires(context, clock, changed):
    """After a step back to the release before, it is polled in vain and ends by its deadline."""
    await overdue(context, clock, "1", poll_at=clock(), **changed)
    current = await as_it_is(context, "gen_1")

    await poll.fail(context, current, RuntimeError())
    assert 1 == (await as_it_is(context, "gen_1")).poll_misses
    assert 0 == await run_worker(context, "expire")
    clock.advance(GRACE / SECOND)
    assert 1 == await run_worker(context, "expire")

    after = await as_it_is(context, "gen_1")
    assert (Status.EXPIRED, None, None) == (after.generation.status, after.schedule.poll_at, after.schedule.timeout_at)


async def kept(context, clock, *names, about="gen_none"):
    """Keeps webhooks that nobody has read."""
    async with context.store.transaction() as tx:
        made = [
            StoredWebhook(
                id=f"whk_{name}", provider="eachlabs", account="default", generation_id=about, received_at=clock(),
                webhook=InboundWebhook(body=b"{}"),
            )
            for name in names
        ]  # fmt: skip
        await observations.insert_webhooks(tx, made)


async def flags(context, *names):
    async with context.store.reading() as tx:
        return [(await observations.webhook_by_id(tx, f"whk_{name}")).unreadable_reason for name in names]


async def test_a_webhook_that_breaks_the_reading_of_all_is_flagged_and_the_others_are_read(context, clock, monkeypatch):
    await kept(context, clock, "1", "2", "3")
    monkeypatch.setattr(read, "observation_of", breaking_for(read.observation_of, "whk_2"))

    assert 1 == await run_worker(context, "read")

    assert 0 == await run_worker(context, "read")
    assert [None, "it could not be read: RuntimeError", None] == await flags(context, "1", "2", "3")


async def test_a_webhook_about_a_route_of_a_newer_version_is_flagged(context, clock):
    await overdue(context, clock, "1", route="of-a-newer-version")
    await kept(context, clock, "1", about="gen_1")

    assert 1 == await run_worker(context, "read")

    assert 0 == await run_worker(context, "read")
    (reason,) = await flags(context, "1")
    assert "no route 'of-a-newer-version'" in reason


async def test_a_webhook_whose_row_is_spoiled_is_flagged_and_the_others_are_settled(context, clock):
    await overdue(context, clock, "1")
    await spoil(context, "gen_1")
    await kept(context, clock, "1", about="gen_1")
    await kept(context, clock, "2")

    assert 1 == await run_worker(context, "read")

    assert 0 == await run_worker(context, "read")
    assert ["it could not be settled: DecodeError", None] == await flags(context, "1", "2")


@pytest.mark.parametrize("room", [read, expire])
async def test_what_met_no_database_while_it_was_given_up_is_left_as_it_is(context, clock, room, monkeypatch):
    name = {read: "read", expire: "expire"}[room]
    await (kept if room is read else overdue)(context, clock, "1")
    for step in ("observation_of", "expired_observation"):
        monkeypatch.setattr(room, step, broken, raising=False)
    monkeypatch.setattr(room, "settle_each", broken)
    fail = room.fail

    async def away(context, items, reason):
        for step in ("observation_of", "expired_observation"):
            monkeypatch.setattr(room, step, breaking_for(broken, "", Unavailable), raising=False)
        await fail(context, items, reason)

    monkeypatch.setattr(room, "fail", away)

    assert 1 == await run_worker(context, name)

    monkeypatch.undo()
    clock.advance(expire.LEASE_S)
    assert 1 == await run_worker(context, name)


@pytest.mark.parametrize(
    ("where", "step"), [(generations, "save"), (expire, "expired_observation")], ids=["settling", "speaking"]
)
async def test_one_that_cannot_be_expired_is_left_for_a_while_and_stops_no_other(
    context, clock, where, step, monkeypatch
):
    await overdue(context, clock, "1", "2", "3")
    monkeypatch.setattr(where, step, breaking_for(getattr(where, step), "gen_2"))

    assert 1 == await run_worker(context, "expire")

    rows = [await as_it_is(context, f"gen_{n}") for n in (1, 2, 3)]
    assert [Status.EXPIRED, Status.SUBMITTED, Status.EXPIRED] == [row.generation.status for row in rows]
    clock.advance(expire.AGAIN_S - 1)
    assert 0 == await run_worker(context, "expire")
    monkeypatch.undo()
    clock.advance(2)
    assert 1 == await run_worker(context, "expire")


async def test_a_spoiled_row_stops_no_claim(context, clock):
    """Nor does a row with a word of a newer version."""
    await overdue(context, clock, "1", "2", poll_at=clock())
    await spoil(context, "gen_1")

    (polled,) = await poll.claim(context, 9)
    assert [] == await expire.claim(context, 9)  # both are asked once more before the clock's word counts
    clock.advance(GRACE / SECOND)
    (expiring,) = await expire.claim(context, 9)

    assert "gen_2" == expiring.id == polled.generation.id


async def test_a_replay_that_cannot_be_written_down_fails_with_a_reason(context, completed, monkeypatch):
    await completed()
    replay = await start(context, ReplayKind.WEBHOOKS, Filters())
    save, saved = replays.save, []

    async def broken_once(*args):
        saved.append(args)
        if len(saved) == 1:
            broken()
        return await save(*args)

    monkeypatch.setattr(replays, "save", broken_once)

    assert 1 == await run_worker(context, "replay")

    assert 0 == await run_worker(context, "replay")
    async with context.store.reading() as tx:
        failed = await replays.by_id(tx, replay.id)
    assert (ReplayStatus.FAILED, "RuntimeError") == (failed.status, failed.failed_reason)


async def test_a_submission_that_breaks_is_sent_at_most_once_and_ends_as_unknown(
    context, clock, upstream, ordered, monkeypatch
):
    generation_id = await ordered()
    submit = context.transport.submit

    async def broken_after(*args):
        await submit(*args)
        broken()

    monkeypatch.setattr(context.transport, "submit", broken_after)
    upstream.answers.append((200, json.dumps(SUCCEEDED).encode()))
    assert 1 == await run_worker(context, "submit")

    clock.advance(30 * DAY_S)
    assert 0 == await run_worker(context, "submit")
    assert 1 == await run_worker(context, "expire")

    generation = await stored(context, generation_id)
    assert (Status.EXPIRED, "submission_unknown") == (generation.status, generation.failure.code)
    assert 1 == len(upstream.requests)


async def test_a_kind_that_cannot_be_pruned_keeps_no_other_and_is_tried_an_hour_later(
    context, clock, completed, monkeypatch
):
    await completed()
    old = Retention(generations_s=0, events_s=0, webhooks_s=0, quarantine_s=0, idempotency_s=0)
    context = with_policy(context, retention=old)
    assert 0 == await run_worker(context, "prune")  # the first hour begins
    clock.advance(30 * DAY_S)
    monkeypatch.setattr(pruning, "delete", breaking_for(pruning.delete, "webhooks"))

    assert 1 == await run_worker(context, "prune")

    assert 0 == await run_worker(context, "prune")
    monkeypatch.undo()
    clock.advance(3601)
    (now,) = await prune.claim(context, 1)
    left = {what: count for what, count in (await prune.prune(context, now)).items() if count}
    assert {"webhooks": 1} == left


async def test_pruning_waits_for_a_database_that_is_away(context, monkeypatch):
    monkeypatch.setattr(prune, "_old", breaking_for(broken, "", Unavailable))
    with pytest.raises(Unavailable):
        await prune.prune(with_policy(context, retention=Retention(webhooks_s=0)), 1)


class Lost:
    """A database whose first transaction ends without an answer to its commit, whether or not that was made."""

    def __init__(self, inner, *, made):
        self._inner, self._made, self._first = inner, made, True

    def __getattr__(self, name):
        return getattr(self._inner, name)

    @asynccontextmanager
    async def transaction(self):
        """Opens the database's own transaction, except for the first."""
        first, self._first = self._first, False
        async with self._inner.transaction() as tx:
            yield tx
            if first and not self._made:
                raise Unavailable("lost")
        if first:
            raise Unavailable("lost")


async def test_a_claim_whose_commit_was_made_without_an_answer_is_returned_and_sent(context, upstream, ordered):
    """Nothing was sent, so nothing has to end as unknown."""
    generation_id = await ordered()

    with pytest.raises(Unavailable):
        await submit.claim(replace(context, store=Lost(context.store, made=True)), 9)

    assert Status.PENDING == (await stored(context, generation_id)).status
    upstream.answers.append((200, ACCEPTED))
    assert 1 == await run_worker(context, "submit")
    assert Status.SUBMITTED == (await stored(context, generation_id)).status


async def test_a_claim_that_was_not_made_takes_nothing_off_the_wire_of_who_made_the_next(
    context, upstream, ordered, monkeypatch
):
    """Between the lost commit and its return another process has claimed the order, for a try of the same number."""
    generation_id = await ordered()

    async def later(mine, claimed):
        assert 1 == len(await submit.claim(context, 9))
        await return_unsent(mine, claimed)

    monkeypatch.setattr(submit, "return_unsent", later)

    with pytest.raises(Unavailable):
        await submit.claim(replace(context, store=Lost(context.store, made=False)), 9)

    assert Status.SUBMITTING == (await stored(context, generation_id)).status


async def test_a_claim_that_found_nothing_has_nothing_to_return(context):
    with pytest.raises(Unavailable):
        await submit.claim(replace(context, store=Lost(context.store, made=False)), 9)
