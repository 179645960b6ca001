"""Trouble with what the service depends on: its database killed, its disk full or slow, its clock stepping."""

import asyncio
import contextlib
import random
import signal

import httpx

from arrivals.lab.bench.environment import whole
from arrivals.lab.processes import NotReady
from arrivals.lab.torture.audit import DEATH, NO_EXCUSE
from arrivals.lab.torture.crash_cases import LONGEST_LIFE_S, Result, again, at_rest
from arrivals.lab.torture.environment import Stage
from arrivals.lab.torture.faults import NOTHING_CAN_BE_WRITTEN, NOTHING_CAN_GROW, Faults
from arrivals.lab.torture.postgres_server import Server
from arrivals.lab.torture.report import Screen

UNAVAILABLE = 503
HOUR_S = 3600.0
BEYOND_S = 3 * HOUR_S  # the deadline of orders under a clock that steps
LOOK_EVERY_S, SELDOM_S = 0.05, 0.4
LASTS_S = 3.0  # a generation that is at work when the disk becomes full
BITES_S = 20.0  # a full disk is noticed by then, whatever room there was in the files
BACK_S = 20.0
SYNC_S = 0.15
CLEAR = ("database or disk is full", "No space left on device")


async def database(stage: Stage, screen: Screen, *, server: Server, rounds: int, seed: int) -> Result:
    """Kills the server under load, alone or with all its children, and starts it again; the service stays up."""
    result, rng = Result(), random.Random(seed)
    await _under_load(stage)
    for number in range(rounds):
        screen.phase(f"database: {number} of {rounds}")
        await asyncio.sleep(rng.uniform(0.3, 2 * LONGEST_LIFE_S))
        await whole(server.kill, rng.choice([signal.SIGKILL, signal.SIGQUIT]))
        result.kills += 1
        await asyncio.sleep(rng.uniform(0, LONGEST_LIFE_S))
        await whole(server.start)
        await _back(stage, result)
        result.discrepancies.join(await stage.audit_at_once())
    return await at_rest(stage, result, NO_EXCUSE)


async def disk_full(
    stage: Stage, screen: Screen, faults: Faults, *, server: Server | None, rounds: int, seed: int
) -> Result:
    """Fills the disk under load: 503 to everybody, a clear line in the log, a death meanwhile; then space again."""
    result, rng, refused = Result(), random.Random(seed), 0
    await _under_load(stage)
    for number in range(rounds):
        screen.phase(f"disk-full: {number} of {rounds}")
        await asyncio.sleep(rng.uniform(0.3, 2 * LONGEST_LIFE_S))
        with contextlib.suppress(httpx.HTTPError, LookupError):
            await stage.application.at_work(LASTS_S)  # somebody will call back while nothing can be stored
        before = stage.application.statuses[UNAVAILABLE]
        faults.disk_full(NOTHING_CAN_BE_WRITTEN if server is None else NOTHING_CAN_GROW)
        if not await _until_refused(stage, before):
            result.discrepancies.say("the disk was full, and no order was answered 503")
        await _until_a_webhook_is_refused(stage)
        await asyncio.sleep(rng.uniform(0, LONGEST_LIFE_S))
        refused += stage.application.statuses[UNAVAILABLE] - before
        if not stage.victim.lives:
            result.discrepancies.say(f"on a full disk the service ended by itself:\n{stage.victim.last_lines()}")
        dies = server is None and number % 2 == 1
        if dies:
            await _restarted_on_a_full_disk(stage, result)
        faults.disk_full(0)
        if server is not None:
            await whole(server.start)  # it may have given up
        if not stage.victim.lives:
            await again(stage, result)
        else:
            await _back(stage, result)
            result.discrepancies.join(await stage.audit_at_once())
    if not any(words in stage.victim.log.read_text(errors="replace") for words in CLEAR):
        result.discrepancies.say("its log does not say that the disk was full")
    result = await at_rest(stage, result, DEATH if server is None else NO_EXCUSE)
    webhooks = (await stage.webhooks_answered())[str(UNAVAILABLE)]
    if not webhooks:
        result.discrepancies.say("the disk was full, and no webhook was answered 503")
    result.figures |= {"times_full": rounds, "orders_answered_503": refused, "webhooks_answered_503": webhooks}
    await _intact(stage, result)
    return result


async def _restarted_on_a_full_disk(stage: Stage, result: Result) -> None:
    """Restarts the service, which may come up not ready, or end with one clear line, but must not be ready."""
    await stage.victim.kill()
    result.kills += 1
    await stage.victim.start()
    said = await stage.victim.first_words()
    if said is not None and said.is_success:
        result.discrepancies.say("on a full disk the service says that it is ready")
    if not stage.victim.lives:
        death = await stage.victim.ended()
        if death is None or death.status != 1:
            result.discrepancies.say(f"started on a full disk it ended like this: {death}\n{stage.victim.last_lines()}")


async def _intact(stage: Stage, result: Result) -> None:
    """Checks that nothing in the database is damaged, as far as it can tell itself."""
    with stage.books() as books:
        integrity = [] if stage.place.is_postgresql else [str(row) for row in books.rows("PRAGMA integrity_check")]
        for table in books.tables():
            books.all(table)
    if integrity and "ok" not in integrity[0]:
        result.discrepancies.add("corrupted", "", len(integrity), integrity[0])


async def disk_slow(stage: Stage, screen: Screen, faults: Faults, *, rounds: int, seed: int) -> Result:
    """Makes every sync slow, so that deaths fall between a write and its sync."""
    result, rng = Result(), random.Random(seed)
    await _under_load(stage)
    faults.sync_takes(SYNC_S)
    for number in range(rounds):
        screen.phase(f"disk-slow: {number} of {rounds}")
        await asyncio.sleep(rng.uniform(0.2, 3 * LONGEST_LIFE_S))
        await stage.victim.kill()
        result.kills += 1
        await again(stage, result)
    refused = stage.application.statuses[UNAVAILABLE]
    faults.none()
    result.figures |= {"sync_s": SYNC_S, "orders_answered_503": refused}
    return await at_rest(stage, result)


async def clock(stage: Stage, screen: Screen, faults: Faults, *, rounds: int, seed: int) -> Result:
    """Steps the clock of the service's machine an hour forward and back again and again, with deaths in between.

    What was scheduled while it was ahead waits until the clock is there, so the clock catches up at the end: an hour's
    wait is shown as an hour passing, and then the time until the deadlines, for what nobody confirmed.
    """
    result, rng = Result(), random.Random(seed)
    await _under_load(stage)
    for number in range(rounds):
        ahead_s = (HOUR_S, 0.0, -HOUR_S, 0.0)[number % 4]
        screen.phase(f"clock: {number} of {rounds}, {ahead_s:+.0f} s")
        faults.clock_ahead(ahead_s)
        await asyncio.sleep(rng.uniform(0.5, 2 * LONGEST_LIFE_S))
        if rng.random() < 0.5:  # noqa: PLR2004 - every other time
            await stage.victim.kill()
            result.kills += 1
            await again(stage, result)
        else:
            await _back(stage, result)
            result.discrepancies.join(await stage.audit_at_once())
    await stage.application.stop()
    faults.clock_ahead(HOUR_S)
    await stage.rest()
    faults.clock_ahead(HOUR_S + BEYOND_S)
    result.figures["steps"] = rounds + 2
    return await at_rest(stage, result)


async def _under_load(stage: Stage) -> None:
    await stage.victim.start_ready()
    await stage.subscribe()
    stage.application.start()


async def _back(stage: Stage, result: Result) -> None:
    """Checks that the same process takes orders again. Raises NotReady when it has ended."""
    if not await stage.victim.ready(BACK_S):
        result.discrepancies.say(f"it did not come back by itself:\n{stage.victim.last_lines()}")
        if not stage.victim.lives:
            raise NotReady(f"the service ended by itself:\n{stage.victim.last_lines()}")


async def _until_refused(stage: Stage, before: int) -> bool:
    """Waits for an order to be answered 503, beyond `before` of them; False when none is in time."""
    for _ in range(round(BITES_S / LOOK_EVERY_S)):
        if stage.application.statuses[UNAVAILABLE] > before:
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return False


async def _until_a_webhook_is_refused(stage: Stage) -> None:
    """Waits for a webhook to be answered 503. Once is enough for the whole case, which checks it at its end."""
    for _ in range(round(BITES_S / SELDOM_S)):
        if (await stage.webhooks_answered())[str(UNAVAILABLE)]:
            return
        await asyncio.sleep(SELDOM_S)
