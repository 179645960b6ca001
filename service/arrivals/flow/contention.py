"""Accounts whose places are all taken while orders wait: every answer may free one, so polls come sooner.

Which accounts are crowded is a hint, as signals are: it is what this process saw when it last claimed submissions.
"""

from arrivals.core.cadence import soonest_poll_s
from arrivals.core.wire import Micros, micros
from arrivals.flow.context import Context
from arrivals.providers.catalog import PROVIDERS
from arrivals.store import accounts
from arrivals.store.accounts import AccountKey, Unasked
from arrivals.store.engine.base import Tx


async def note(context: Context, tx: Tx, crowded: frozenset[AccountKey]) -> None:
    """Records the crowded accounts; where that is new, first polls that were put off are made as soon as possible."""
    for key in sorted(crowded - context.process.crowded):
        waiting = await accounts.never_asked_about(tx, key)
        sooner = ((unasked, _soonest(context, key[0], unasked)) for unasked in waiting)
        await accounts.ask_sooner(tx, [(unasked, moment) for unasked, moment in sooner if moment < unasked.poll_at])
    context.process.crowded.clear()
    context.process.crowded.update(crowded)


def _soonest(context: Context, provider: str, unasked: Unasked) -> Micros:
    route = next((route for route in PROVIDERS[provider].ROUTES if route.name == unasked.route), None)
    if route is None:
        return unasked.poll_at  # of another version, which knows when to ask
    return unasked.submitted_at + micros(soonest_poll_s(context.policy.cadence, first_s=route.initial_poll_delay_s))
