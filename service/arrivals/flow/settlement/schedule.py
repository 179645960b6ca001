"""The moment when a settled generation is looked at next. Pure: state, observation and finding come as arguments."""

from dataclasses import dataclass

from arrivals.core.backoff import jittered
from arrivals.core.cadence import Cadence, DurationEstimate, after_expiry_s, first_poll_s, next_poll_s
from arrivals.core.generation import Generation, Origin, Status
from arrivals.core.observation import Finding, Observation
from arrivals.core.wire import SECOND, Micros, micros
from arrivals.providers.contract import Route
from arrivals.store.generations import NEVER, Schedule, Scheduled

ASK_BEFORE_DEADLINE: Micros = 60 * SECOND
ASK_AGAIN: Micros = 2 * SECOND  # after a poll, before a hint or a request by hand causes another
GRACE: Micros = 120 * SECOND  # beyond a deadline, for the last poll to be made and answered


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSchedule:
    """Everything that decides how often we poll: the cadence, the provider's page, learned durations, a random number.

    `crowded`: orders wait for the places of this account, any of which an answer may free.
    A route that this version does not have cannot be polled.
    """

    cadence: Cadence
    route: Route | None
    usual: DurationEstimate | None
    random: float
    crowded: bool = False


def schedule(before: Scheduled, after: Generation, seen: Observation, finding: Finding, pace: PollSchedule) -> Schedule:
    """The next submission, poll, and end of a bounded wait."""
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
    before: Scheduled, after: Generation, seen: Observation, finding: Finding, pace: PollSchedule
) -> Micros | None:
    if after.external_id is None or pace.route is None or not pace.route.polls:
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
        return seen.at + micros(jittered(min(pace.route.poll_every_s, pace.cadence.held_s / 4), pace.random))
    if seen.origin is Origin.POLL:
        wait = next_poll_s(
            pace.cadence, every_s=pace.route.poll_every_s, polls=0 if pace.crowded else after.polls, random=pace.random
        )
        return min(seen.at + micros(wait), _hint_meanwhile(before))
    if seen.origin is Origin.STREAM:
        # Only the end of the stream knows what its executions amount to. If that end never arrives, we poll in time.
        return min(seen.at + micros(pace.route.max_duration_s), max(after.deadline_at - ASK_BEFORE_DEADLINE, seen.at))
    if before.schedule.poll_at is not None:
        return before.schedule.poll_at
    wait = first_poll_s(
        pace.cadence,
        documented=(pace.route.initial_poll_delay_s, pace.route.typical_duration_s),
        usual=pace.usual,
        webhook=after.webhook_expected and not pace.crowded,
    )
    return seen.at + micros(wait)


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
