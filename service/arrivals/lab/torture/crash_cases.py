"""Death by SIGKILL: at every point that the service passes, and at random moments; and the gentler SIGTERM."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
import random
import signal
from typing import Any

from arrivals.lab.torture.audit import DEATH, NO_EXCUSE, Discrepancies, Excuse
from arrivals.lab.torture.environment import Stage
from arrivals.lab.torture.report import Screen

REACHED_S = 20.0  # how long a point is waited for
FOUND_OUT_S = 6.0  # of plain running, before the first death, so that most points are known
AT_THE_FIRST_START = ("migrate._apply before script", "migrate._apply after script")
PATIENCE = 3  # tries for a point that is passed seldom
LONGEST_LIFE_S = 0.6
WAYS = ("fast", "plain")  # by which webhooks come in; see service/arrivals/web/callbacks.py


@dataclass(slots=True)
class Result:
    """The result of a case: deaths, by point where there is one; further figures; discrepancies.

    `webhooks_by_way`: how many were kept, by each way in.
    """

    kills: int = 0
    webhooks_by_way: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(WAYS, 0)))
    by_point: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)
    discrepancies: Discrepancies = field(default_factory=Discrepancies)

    def as_dict(self) -> dict[str, Any]:
        """Returns the result as the report shows it."""
        points = {"kills_by_point": dict(sorted(self.by_point.items()))} if self.by_point else {}
        ways = {"webhooks_by_way": dict(self.webhooks_by_way)}
        return {"kills": self.kills, **self.discrepancies.as_dict(), **ways, **self.figures, **points}


async def points(stage: Stage, screen: Screen, *, only: tuple[str, ...] = ()) -> Result:
    """Causes one death at each point, found out by running; `only` points that begin like one of these.

    The first lives end within the making of the database. What is met for the first time in a later life is added.
    """
    result = Result()
    for point in AT_THE_FIRST_START:
        await _life_until(stage, point, result)
    await stage.victim.start_ready()
    await stage.subscribe()
    stage.application.start()
    await asyncio.sleep(FOUND_OUT_S)
    tries: Counter[str] = Counter()
    while left := [
        point for point in _points_passed(stage, only) if not result.by_point[point] and tries[point] < PATIENCE
    ]:
        point = min(left, key=lambda candidate: tries[candidate])
        tries[point] += 1
        screen.phase(f"points: {len(left)} left of {len(stage.victim.look())}; now {point}")
        await stage.victim.kill()
        await _life_until(stage, point, result)
    for point in _points_passed(stage, only):
        if not result.by_point[point]:
            result.by_point[point] = 0
            result.discrepancies.say(f"nobody died at {point}")
    await again(stage, result)
    result.figures["points"] = len(result.by_point)
    return await at_rest(stage, result)


def _points_passed(stage: Stage, only: tuple[str, ...]) -> list[str]:
    return sorted(point for point in stage.victim.look() if not only or point.startswith(only))


async def _life_until(stage: Stage, point: str, result: Result) -> None:
    """Starts a life that is to end at the point, and compares the books meanwhile. If it is late, it is killed."""
    await stage.victim.start(point)
    if await stage.victim.ready(REACHED_S):
        result.discrepancies.join(await stage.audit_at_once())
    death = await stage.victim.ended(REACHED_S)
    if death is None:
        death = await stage.victim.kill()
    result.kills += 1
    if death is not None and death.point is not None:
        result.by_point[death.point] += 1
    elif death is not None and death.status != -signal.SIGKILL:
        result.discrepancies.say(f"it ended by itself with {death.status}:\n{stage.victim.last_lines()}")


async def again(stage: Stage, result: Result) -> None:
    """Starts the service again, and compares the books of the latest orders."""
    await stage.victim.start_ready()
    result.discrepancies.join(await stage.audit_at_once())


async def at_rest(stage: Stage, result: Result, excuses: frozenset[Excuse] = DEATH) -> Result:
    """Stops the application, waits for everything to come to rest, and compares all books."""
    await stage.application.stop()
    result.discrepancies.join(await stage.audit_at_rest(excuses))
    result.figures |= {"generations": len(stage.application.accepted), "rested_in_s": stage.rested_in_s}
    result.webhooks_by_way.update(stage.webhooks_by_way())
    return result


async def at_random(stage: Stage, screen: Screen, *, rounds: int, seed: int) -> Result:
    """Kills at random moments, from before it is ready to well under load."""
    result, rng = Result(), random.Random(seed)
    await stage.victim.start_ready()
    await stage.subscribe()
    stage.application.start()
    for number in range(rounds):
        screen.phase(f"random: {number} of {rounds}, {len(stage.application.accepted)} generations")
        await asyncio.sleep(rng.uniform(0, LONGEST_LIFE_S))
        death = await stage.victim.kill()
        result.kills += 1
        if death is None or death.status != -signal.SIGKILL:
            result.discrepancies.say(f"it ended by itself: {death}\n{stage.victim.last_lines()}")
        if rng.random() < 0.1:  # noqa: PLR2004 - one in ten is killed again before it is ready
            await stage.victim.start()
            await asyncio.sleep(rng.uniform(0, LONGEST_LIFE_S))
            await stage.victim.kill()
            result.kills += 1
        await again(stage, result)
    return await at_rest(stage, result)


async def terminate(stage: Stage, screen: Screen, *, rounds: int, seed: int) -> Result:
    """Sends SIGTERM under load: what has begun is finished, the exit is clean, and no submission is left unknown."""
    result, rng = Result(), random.Random(seed)
    await stage.victim.start_ready()
    await stage.subscribe()
    stage.application.start()
    slowest_s = 0.0
    for number in range(rounds):
        screen.phase(f"terminate: {number} of {rounds}")
        await asyncio.sleep(rng.uniform(0.5, 2 * LONGEST_LIFE_S))
        began = asyncio.get_running_loop().time()
        stage.victim.signal(signal.SIGTERM)
        death = await stage.victim.ended()
        slowest_s = max(slowest_s, asyncio.get_running_loop().time() - began)
        if death is None:
            result.discrepancies.say("it did not end within the grace")
            await stage.victim.kill()
        elif death.status:
            result.discrepancies.say(f"told to end, it ended with {death.status}:\n{stage.victim.last_lines()}")
        await again(stage, result)
    result.figures |= {"terminated": rounds, "slowest_s": round(slowest_s, 2)}
    return await at_rest(stage, result, NO_EXCUSE)


async def two(stage: Stage, screen: Screen, *, rounds: int, seed: int) -> Result:
    """Runs two whole services on one database; the first dies, or the second, or both at once."""
    result, rng = Result(), random.Random(seed)
    await asyncio.gather(*(victim.start_ready() for victim in stage.victims))
    await stage.subscribe()
    stage.application.start()
    for number in range(rounds):
        screen.phase(f"two: {number} of {rounds}")
        await asyncio.sleep(rng.uniform(0, 2 * LONGEST_LIFE_S))
        dying = rng.choice([stage.victims, stage.victims[:1], stage.victims[1:]])
        await asyncio.gather(*(victim.kill() for victim in dying))
        result.kills += len(dying)
        await asyncio.gather(*(victim.start_ready() for victim in dying))
        result.discrepancies.join(await stage.audit_at_once())
    result.figures["services"] = len(stage.victims)
    return await at_rest(stage, result)
