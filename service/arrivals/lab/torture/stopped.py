"""A process that stands still for longer than every lease beside one that does not, and then goes on unawares."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
import math
import signal
import time

from arrivals.lab.torture.audit import Excuse
from arrivals.lab.torture.crash_cases import REACHED_S, Result, at_rest
from arrivals.lab.torture.environment import Stage
from arrivals.lab.torture.report import Screen

# Without webhooks it is given up while its process stands still, because nobody would ever tell more.
CLAIMED = "an order without webhooks is claimed"
# Of a submission: claimed, about to be called out, answered; of a delivery the same.
POINTS = (
    CLAIMED,
    "deliver._send before transport.deliver",
    "submit._ask before transport.submit",
    "a delivery is claimed",
    "submit._ask after transport.submit",
    "deliver._send after transport.deliver",
)
ANSWER_WITHIN_S = 4.0
SHORTER = (("arrivals.flow.submission.submit", "ANSWER_WITHIN_S", ANSWER_WITHIN_S),)
STANDS_S = 6.0  # the longest lease is 4 s
BACK_S, LOOK_EVERY_S = 20.0, 0.2
STOPS = 8  # until one of them holds no lock, which is a matter of luck on a busy machine
UNAVAILABLE = 503


@dataclass(slots=True)
class _Stops:
    """The stops by point; the generations given up meanwhile, each with when its process went on to the call."""

    by_point: Counter[str] = field(default_factory=Counter)
    given_up: dict[str, float] = field(default_factory=dict)


async def stopped(stage: Stage, screen: Screen, *, rounds: int) -> Result:
    """Stops one of two services at each of these points in turn; the other has its work meanwhile."""
    result, stops = Result(), _Stops()
    going_on = stage.victims[0]
    await going_on.start_ready()
    stage.application.use([going_on.url])
    await stage.subscribe()
    stage.application.start()
    for number in range(rounds):
        point = POINTS[number % len(POINTS)]
        screen.phase(f"stopped: {number} of {rounds}; now {point}")
        for _ in range(STOPS):
            await _stop_at(point, stage, result, stops)
            if point != CLAIMED or stops.given_up:
                break
    result.figures |= {
        "stops": stops.by_point.total(),
        "stops_by_point": dict(stops.by_point),
        "given_up": len(stops.given_up),
        "orders_answered_503": stage.application.statuses[UNAVAILABLE],
    }
    result = await at_rest(stage, result, frozenset({Excuse.PAUSE}))
    await _none_submitted(stage, result, stops.given_up)
    return result


async def _stop_at(point: str, stage: Stage, result: Result, stops: _Stops) -> None:
    going_on, standing = stage.victims
    await standing.start(point, how=signal.SIGSTOP)
    stage.application.use([going_on.url, standing.url])
    if await standing.stands_still(REACHED_S):
        stops.by_point[point] += 1
        stage.application.use([going_on.url])
        before = _given_up(stage)
        await asyncio.sleep(STANDS_S)
        if point == CLAIMED:
            stops.given_up |= dict.fromkeys(await _more_given_up(stage, before), time.time())
        standing.signal(signal.SIGCONT)
        await _on_again(stage, result)
    else:
        result.discrepancies.say(f"nobody stood still at {point}")
    await _ended(stage, result)


async def _more_given_up(stage: Stage, before: set[str]) -> set[str]:
    """Returns the submissions given up since `before`; this takes longer where much else is to be done.

    Nothing is given up where who stands still has the lock of a file; then another stop is needed.
    """
    for _ in range(round(STANDS_S / LOOK_EVERY_S)):
        if more := _given_up(stage) - before:
            return more
        await asyncio.sleep(LOOK_EVERY_S)
    return set()


async def _on_again(stage: Stage, result: Result) -> None:
    """Checks that it answers again, and has lost nothing."""
    standing = stage.victims[1]
    if not await standing.ready(BACK_S):
        result.discrepancies.say(f"it did not go on where it stood still:\n{standing.last_lines()}")
    result.discrepancies.join(await stage.audit_at_once())


def _given_up(stage: Stage) -> set[str]:
    """Returns the generations whose submission has an unknown outcome."""
    with stage.books() as books:
        return {row["id"] for row in books.pick("generations", "id", "failure_code = 'submission_unknown'")}


async def _none_submitted(stage: Stage, result: Result, given_up: Mapping[str, float]) -> None:
    """Checks that what was given up while its process stood before the call is not submitted once that goes on."""
    goes_on_at = {
        generation.ref: given_up[generation.id]
        for generation in stage.application.accepted
        if generation.id in given_up
    }
    for job in await stage.jobs():
        if (job["accepted_at"] or 0.0) > goes_on_at.get(job["ref"], math.inf):
            words = f"{job['ref']}: submitted after it was given up"
            result.discrepancies.add("submitted_after_given_up", job["ref"], 1, words)
    if not given_up:
        result.discrepancies.say("nothing was given up while its process stood still before the call")


async def _ended(stage: Stage, result: Result) -> None:
    """Ends the service that stood still, so that another takes its place."""
    going_on, standing = stage.victims
    stage.application.use([going_on.url])
    standing.signal(signal.SIGTERM)
    death = await standing.ended()
    if death is None or death.status:
        result.discrepancies.say(
            f"told to end after it stood still, it ended like this: {death}\n{standing.last_lines()}"
        )
