"""THE ONE TRANSACTION: observations → verdicts → state, events and deliveries, a batch at once.

The only writer of changes that a provider's answers and webhooks cause. Events are written in the same transaction as
the change that caused them, and signals are sent after the commit.
"""

from collections.abc import Sequence

from msgspec.structs import replace
import structlog

from arrivals.core.bounds import bounded
from arrivals.core.event import event_about
from arrivals.core.generation import Generation, Origin, Status
from arrivals.core.observation import Finding, Observation
from arrivals.core.reconcile import reconcile
from arrivals.flow.context import Context
from arrivals.flow.exchange.masking import without_secrets
from arrivals.flow.log_fields import about
from arrivals.flow.settlement.fan_out import deliveries_for
from arrivals.flow.settlement.inline_outputs import keep
from arrivals.flow.settlement.learn import learn, lessons_of
from arrivals.flow.settlement.measure import measure
from arrivals.flow.settlement.schedule import PollSchedule, hinted_after_poll, schedule
from arrivals.flow.settlement.settled import Meeting, Settled
from arrivals.store import deliveries, events, generations, metrics, observations, subscribers
from arrivals.store.engine.base import Collided, Overtaken, Tx, Unavailable
from arrivals.store.engine.signals import Signal
from arrivals.store.generations import Scheduled
from arrivals.store.observations import Read

log = structlog.get_logger()

UNDER_WAY = frozenset({Status.SUBMITTED, Status.PROCESSING})


async def settle_one(context: Context, seen: Observation) -> Finding:
    """The finding about one observation, settled together with others that come at the same time."""
    return await context.batches.observations.add(seen)


async def settle(context: Context, seen: Sequence[Observation]) -> list[Finding]:
    """The finding about each observation. What one of them raises is raised when all others are settled."""
    findings: list[Finding] = []
    for result in await settle_each(context, seen):
        if isinstance(result, Exception):
            raise result
        findings.append(result)
    return findings


async def settle_each(context: Context, seen: Sequence[Observation]) -> list[Finding | Exception]:
    """The finding about each observation, or why it could not be settled. Raises Unavailable.

    A batch that fails is settled one by one, so one bad row stops nobody.
    """
    if not seen:
        return []
    try:
        return [*await _settle(context, seen)]
    except (Overtaken, Collided):
        return [*await _settle(context, seen)]
    except Unavailable:
        raise  # the row is innocent: it is settled when the database can be used again
    except Exception as error:
        if len(seen) == 1:
            if seen[0].webhook_id is not None:
                await set_aside(context, seen[0].webhook_id, f"it could not be settled: {type(error).__name__}")
            return [error]
        log.exception("batch_failed", observations=len(seen))
    return [result for observation in seen for result in await settle_each(context, [observation])]


async def set_aside(context: Context, webhook_id: str, reason: str) -> None:
    """Flags a webhook that cannot be settled, so that it is not read forever; its bytes stay for a replay."""
    read = Read(id=webhook_id, read_at=context.now(), finding=Finding.STALE, unreadable_reason=reason)
    async with context.store.transaction() as tx:
        await observations.mark_read(tx, [read])


async def _settle(context: Context, seen: Sequence[Observation]) -> list[Finding]:
    async with context.store.transaction() as tx:
        settled = await settle_within(context, tx, seen)
    return tell(context, settled)


async def settle_within(context: Context, tx: Tx, seen: Sequence[Observation]) -> Settled:
    """Settles as a part of a larger decision; after its commit, `tell` is to be called with the result."""
    within = [replace(observation, reading=bounded(observation.reading)) for observation in seen]
    current = await generations.to_settle(tx, [observation.generation_id for observation in within])
    seen = [
        without_secrets(context, observation, _generation_of(current.get(observation.generation_id)))
        for observation in within
    ]
    batch = Settled(
        current=current,
        read_before=await observations.read_already(
            tx, [observation.webhook_id for observation in seen if observation.webhook_id]
        ),
    )
    for observation in seen:
        await _meet(context, tx, batch, observation)
    await _record(context, tx, batch)
    return batch


def tell(context: Context, batch: Settled) -> list[Finding]:
    """Returns the finding of each observation, and wakes whatever waits for it."""
    context.process.waiters.wake(
        scheduled.generation.id for scheduled in batch.changed.values() if scheduled.generation.ended
    )
    context.store.notify(Signal.SETTLED)
    learn(context, batch.lessons)
    now = context.now()
    if any(
        scheduled.schedule.poll_at is not None and scheduled.schedule.poll_at <= now
        for scheduled in batch.changed.values()
    ):
        context.store.notify(Signal.POLL)
    if batch.announced:
        context.store.notify(Signal.DELIVER)
    if any(
        (scheduled.generation.provider, scheduled.generation.account) in context.process.crowded
        for scheduled in batch.changed.values()
    ):
        context.store.notify(Signal.SUBMIT)  # a place may be free
    measure(context.process.measurements, batch)
    for met in batch.meetings:
        log.info("observation_settled", **about(met.after), origin=met.seen.origin, finding=met.finding)
    for event, generation in batch.announced:
        log.info("event_announced", **about(generation), event_id=event.id, type=event.type)
    return batch.findings


def _generation_of(scheduled: Scheduled | None) -> Generation | None:
    return None if scheduled is None else scheduled.generation


async def _meet(context: Context, tx: Tx, batch: Settled, seen: Observation) -> None:
    """Decides one observation in the light of all before it."""
    before = batch.current.get(seen.generation_id)
    verdict = reconcile(before.generation, seen) if before else None
    finding = verdict.finding if verdict else Finding.STALE
    if seen.webhook_id in batch.read_before and not seen.replayed:
        finding, verdict = Finding.REPEATED, None  # another process has read this very webhook
    elif seen.webhook_id:
        batch.read_before.add(seen.webhook_id)
        reason = seen.unreadable_reason
        batch.read.append(Read(id=seen.webhook_id, read_at=context.now(), finding=finding, unreadable_reason=reason))
    batch.findings.append(finding)
    if before is None or verdict is None:
        return
    batch.observations.append((context.make_id("obs"), seen, finding))
    if context.process.unknown_statuses.counts(before.generation, seen):
        batch.unknown_statuses[before.generation.provider] += 1
    polled = seen.origin is Origin.POLL
    after = replace(await keep(context, tx, verdict.generation), polls=before.generation.polls + polled)
    batch.meetings.append(Meeting(before=before.generation, seen=seen, finding=finding, after=after))
    moved = Scheduled(
        generation=after,
        schedule=schedule(before, after, seen, finding, _pace(context, after)),
        submit_tries=before.submit_tries,
        asked_at=before.asked_at,
        poll_misses=0 if polled else before.poll_misses,
        hinted=_hinted(before, after, seen),
        running_at=seen.at if after.status in UNDER_WAY and (polled or verdict.announce) else before.running_at,
    )
    if moved != before:
        batch.current[after.id] = batch.changed[after.id] = moved
    if verdict.announce:
        batch.announced.append((event_about(after, verdict.announce, context.make_id("evt"), seen.at), after))
    batch.lessons += lessons_of(before, moved, seen)


def _hinted(before: Scheduled, after: Generation, seen: Observation) -> int:
    if after.closed:
        return 0
    if not seen.believed:
        return 1
    return hinted_after_poll(before) if seen.origin is Origin.POLL else before.hinted


def _pace(context: Context, generation: Generation) -> PollSchedule | None:
    """Everything that decides when to ask about it; None where nobody will, or of a route that is not known here."""
    route, cadence = context.route_or_none(generation), context.policy.cadence
    if route is None or generation.closed:
        return None
    question = context.process.knowledge.question(generation, route, cadence, webhook=generation.webhook_expected)
    return PollSchedule(cadence=cadence, route=route, question=question, random=context.random())


async def _record(context: Context, tx: Tx, batch: Settled) -> None:
    """Writes everything that was decided."""
    await observations.insert(tx, batch.observations)
    await observations.mark_read(tx, batch.read)
    await generations.save(tx, list(batch.changed.values()))
    if batch.unknown_statuses:
        await metrics.count_words(tx, batch.unknown_statuses)
    positions = await events.append(tx, [event for event, _ in batch.announced])
    if batch.announced:
        active = await subscribers.active(tx)
        announced = [(event, generation, positions[event.id]) for event, generation in batch.announced]
        await deliveries.insert(tx, await deliveries_for(context, tx, active, announced))
