"""Replays: stored webhooks read again, refused ones verified again, events sent again.

A replay is a row that records its progress. Each turn does one batch and writes how far it came, so that a restart
continues from there. Nothing that was announced is ever changed by one; it can only add what was missing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs
import structlog

from arrivals.core.observation import Observation
from arrivals.core.reconcile import reconcile
from arrivals.core.wire import micros
from arrivals.flow.context import Context
from arrivals.flow.delivery.redeliver import Outcome, due_again, recipients
from arrivals.flow.observation.match import members_of
from arrivals.flow.observation.read import observation_of
from arrivals.flow.observation.receive import verify_again
from arrivals.flow.settlement.settle import settle, settle_each
from arrivals.store import deliveries, events, generations, observations, replays
from arrivals.store.engine.base import Tx, Unavailable
from arrivals.store.engine.signals import Signal
from arrivals.store.events import EventFilter
from arrivals.store.observations import StoredWebhook
from arrivals.store.replays import Filters, Replay, ReplayKind, ReplayStatus

log = structlog.get_logger()

BATCH = 200
LEASE_S = 60.0
UNREADABLE, UNSETTLED, VERIFIED, UNVERIFIED = "unreadable", "unsettled", "verified", "unverified"

Step = Callable[[Context, Replay, int], Awaitable[tuple[Replay, bool]]]  # its progress, whether there is more


class NotReplayable(Exception):
    """It cannot be replayed; the message says why."""


class NotCancelable(Exception):
    """The replay has ended already."""

    def __init__(self, status: ReplayStatus) -> None:
        super().__init__(f"it is {status} already")


class Canceled(Exception):
    """The replay was canceled, or another process has it."""


async def start(
    context: Context, kind: ReplayKind, filters: Filters, *, dry_run: bool = False, rate_per_s: float | None = None
) -> Replay:
    """Starts a replay, which a worker takes up at once."""
    now = context.now()
    # Whatever comes in while it runs is not part of it.
    bounded = replace(filters, until=min(filters.until, now))
    new = Replay(
        id=context.make_id("rpl"),
        kind=kind,
        filters=bounded,
        created_at=now,
        dry_run=dry_run,
        rate_per_s=rate_per_s,
        cursor="0" if kind is ReplayKind.EVENTS else "",
        due_at=now,
    )
    async with context.store.transaction() as tx:
        counted = (
            await events.count(tx, _wanted(bounded))
            if kind is ReplayKind.EVENTS
            else await replays.count_webhooks(tx, new)
        )
        new = replace(new, total=counted)
        await replays.insert(tx, new)
    context.store.notify(Signal.REPLAY)
    log.info("replay_started", replay_id=new.id, kind=kind, total=new.total, dry_run=dry_run)
    return new


def _wanted(filters: Filters) -> EventFilter:
    return EventFilter(
        type=filters.type,
        generation=filters.generation,
        provider=filters.provider,
        model=filters.model,
        since=filters.since,
        until=filters.until,
    )


async def cancel(context: Context, replay_id: str) -> Replay:
    """Ends it where it is; what it did stays. Raises Missing, NotCancelable."""
    async with context.store.transaction() as tx:
        running = await replays.by_id(tx, replay_id)
        if running.status is not ReplayStatus.RUNNING or not await replays.cancel(tx, running.id, context.now()):
            raise NotCancelable(running.status)
        return await replays.by_id(tx, running.id)


async def claim(context: Context, limit: int) -> list[Replay]:
    """Replays whose next batch is due."""
    async with context.store.transaction() as tx:
        return await replays.claim(tx, limit, micros(LEASE_S))


async def replay(context: Context, claimed: Replay) -> None:
    """Does one batch of one replay."""
    size = BATCH if claimed.rate_per_s is None else max(1, min(BATCH, int(claimed.rate_per_s)))
    try:
        after, more = await STEPS[claimed.kind](context, claimed, size)
    except Unavailable:
        raise  # its lease brings it back
    except Canceled:
        return
    except Exception as error:
        log.exception("replay_failed", replay_id=claimed.id)
        after, more = _failed(claimed, error), False
    await _advance(context, claimed, after, more=more)


async def fail(context: Context, claimed: Replay, reason: Exception) -> None:
    """Ends a replay that broke while its progress was written, or that took too long; the exception is its reason."""
    await _advance(context, claimed, _failed(claimed, reason), more=False)


def _failed(claimed: Replay, reason: Exception) -> Replay:
    return replace(claimed, status=ReplayStatus.FAILED, failed_reason=type(reason).__name__)


async def _advance(context: Context, claimed: Replay, after: Replay, *, more: bool) -> None:
    now, did = context.now(), after.done - claimed.done
    if after.status is ReplayStatus.RUNNING and not more:
        after = replace(after, status=ReplayStatus.FINISHED)
    running = after.status is ReplayStatus.RUNNING
    pause = did / claimed.rate_per_s if claimed.rate_per_s else 0.0
    after = replace(after, due_at=now + micros(pause) if running else None, finished_at=None if running else now)
    async with context.store.transaction() as tx:
        saved = await replays.save(tx, claimed, after)
    context.store.notify(Signal.REPLAY)
    log.info(
        "replay_advanced", replay_id=claimed.id, done=after.done, total=after.total, status=after.status, saved=saved
    )


async def _webhooks(context: Context, claimed: Replay, size: int) -> tuple[Replay, bool]:
    async with context.store.reading() as tx:
        page = await replays.webhooks(tx, claimed, size)
        seen = await _seen_again(context, tx, page.items)
        if claimed.dry_run:
            return claimed.after(await _would_be(tx, seen), _last(page.items, claimed.cursor)), page.more
    results = await settle_each(context, seen)
    names = [
        UNSETTLED if isinstance(result, Exception) else _name(observation, result)
        for observation, result in zip(seen, results, strict=True)
    ]
    return claimed.after(names, _last(page.items, claimed.cursor)), page.more


async def replay_one(context: Context, webhook_id: str, *, dry_run: bool) -> str:
    """Reads one stored webhook again and returns the finding. Raises Missing, NotReplayable."""
    async with context.store.reading() as tx:
        stored = await observations.webhook_by_id(tx, webhook_id)
        if stored.quarantined_at is not None:
            raise NotReplayable(
                "it was refused and is in quarantine; start a replay of the quarantine to verify it again"
            )
        seen = await _seen_again(context, tx, [stored])
        if dry_run:
            return (await _would_be(tx, seen))[0]
    return _name(seen[0], (await settle(context, seen))[0])


async def _seen_again(context: Context, tx: Tx, stored: Sequence[StoredWebhook]) -> list[Observation]:
    """The observations that a worker would read from these webhooks, as of now."""
    about = await generations.keys_of(tx, [webhook.generation_id for webhook in stored])
    members = await members_of(tx, about)
    now = context.now()
    return [
        structs.replace(
            observation_of(context, webhook, about.get(webhook.generation_id), members),
            at=now,
            hold_until=now + micros(context.policy.cadence.held_s),
            replayed=True,
        )
        for webhook in stored
    ]


async def _would_be(tx: Tx, seen: list[Observation]) -> list[str]:
    """The findings that settling would give, each in the light of those before it; nothing is written."""
    current = dict(await generations.by_ids(tx, [observation.generation_id for observation in seen]))
    names = []
    for observation in seen:
        generation = current.get(observation.generation_id)
        if generation is None:
            names.append("stale")
            continue
        verdict = reconcile(generation, observation)
        current[observation.generation_id] = verdict.generation
        names.append(_name(observation, verdict.finding))
    return names


def _name(seen: Observation, finding: str) -> str:
    return UNREADABLE if seen.unreadable_reason else str(finding)


def _last(stored: Sequence[StoredWebhook], cursor: str) -> str:
    return stored[-1].id if stored else cursor


async def _quarantine(context: Context, claimed: Replay, size: int) -> tuple[Replay, bool]:
    """Verifies webhooks with the current secrets; one that passes now is read like any other."""
    async with context.store.reading() as tx:
        page = await replays.webhooks(tx, claimed, size)
    verified = {webhook.id: verify_again(context, webhook) for webhook in page.items}
    names = [VERIFIED if good is not None else UNVERIFIED for good in verified.values()]
    if not claimed.dry_run:
        async with context.store.transaction() as tx:
            for webhook_id, good in verified.items():
                if good is not None:
                    await replays.release(tx, webhook_id, good.verified_by)
        context.store.notify(Signal.READ)
    return claimed.after(names, _last(page.items, claimed.cursor)), page.more


async def _events(context: Context, claimed: Replay, size: int) -> tuple[Replay, bool]:
    async with context.store.transaction() as tx:
        page = await events.page_after(tx, int(claimed.cursor), size, _wanted(claimed.filters))
        only = await recipients(tx, claimed.filters.subscriber)
        names: list[str] = []
        for position, event in page.events:
            due = await due_again(context, tx, event, position, only, missed=claimed.filters.missed)
            names.append(
                Outcome.REDELIVERED if due else Outcome.REACHED if claimed.filters.missed else Outcome.UNWANTED
            )
            if not claimed.dry_run:
                await deliveries.insert(tx, due)
        after = claimed.after(names, str(page.position))
        # In one transaction with the deliveries: a batch is never sent twice because its end was not written down.
        if not await replays.save(tx, claimed, after):
            raise Canceled
    context.store.notify(Signal.DELIVER)
    return after, page.more


STEPS: Mapping[ReplayKind, Step] = {
    ReplayKind.WEBHOOKS: _webhooks,
    ReplayKind.QUARANTINE: _quarantine,
    ReplayKind.EVENTS: _events,
}
