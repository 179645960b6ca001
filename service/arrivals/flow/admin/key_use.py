"""When API keys were last used: noted in passing, written at most once a minute for each key, waited for by nobody."""

from collections.abc import Sequence

import structlog

from arrivals.core.api_key import ApiKey
from arrivals.core.wire import SECOND, Micros
from arrivals.flow.context import Context
from arrivals.store import keys
from arrivals.store.keys import KeyUse

log = structlog.get_logger()

EVERY: Micros = 60 * SECOND


def note_use(context: Context, key: ApiKey) -> None:
    """Notes that a key of the database is used now, unless this or another process did so within a minute."""
    at = context.now()
    if _is_due(context, key, at):
        context.batches.key_uses.put((key.id, at), _log_failure)


def note_older_use(context: Context, key: ApiKey) -> None:
    """Logs that a key of the settings is used that is to be replaced: it stands in no table."""
    if _is_due(context, key, context.now()):
        log.info("older_api_key_used", key_id=key.id, hint="ARRIVALS_API_KEY has a newer one in front of it")


def _is_due(context: Context, key: ApiKey, at: Micros) -> bool:
    noted = context.process.key_uses
    if at - max(noted.get(key.id, 0), key.last_used_at or 0) < EVERY:
        return False
    noted[key.id] = at
    return True


async def record_all(context: Context, uses: Sequence[KeyUse]) -> list[None]:
    """Writes uses, in the order of their keys, so that no two processes wait for each other."""
    async with context.store.transaction() as tx:
        await keys.record_uses(tx, sorted(uses))
    return [None] * len(uses)


def _log_failure(result: BaseException | None) -> None:
    if isinstance(result, Exception):
        log.warning("key_use_not_recorded", reason=type(result).__name__)
