"""Silent connections to PostgreSQL: nobody hangs up, nothing comes any more, and only a clock can tell."""

import asyncio
import contextlib
import random

from arrivals.lab.torture.audit import Excuse
from arrivals.lab.torture.crash_cases import LONGEST_LIFE_S, Result, at_rest
from arrivals.lab.torture.environment import Stage
from arrivals.lab.torture.relay import Relay
from arrivals.lab.torture.report import Screen

# How long the first word on a connection, and any later one, is waited for.
SHORTER = (("arrivals.store.engine.postgres", "BEGIN_S", 2.0), ("arrivals.store.engine.postgres", "STATEMENT_S", 3.0))
SILENT_S = 8.0  # longer than either, and than a question whether it is ready
BACK_S = 20.0
UNAVAILABLE = 503


async def silent(stage: Stage, screen: Screen, relay: Relay, *, rounds: int, seed: int) -> Result:
    """Silences the server again and again; then what waited arrives after all, or its connections are gone."""
    result, rng, not_ready = Result(), random.Random(seed), 0
    await stage.victim.start_ready()
    await stage.subscribe()
    stage.application.start()
    for number in range(rounds):
        screen.phase(f"silent: {number} of {rounds}")
        await asyncio.sleep(rng.uniform(0.5, 2 * LONGEST_LIFE_S))
        relay.fall_silent()
        ends_at = asyncio.get_running_loop().time() + SILENT_S
        said = await _said_within(stage, SILENT_S)
        not_ready += said == UNAVAILABLE
        if said != UNAVAILABLE:
            result.discrepancies.say(f"the database was silent, and asked whether it is ready the service said {said}")
        await asyncio.sleep(max(0.0, ends_at - asyncio.get_running_loop().time()))
        (relay.hang_up if number % 2 else relay.go_on)()
        if not await stage.victim.ready(BACK_S):
            result.discrepancies.say(f"it did not come back by itself:\n{stage.victim.last_lines()}")
        result.discrepancies.join(await stage.audit_at_once())
    result.figures |= {"silences": rounds, "silent_s": SILENT_S, "not_ready": not_ready}
    # A claim whose commit arrives after it was given up is nobody's: that submission is never made.
    return await at_rest(stage, result, frozenset({Excuse.PAUSE}))


async def _said_within(stage: Stage, seconds: float) -> int | None:
    """Returns the status of its answer to a readiness check; None when it says nothing in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            said = await stage.victim.first_words(seconds)
            return None if said is None else said.status_code
    return None
