"""The moment when a settled generation is looked at next. Pure: state, observation and finding come as arguments."""

from dataclasses import dataclass

from arrivals.core.asking import Question
from arrivals.core.backoff import jittered
from arrivals.core.cadence import Cadence, after_expiry_s, fixed_wait_s
from arrivals.core.generation import Generation, Origin, Status
from arrivals.core.observation import Finding, Observation
from arrivals.core.wire import SECOND, Micros, micros
from arrivals.providers.contract import Route
from arrivals.store.generations import NEVER, Schedule, Scheduled

ASK_BEFORE_DEADLINE: Micros = 60 * SECOND
ASK_AGAIN: Micros = 2 * SECOND  # after a poll, before a hint or a request by hand causes another
HELD_EVERY_S = 5.0  # while a result is awaited that its provider has announced
HINT_POLLS = 3  # after a hint, while nothing has changed
GRACE: Micros = 120 * SECOND  # beyond a deadline, for the last poll to be made and answered


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSchedule:
    """Everything that decides when we poll: cadence, the provider's page, what is known of such work, and chance."""

    cadence: Cadence
    route: Route
    question: Question
    random: float


def schedule(
    before: Scheduled, after: Generation, seen: Observation, finding: Finding, pace: PollSchedule | None
) -> Schedule:
    """The next submission, poll, and end of a bounded wait. `pace` None: it is closed, or of a route not known here."""
    if after.closed:
        return Schedule()
    held = after.held if after.held and after.held.believed else None
    expired = after.status is Status.EXPIRED
    deadline = None if expired else after.deadline_at
    timeout_at = min(deadline or held.until, held.until) if held else deadline
    return Schedule(
        submit_at=before.schedule.submit_at if after.status is Status.PENDING else None,
        poll_at=_poll_at(before, after, seen, finding, pace),
        timeout_at=timeout_at,
    )


def _poll_at(
    before: Scheduled, after: Generation, seen: Observation, finding: Finding, pace: PollSchedule | None
) -> Micros | None:
    if after.external_id is None or pace is None or not pace.route.polls:
        return None
    if not seen.believed:
        return _hinted(before, seen.at)
    waiting = after.held is not None and seen.at < after.held.until
    if after.status is Status.EXPIRED and not waiting and seen.at >= after.deadline_at:
        # A late answer closes what expired, so it is polled while its provider keeps results.
        return _while_kept(after, pace.route, seen.at, 0.0, pace.random)
    if finding is Finding.HELD and seen.origin is Origin.WEBHOOK:
        return seen.at  # the poll brings the rest of it
    if finding is Finding.HELD and after.held is not None:
        every_s = max(pace.route.poll_every_s, HELD_EVERY_S)
        return seen.at + micros(jittered(min(every_s, pace.cadence.held_s / 4), pace.random))
    if seen.origin is Origin.STREAM:
        # Only the end of the stream knows what its executions amount to. If that end never arrives, we poll in time.
        return min(seen.at + micros(pace.route.max_duration_s), max(after.deadline_at - ASK_BEFORE_DEADLINE, seen.at))
    return _while_under_way(before, after, seen, pace)


def _while_under_way(before: Scheduled, after: Generation, seen: Observation, pace: PollSchedule) -> Micros:
    """The next poll of what was not done when it was seen."""
    fixed_s = fixed_wait_s(pace.cadence, every_s=pace.route.poll_every_s, polls=after.polls, random=pace.random)
    worth_at = (
        _worth_asking_at(after, seen, pace.question, pace.random) if fixed_s is None else seen.at + micros(fixed_s)
    )
    if seen.origin is Origin.POLL:
        lagging = hinted_after_poll(before) > 0  # its status endpoint may be behind its webhooks
        return seen.at + ASK_AGAIN if lagging else min(worth_at, _hint_meanwhile(before))
    if before.schedule.poll_at is None:
        soonest = seen.at + micros(pace.route.initial_poll_delay_s if fixed_s is None else 0.0)
        return max(worth_at, soonest)
    if seen.reading.progress is not None and not before.hinted and fixed_s is None:
        return max(worth_at, (before.asked_at or 0) + ASK_AGAIN)
    return before.schedule.poll_at


def _worth_asking_at(after: Generation, seen: Observation, question: Question, random: float) -> Micros:
    """When to ask next about what was under way when it was seen."""
    wait_s = question.wait_s(
        max(0.0, (seen.at - (after.submitted_at or seen.at)) / SECOND),
        progress=after.progress,
        queue_position=after.queue_position,
        poll_after_s=seen.reading.poll_after_s,
        random=random,
    )
    return seen.at + micros(wait_s)


def hinted_after_poll(before: Scheduled) -> int:
    """The count of polls since a hint, with one more that said that it is still under way; 0 when it was believed."""
    return before.hinted + 1 if 0 < before.hinted < HINT_POLLS else 0


def _hinted(before: Scheduled, now: Micros) -> Micros:
    """A hint causes a poll now, but not too soon after the last one: many of them are no reason to poll forever."""
    soonest = before.schedule.poll_at if before.schedule.poll_at is not None else NEVER
    asked_at = before.asked_at
    if asked_at is None or not 0 <= now - asked_at < ASK_AGAIN:
        return now
    return min(asked_at + ASK_AGAIN, soonest)


def _hint_meanwhile(before: Scheduled) -> Micros:
    """The next poll for a hint that came during this one, since it may be newer than the answer. NEVER if none came."""
    asked_at, poll_at = before.asked_at, before.schedule.poll_at
    return poll_at if asked_at is not None and poll_at is not None and poll_at <= asked_at + ASK_AGAIN else NEVER


def after_miss(
    generation: Generation, route: Route | None, wait_s: float, *, now: Micros, random: float
) -> Micros | None:
    """The moment when a poll that was not answered is repeated; None is never."""
    if generation.closed:
        return None  # it was polled by hand for a detail that has not come yet
    hinted = generation.held is not None and now < generation.held.until
    if generation.status is not Status.EXPIRED or hinted or route is None:
        return now + micros(wait_s)
    return _while_kept(generation, route, now, wait_s, random)


def _while_kept(generation: Generation, route: Route, now: Micros, least_s: float, random: float) -> Micros | None:
    """The next poll after expiry: ever more rarely; at last only a hint causes one."""
    late_s = (now - generation.deadline_at) / SECOND
    again_at = now + micros(max(least_s, after_expiry_s(late_s, random)))
    return again_at if again_at < kept_until(generation, route) else None


def kept_until(generation: Generation, route: Route) -> Micros:
    """The moment when its provider deletes the result, counted from the submission, which is the earliest it can be."""
    return (generation.submitted_at or generation.created_at) + micros(route.keeps_s)
