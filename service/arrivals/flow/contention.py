"""How busy accounts are: how many generations share the requests of each, and where orders wait for a place.

All this is a hint, as signals are: it is what this process saw when it last claimed something.
"""

from collections.abc import Iterable

from arrivals.core.wire import SECOND, Micros
from arrivals.flow.context import Context
from arrivals.store import accounts
from arrivals.store.accounts import AccountKey
from arrivals.store.engine.base import Tx

WEIGHED_FOR: Micros = SECOND
MAX_COUNTED = 2000  # with so many, questions are few and far between in any case


def note(context: Context, crowded: frozenset[AccountKey]) -> None:
    """Records the accounts whose places are all taken while orders wait."""
    knowledge = context.process.knowledge
    context.process.crowded.clear()
    context.process.crowded.update(crowded)
    for key in knowledge.loads.keys() | crowded:
        knowledge.crowd(key, crowded=key in crowded)


async def weigh(context: Context, tx: Tx, keys: Iterable[AccountKey]) -> None:
    """Counts what is in flight with each of these accounts, once in a while."""
    now, knowledge = context.now(), context.process.knowledge
    for key in sorted(set(keys)):
        if key in context.upstreams and not 0 <= now - knowledge.weighed_at.get(key, -WEIGHED_FOR) < WEIGHED_FOR:
            in_flight = await accounts.in_flight(tx, key, MAX_COUNTED)
            knowledge.weigh(key, max(1, in_flight), SECOND / context.upstreams[key].budget.interval, now)
