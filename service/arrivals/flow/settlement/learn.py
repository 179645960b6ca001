"""Lessons of ends: drawn from what settles, used at once, written together a moment later, read in by all processes."""

from collections.abc import Sequence

import anyio
import structlog

from arrivals.core.generation import Origin, Status
from arrivals.core.lessons import DurationLesson, Lesson, WebhookLesson
from arrivals.core.observation import Observation
from arrivals.core.wire import SECOND, Micros
from arrivals.flow.context import Context
from arrivals.flow.knowledge import kinds_of
from arrivals.store import learned
from arrivals.store.engine.base import Tx
from arrivals.store.generations import Scheduled

log = structlog.get_logger()

TOGETHER_S = 1.0  # lessons are written together
READ_EVERY: Micros = 10 * SECOND
CAME_AFTER_ALL: Micros = 3600 * SECOND  # a webhook that comes later than this says nothing about the next one
TELLING = frozenset({Origin.WEBHOOK, Origin.POLL, Origin.STREAM})


def lessons_of(before: Scheduled, after: Scheduled, seen: Observation) -> list[Lesson]:
    """The lessons of one settled observation."""
    if not seen.believed or seen.replayed:
        return []
    was, now = before.generation, after.generation
    if now.closed and not was.closed and seen.origin in TELLING and now.submitted_at is not None:
        return [*_duration(before, after, seen, now.submitted_at), *_webhook(before, after, seen)]
    if was.closed and was.webhook_expected and was.learned_from is Origin.POLL and seen.origin is Origin.WEBHOOK:
        late = seen.at - (seen.reading.ended_at or was.closed_at or seen.at)
        if 0 <= late < CAME_AFTER_ALL and not before.hinted:
            return [_came(after, late / SECOND, after_all=True)]
    return []


def _duration(before: Scheduled, after: Scheduled, seen: Observation, submitted_at: Micros) -> list[Lesson]:
    """How long it took: as its provider says, or between two moments, of which it was under way at the first."""
    generation = after.generation
    if generation.status not in (Status.COMPLETED, Status.FAILED):
        return []
    earliest = before.running_at or submitted_at if seen.origin is Origin.POLL else seen.at
    latest, ended_at = seen.at, seen.reading.ended_at
    if ended_at is not None and (before.running_at or submitted_at) <= ended_at <= seen.at:  # its clock may be off
        earliest = latest = ended_at
    return [
        DurationLesson(
            provider=generation.provider,
            model=generation.model,
            order_size=generation.order_size,
            low_s=max(0, earliest - submitted_at) / SECOND,
            high_s=max(0, latest - submitted_at) / SECOND,
        )
    ]


def _webhook(before: Scheduled, after: Scheduled, seen: Observation) -> list[Lesson]:
    """The lesson about its webhook. An unsigned one is a hint, and the poll that it asked for closes the generation."""
    generation = after.generation
    if not generation.webhook_expected or seen.origin is Origin.STREAM:
        return []
    if seen.origin is Origin.POLL and not before.hinted:
        return [WebhookLesson(provider=generation.provider, account=generation.account, came=False)]
    ended_at = seen.reading.ended_at
    late_s = (seen.at - ended_at) / SECOND if ended_at is not None and ended_at <= seen.at else None
    return [_came(after, late_s, after_all=False)]


def _came(after: Scheduled, late_s: float | None, *, after_all: bool) -> WebhookLesson:
    generation = after.generation
    return WebhookLesson(
        provider=generation.provider, account=generation.account, came=True, late_s=late_s, after_all=after_all
    )


def learn(context: Context, lessons: Sequence[Lesson]) -> None:
    """Learns now, and has it written; nobody waits for that."""
    context.process.knowledge.learn(lessons)
    for lesson in lessons:
        context.batches.lessons.put(lesson, _log_failure)


def _log_failure(result: BaseException | None) -> None:
    if isinstance(result, Exception):
        log.warning("lesson_lost", reason=type(result).__name__)


async def write_all(context: Context, lessons: Sequence[Lesson]) -> list[None]:
    """Writes these lessons, and those that come meanwhile in the next batch."""
    await anyio.sleep(TOGETHER_S)
    async with context.store.transaction() as tx:
        await _write(tx, lessons, context.now())
    return [None] * len(lessons)


async def _write(tx: Tx, lessons: Sequence[Lesson], now: Micros) -> None:
    """Rows are locked in one order, so that two processes never wait for each other."""
    durations = [lesson for lesson in lessons if isinstance(lesson, DurationLesson)]
    for kind in sorted({kind for lesson in durations for kind in kinds_of(lesson)}):
        sketch = await learned.durations_of(tx, kind, now)
        mine = [(lesson.low_s, lesson.high_s) for lesson in durations if kind in kinds_of(lesson)]
        await learned.save_durations(tx, kind, sketch.with_durations(mine), now)
    webhooks = [lesson for lesson in lessons if isinstance(lesson, WebhookLesson)]
    for account in sorted({(lesson.provider, lesson.account) for lesson in webhooks}):
        record = await learned.webhooks_of(tx, account, now)
        for lesson in webhooks:
            if (lesson.provider, lesson.account) == account:
                record = record.with_lesson(lesson)
        await learned.save_webhooks(tx, account, record, now)
    await learned.forget_durations(tx)


async def read_in(context: Context) -> None:
    """Reads what was learned anywhere since the last time, at most every ten seconds."""
    now, knowledge = context.now(), context.process.knowledge
    if 0 <= now - knowledge.read_at < READ_EVERY:
        return
    since = knowledge.read_at - READ_EVERY  # a transaction may commit later than its moment
    async with context.store.reading() as tx:
        knowledge.read_in(await learned.durations_since(tx, since), await learned.webhooks_since(tx, since))
    knowledge.read_at = now
