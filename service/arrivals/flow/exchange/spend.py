"""Calls to a provider that no worker makes: they count in its account's budget like any other.

Requests by hand (a poll, a cancellation, an output that only the provider's key opens) take turns with what waits in
the queues, and have to be repeated when nothing is left. The cost of a possible second request is set aside with the
first, and given back where none was sent. A redirect is followed in any case, and paid back by later requests.
"""

from collections import Counter
from collections.abc import Sequence

from arrivals.core.generation import GenerationKey
from arrivals.core.wire import SECOND
from arrivals.flow.context import Context
from arrivals.flow.exchange import budget as ledgers
from arrivals.store.accounts import AccountKey


class OverBudget(Exception):
    """The account's requests of this minute are used up, or reserved for those that wait."""

    def __init__(self, provider: str, wait_s: float) -> None:
        super().__init__(f"the requests that {provider} allows are used up; try again in {wait_s:.1f} s")
        self.wait_s = wait_s


async def spend(context: Context, generation: GenerationKey, *, polls: bool = False) -> None:
    """Counts one call, or one poll, about a generation before it is made. Raises OverBudget, NotConfigured."""
    budget = context.budget(generation)
    async with context.store.transaction() as tx:
        wait = await ledgers.take(
            tx, (generation.provider, generation.account), budget, budget.per_poll if polls else 1
        )
    if wait:
        raise OverBudget(generation.provider, wait / SECOND)


async def overdraw(context: Context, generation: GenerationKey) -> None:
    """Counts one call that is made in any case. Raises NotConfigured."""
    budget = context.budget(generation)
    async with context.store.transaction() as tx:
        await ledgers.overdraw(tx, (generation.provider, generation.account), budget)


async def give_back(context: Context, generation: GenerationKey) -> None:
    """Gives back what was set aside for a second request. Raises NotConfigured."""
    if context.budget(generation).per_poll > 1:
        await context.batches.refunds.add((generation.provider, generation.account))


async def refund_all(context: Context, keys: Sequence[AccountKey]) -> list[None]:
    """Gives each account back what its polls did not use, in one transaction."""
    async with context.store.transaction() as tx:
        for key, polls in sorted(Counter(keys).items()):
            budget = context.budgets()[key]
            await ledgers.give_back(tx, key, budget, polls * (budget.per_poll - 1))
    return [None] * len(keys)
