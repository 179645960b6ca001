"""The table of workers: every step of the flow that goes on by itself has one."""

import pytest

from arrivals.core.http import InboundWebhook
from arrivals.flow.exchange.ask import POLL_TIMEOUT_S
from arrivals.flow.observation import expire, poll
from arrivals.flow.submission import submit
from arrivals.store import observations
from arrivals.store.observations import StoredWebhook
from arrivals.workers.roster import NAMES, roster
from tests.conftest import START, run_worker


async def test_roster_stands_in_the_order_in_which_a_generation_meets_it(context):
    assert NAMES == tuple(worker.name for worker in roster(context))
    assert ("submit", "read", "poll", "expire", "deliver", "replay", "prune", "measure") == NAMES


async def test_trust_ends_before_the_lease_does(context):
    """Who is stopped before anybody else may claim the item does no work twice."""
    leases = {
        "poll": poll.LEASE_S,
        "expire": expire.LEASE_S,
        "deliver": context.policy.limits.delivery_timeout_s * 2,
    }
    trusts = {worker.name: worker.trust_s for worker in roster(context)}
    assert all(trusts[name] < lease for name, lease in leases.items())
    assert trusts["submit"] >= submit.MAX_ANSWER_S  # never claimed again, so it needs no lease
    assert POLL_TIMEOUT_S < trusts["poll"]
    assert context.policy.limits.delivery_timeout_s < trusts["deliver"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_worker_finds_nothing_in_an_empty_database(context, name):
    assert 0 == await run_worker(context, name)


async def test_webhooks_are_read_a_whole_batch_at_once(context):
    """One batch is one item, because it is settled in one transaction."""
    async with context.store.transaction() as tx:
        for number in range(3):
            webhook = StoredWebhook(
                id=f"whk_{number}",
                provider="runblob",
                account="default",
                generation_id="gen_none",
                received_at=START,
                webhook=InboundWebhook(body=b"{}"),
            )
            await observations.insert_webhooks(tx, [webhook])
    assert 1 == await run_worker(context, "read")
    assert 0 == await run_worker(context, "read")
