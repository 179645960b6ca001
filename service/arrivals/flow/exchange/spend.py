"""Calls to a provider that no worker makes: they count in its account's budget like any other.

What people ask for by hand (a question, a cancellation, an output that only the provider's key opens) takes turns with
what waits in the queues, and has to come again when nothing is left. What a second question may cost is set aside with
the first, and given back where none was asked. A redirect is followed in any case, and paid back by later requests.
"""

from collections import Counter
from collections.abc import Sequence

from arrivals.core.generation import GenerationKey
from arrivals.core.wire import SECOND
from arrivals.flow.context import Context
from arrivals.flow.exchange import budget as ledgers
from arrivals.store.accounts import AccountKey


class OverBudget(Exception):
    """The account's requests of this minute are used up, by this one or by those that wait."""

    def __init__(self, provider: str, wait_s: float) -> None:
        super().__init__(f"the requests that {provider} allows are used up; try again in {wait_s:.1f} s")
        self.wait_s = wait_s


async def spend(context: Context, generation: GenerationKey, *, polls: bool = False) -> None:
    """Count one call, or one poll, about a generation that is about to be made. Raises OverBudget, NotConfigured."""
    budget = context.budget(generation)
    async with context.store.transaction() as tx:
        wait = await ledgers.take(
            tx, (generation.provider, generation.account), budget, budget.per_poll if polls else 1
        )
    if wait:
        raise OverBudget(generation.provider, wait / SECOND)


async def overdraw(context: Context, generation: GenerationKey) -> None:
    """Count one call that is made in any case. Raises NotConfigured."""
    budget = context.budget(generation)
    async with context.store.transaction() as tx:
        await ledgers.overdraw(tx, (generation.provider, generation.account), budget)


async def give_back(context: Context, generation: GenerationKey) -> None:
    """No second question was asked. Raises NotConfigured."""
    if context.budget(generation).per_poll > 1:
        await context.batches.refunds.add((generation.provider, generation.account))


async def refund_all(context: Context, keys: Sequence[AccountKey]) -> list[None]:
    """Give each account back what its polls did not use, in one transaction."""
    async with context.store.transaction() as tx:
        for key, polls in sorted(Counter(keys).items()):
            budget = context.budgets()[key]
            await ledgers.give_back(tx, key, budget, polls * (budget.per_poll - 1))
    return [None] * len(keys)
