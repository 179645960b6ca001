"""Calls to a provider that no worker makes: they count in its account's budget like any other.

What people ask for by hand (a question, a cancellation, an output that only the provider's key opens) takes turns with
what waits in the queues, and has to come again when nothing is left. A second question that completes an answer is
always asked, and paid back by later ones: what it would tell may be deleted by the time the budget allows it.
"""

from service.core.generation import Asked
from service.core.wire import SECOND
from service.flow.tools import Tools
from service.store import accounts


class OverBudget(Exception):
    """The account's requests of this minute are used up, by this one or by those that wait."""

    def __init__(self, provider: str, wait_s: float) -> None:
        super().__init__(f"the requests that {provider} allows are used up; try again in {wait_s:.1f} s")
        self.wait_s = wait_s


async def spend(tools: Tools, asked: Asked) -> None:
    """Count one call about a generation that is about to be made. Raises OverBudget, NotConfigured."""
    budget = tools.upstream(asked).budget
    async with tools.store.transaction() as tx:
        wait = await accounts.take_one(tx, (asked.provider, asked.account), budget)
    if wait:
        raise OverBudget(asked.provider, wait / SECOND)


async def overdraw(tools: Tools, asked: Asked) -> None:
    """Count one call that is made in any case. Raises NotConfigured."""
    budget = tools.upstream(asked).budget
    async with tools.store.transaction() as tx:
        await accounts.overdraw(tx, (asked.provider, asked.account), budget)
