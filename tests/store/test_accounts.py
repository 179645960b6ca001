"""Claims under a budget: within limits, first in first out, nothing twice; ledgers come back whole."""

import anyio
import pytest

from arrivals.core.budget import Budget, Ledger
from arrivals.core.generation import Status
from arrivals.flow.observation.claim import claim_polls
from arrivals.flow.submission.claim import claim_submissions
from arrivals.store import accounts
from tests.support.examples import ACCOUNT, SECOND, T0, keep, scheduled, stored

pytestmark = pytest.mark.timeout(30)

WIDE = {ACCOUNT: Budget(max_in_flight=1000, requests_per_minute=60_000)}
WITHIN = 90 * SECOND
LEASE = 60 * SECOND


async def submissions(database, budgets=None, limit=100):
    async with database.transaction() as tx:
        claimed = await claim_submissions(tx, budgets or WIDE, limit, WITHIN)
    return [submission.generation.id for submission in claimed.claimed]


async def polls(database, budgets=None, limit=100):
    async with database.transaction() as tx:
        return sorted(poll.generation.id for poll in await claim_polls(tx, budgets or WIDE, limit, LEASE))


async def test_ledger_comes_back_whole(database):
    ledger = Ledger(
        provider="runblob", account="default", spent_until=T0, last_turn="poll", misses=3, open_until=T0 + 1
    )
    async with database.transaction() as tx:
        assert Ledger(provider="runblob", account="default") == await accounts.ledger_of(tx, ACCOUNT)
        assert Ledger(provider="runblob", account="default") == await accounts.ledger_seen(tx, ACCOUNT)
        await accounts.save_ledger(tx, Ledger(provider="runblob", account="default"))
        await accounts.save_ledger(tx, ledger)
        assert ledger == await accounts.ledger_of(tx, ACCOUNT) == await accounts.ledger_seen(tx, ACCOUNT)


async def test_submission_is_claimed_by_the_step_to_submitting(database, clock):
    await keep(database, scheduled(submit_at=T0, webhook_expected=True, timeout_at=T0 + 900 * SECOND))
    async with database.transaction() as tx:
        (claimed,) = (await claim_submissions(tx, WIDE, 100, WITHIN)).claimed
    assert claimed == await stored(database, "gen_1")
    assert (Status.SUBMITTING, 2, 1, None) == (
        claimed.generation.status,
        claimed.generation.version,
        claimed.submit_tries,
        claimed.schedule.submit_at,
    )
    assert claimed.generation.deadline_at == claimed.schedule.timeout_at
    assert T0 < claimed.generation.submitted_at <= clock.at


async def test_submission_nobody_can_call_us_back_about_is_given_up_early(database):
    await keep(database, scheduled(submit_at=T0), scheduled("2", submit_at=T0, deadline_at=T0 + 5 * SECOND))
    await submissions(database)
    first, second = await stored(database, "gen_1"), await stored(database, "gen_2")
    assert first.generation.submitted_at + WITHIN == first.schedule.timeout_at
    assert T0 + 5 * SECOND == second.schedule.timeout_at


async def test_submissions_go_first_in_first_out(database):
    await keep(database, *(scheduled(f"{9 - number}", submit_at=T0, created_at=T0 - 9 + number) for number in range(9)))
    assert ["gen_9", "gen_8", "gen_7"] == await submissions(database, limit=3)
    assert ["gen_6", "gen_5"] == await submissions(database, limit=2)


async def test_submissions_of_one_moment_go_in_the_order_of_their_ids(database):
    """The order does not depend on the database: all submissions of a bulk order have one moment."""
    await keep(database, *(scheduled(f"{20 - number}", submit_at=T0) for number in range(1, 11)))
    assert [f"gen_{number}" for number in range(10, 20)] == await submissions(database)


async def test_submission_whose_turn_has_not_come_waits(database, clock):
    await keep(database, scheduled(submit_at=T0 + 10 * SECOND))
    assert [] == await submissions(database)
    clock.advance(10)
    assert ["gen_1"] == await submissions(database)
    assert [] == await submissions(database)


async def test_most_in_flight_is_kept(database):
    budgets = {ACCOUNT: Budget(max_in_flight=3, requests_per_minute=60_000)}
    await keep(
        database,
        scheduled("busy", status=Status.PROCESSING),
        scheduled("done", status=Status.COMPLETED),
        *(scheduled(f"{number}", submit_at=T0) for number in range(5)),
    )
    assert ["gen_0", "gen_1"] == await submissions(database, budgets)
    assert [] == await submissions(database, budgets)


async def test_most_in_flight_is_kept_by_many_who_claim_at_once(database):
    budgets = {ACCOUNT: Budget(max_in_flight=3, requests_per_minute=60_000)}
    await keep(database, *(scheduled(f"{number:02}", submit_at=T0) for number in range(30)))
    claimed = []

    async def work():
        claimed.extend(await submissions(database, budgets))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(work)
    assert 3 == len(claimed)


async def test_budget_is_kept_by_many_who_claim_at_once(database):
    """The budget holds from the first request on: a ledger that is not there yet is no hole in it."""
    budgets = {ACCOUNT: Budget(max_in_flight=1000, requests_per_minute=12)}
    await keep(database, *(scheduled(f"{number:02}", submit_at=T0, poll_at=T0) for number in range(30)))
    claimed = []

    async def work(claim):
        claimed.extend(await claim(database, budgets))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(work, submissions)
            group.start_soon(work, polls)
    assert 3 == len(claimed)


async def test_requests_per_minute_are_kept(database, clock):
    """A quarter of a minute's requests may go at once; no minute, wherever it begins, sees more than all of them."""
    budgets = {ACCOUNT: Budget(max_in_flight=1000, requests_per_minute=8)}
    await keep(database, *(scheduled(f"{number:02}", submit_at=T0) for number in range(30)))
    claimed, moments = [], []
    for second in range(0, 180, 5):
        batch = await submissions(database, budgets)
        claimed += batch
        moments += [second] * len(batch)
        clock.advance(5)
    assert [0, 0, 10, 20, 30] == moments[:5]
    assert all(sum(start <= moment <= start + 60 for moment in moments) <= 8 for start in moments)
    assert [f"gen_{number:02}" for number in range(len(moments))] == claimed


async def test_what_was_ordered_together_keeps_within_the_budget_too(database):
    """As many go as there are places for, in the order of the request; the rest go when there is a place again."""
    budgets = {ACCOUNT: Budget(max_in_flight=2, requests_per_minute=60_000)}
    await keep(database, *(scheduled(f"{number}", bulk_id="blk_1", submit_at=T0) for number in range(3)))
    assert ["gen_0", "gen_1"] == await submissions(database, budgets)
    assert [] == await submissions(database, budgets)
    assert ["gen_2"] == await submissions(database)


async def test_accounts_do_not_share_a_budget(database):
    other = ("vtrix", "default")
    budgets = {ACCOUNT: Budget(max_in_flight=1, requests_per_minute=60), other: WIDE[ACCOUNT]}
    await keep(
        database,
        *(scheduled(f"a{number}", submit_at=T0) for number in range(3)),
        *(scheduled(f"b{number}", provider="vtrix", submit_at=T0) for number in range(3)),
    )
    assert ["gen_a0", "gen_b0", "gen_b1", "gen_b2"] == sorted(await submissions(database, budgets))


async def test_limit_holds_over_all_accounts(database):
    other = ("vtrix", "default")
    budgets = {**WIDE, other: WIDE[ACCOUNT]}
    await keep(
        database,
        *(scheduled(f"a{number}", submit_at=T0, poll_at=T0) for number in range(3)),
        *(scheduled(f"b{number}", provider="vtrix", submit_at=T0, poll_at=T0) for number in range(3)),
    )
    assert 2 == len(await submissions(database, budgets, limit=2))
    assert 2 == len(await polls(database, budgets, limit=2))


async def test_account_that_is_no_longer_set_is_left_alone(database):
    await keep(database, scheduled(account="gone", submit_at=T0, poll_at=T0))
    assert [] == await submissions(database)
    assert [] == await polls(database)


async def test_polls_are_claimed_for_the_length_of_a_lease(database, clock):
    await keep(database, scheduled("1", poll_at=T0), scheduled("2", poll_at=T0 + 5 * SECOND), scheduled("3"))
    assert ["gen_1"] == await polls(database)
    assert T0 < (await stored(database, "gen_1")).schedule.poll_at - LEASE <= clock.at
    assert [] == await polls(database)
    clock.advance(61)
    assert ["gen_1", "gen_2"] == await polls(database)


async def test_polls_due_longest_go_first(database):
    await keep(database, *(scheduled(f"{number}", poll_at=T0 - number) for number in range(5)))
    assert ["gen_3", "gen_4"] == await polls(database, limit=2)


async def test_neither_polls_nor_submissions_starve(database):
    """The affordable requests are shared half and half while both wait."""
    budgets = {ACCOUNT: Budget(max_in_flight=1000, requests_per_minute=40)}
    await keep(
        database,
        *(scheduled(f"p{number}", status=Status.PROCESSING, poll_at=T0) for number in range(20)),
        *(scheduled(f"s{number}", submit_at=T0) for number in range(20)),
    )
    assert 5 == len(await polls(database, budgets))
    assert 5 > len(await submissions(database, budgets)) > 0


async def test_open_breaker_lets_no_poll_through_then_one(database, clock):
    await keep(database, *(scheduled(f"{number}", poll_at=T0) for number in range(3)))
    async with database.transaction() as tx:
        await accounts.save_ledger(
            tx, Ledger(provider="runblob", account="default", misses=5, open_until=T0 + 5 * SECOND)
        )
    assert [] == await polls(database)
    clock.advance(6)
    assert 1 == len(await polls(database))
    assert [] == await polls(database), "the first is given time to be answered"
    clock.advance(6)
    assert 1 == len(await polls(database))


async def test_orders_that_wait_for_a_place_take_no_turn_from_polls(database):
    """Nor do polls behind an open breaker take one from orders."""
    budgets = {ACCOUNT: Budget(max_in_flight=1, requests_per_minute=40)}
    await keep(
        database,
        *(scheduled(f"p{number:02}", status=Status.PROCESSING, poll_at=T0) for number in range(20)),
        *(scheduled(f"s{number:02}", submit_at=T0) for number in range(20)),
    )
    assert [] == await submissions(database, budgets)
    assert 10 == len(await polls(database, budgets))


async def test_nothing_is_claimed_twice_by_many(database):
    await keep(database, *(scheduled(f"{number:03}", submit_at=T0, poll_at=T0) for number in range(60)))
    async with database.transaction() as tx:
        await accounts.save_ledger(tx, Ledger(provider="runblob", account="default"))
    submitted, polled = [], []

    async def claim(into, claim_some):
        while batch := await claim_some(database, limit=7):
            assert len(batch) <= 7
            into.extend(batch)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(claim, submitted, submissions)
            group.start_soon(claim, polled, polls)
    everything = [f"gen_{number:03}" for number in range(60)]
    assert everything == sorted(submitted)
    assert everything == sorted(polled)
