"""The account's pace, from the rate limit headers of answers, where the provider's page documents them."""

from collections.abc import Mapping

from arrivals.core.generation import GenerationKey
from arrivals.core.moments import rate_limit_wait_s
from arrivals.flow.context import Context
from arrivals.flow.exchange.budget import pause


async def note_pace(context: Context, generation: GenerationKey, headers: Mapping[str, str]) -> None:
    """Pauses the account until its rate limit window ends, if nothing is left in it. Raises NotConfigured."""
    if not context.route(generation).rate_headers:
        return
    wait_s = rate_limit_wait_s(headers, context.now())
    if wait_s:
        async with context.store.transaction() as tx:
            await pause(tx, (generation.provider, generation.account), wait_s)
