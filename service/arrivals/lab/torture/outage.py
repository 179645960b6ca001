"""An outage longer than the deadlines of all that is under way, while the providers finish in vain."""

import asyncio

from arrivals.lab.torture.audit import Excuse
from arrivals.lab.torture.crash_cases import Result, again, at_rest
from arrivals.lab.torture.environment import Stage
from arrivals.lab.torture.report import Screen

DEADLINE_S = 5.0
RUNS_S = (1.0, 3.0)
UNDER_LOAD_S, LAST_S = 3.0, 0.3
# A question that is not answered within the grace is asked later, of what has expired by then. Both ways are to be
# gone, so the last that are ordered are told of only when they are asked about for the fifth time.
HARD_TO_ASK = ("wan2.6-t2v", "nano_banana_2", "gemini")
WORDS = "webhook=lost poll=limited:4"
SHORTER = (
    ("arrivals.flow.observation.expire", "GRACE", 2_000_000),  # microseconds
    ("arrivals.core.cadence", "LATE_FIRST_S", 1.0),
)
UNDER_WAY = "external_id IS NOT NULL AND closed_at IS NULL AND status <> 'expired'"


async def outage(stage: Stage, screen: Screen, *, rounds: int) -> Result:
    """Kills the service under load for long; whatever had an external id then must end as it truly ended."""
    result, under_way = Result(), 0
    await stage.victim.start_ready()
    await stage.subscribe()
    stage.application.start()
    for number in range(rounds):
        screen.phase(f"outage: {number} of {rounds}")
        await asyncio.sleep(UNDER_LOAD_S)
        for model in HARD_TO_ASK:
            await stage.application.order(stage.mixture.of(model, WORDS, run_s=RUNS_S[0]))
        await asyncio.sleep(LAST_S)
        await stage.victim.kill()
        result.kills += 1
        with stage.books() as books:
            under_way += books.count("generations", UNDER_WAY)
        await asyncio.sleep(DEADLINE_S)
        await again(stage, result)
    if not under_way:
        result.discrepancies.say("nothing was under way when the service went away")
    result = await at_rest(stage, result, frozenset({Excuse.DEATH, Excuse.OUTAGE}))
    with stage.books() as books:
        late, rechecked = books.count("generations", "late = 1"), books.count("generations", "grace_until IS NOT NULL")
    if not rechecked:
        result.discrepancies.say("nothing was asked about once more before it expired")
    if not late:
        result.discrepancies.say("nothing that had expired came to its end late")
    result.figures |= {"away_s": DEADLINE_S, "under_way": under_way, "asked_once_more": rechecked, "late": late}
    return result
