"""A new epoch: what has to happen once after a database was restored from a backup, before the service works on it."""

from arrivals.core.wire import Micros
from arrivals.store import events, generations
from arrivals.store.engine.base import Database


async def begin_epoch(database: Database, epoch: str, now: Micros) -> int:
    """Begins an epoch; returns how many pending orders are of unknown outcome from now on.

    Cursors of before are refused, because other events come in the place of those since the backup. And what was
    pending in the backup may have been submitted since: sent again it would be paid for twice, so it waits for the
    webhook that its token identifies, as after every submission without an answer.
    """
    async with database.transaction() as tx:
        await events.begin_epoch(tx, epoch, now)
        return await generations.doubt_pending(tx, now)
