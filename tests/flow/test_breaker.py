"""A subscriber that keeps failing is tried less and less, and is served again as soon as it answers."""

from dataclasses import replace

import pytest

from arrivals.flow.delivery import deliver
from tests.conftest import context_over, run_worker
from tests.flow.delivery import test_deliver
from tests.support.contexts import with_policy
from tests.support.databases import reopened

subscribed, completed = test_deliver.subscribed, test_deliver.completed

MISSES = 5
AT_ONCE = (0,) * 100


@pytest.fixture
def context(context):
    """Every retry is due at once, so that only the breaker keeps anything waiting."""
    return with_policy(context, cadence=replace(context.policy.cadence, retry_schedule_s=AT_ONCE))


@pytest.fixture
async def failing(context, listener, subscribed, completed):
    """Four events wait for a subscriber that has just missed for the fifth time in a row."""
    await subscribed()
    for _ in range(4):
        await completed()
    listener.answers += [500] * MISSES
    assert 4 == await run_worker(context, "deliver")
    assert 1 == await run_worker(context, "deliver")


async def test_from_the_fifth_miss_on_the_silences_grow_to_five_minutes(
    context, clock, listener, subscribed, completed
):
    await subscribed()
    await completed()
    listener.answers += [500] * 20
    for _ in range(MISSES):
        assert 1 == await run_worker(context, "deliver")

    for silence_s in (5, 10, 20, 40, 80, 160, 300, 300):
        clock.advance(silence_s - 0.1)
        assert 0 == await run_worker(context, "deliver")
        clock.advance(0.1)
        assert 1 == await run_worker(context, "deliver")

    assert MISSES + 8 == len(listener.requests)


async def test_misses_of_one_moment_open_it_for_the_shortest_time(context, clock, listener, subscribed, completed):
    """A process that stood still misses as many as were in flight, though its subscriber is healthy."""
    await subscribed()
    for _ in range(10):
        await completed()
    listener.answers += [500] * 10
    assert 10 == await run_worker(context, "deliver")

    clock.advance(5.1)

    assert 1 == await run_worker(context, "deliver")


async def test_between_two_silences_there_is_one_try(context, clock, failing):
    clock.advance(5)

    assert 1 == len(await deliver.claim(context, 10))
    assert 0 == len(await deliver.claim(context, 10))


async def test_a_missed_try_silences_again_without_a_second_one(context, clock, listener, failing):
    clock.advance(5)
    listener.answers.append(503)
    assert 1 == await run_worker(context, "deliver")

    assert 0 == await run_worker(context, "deliver")
    assert MISSES + 1 == len(listener.requests)


async def test_an_answer_closes_the_breaker(context, clock, listener, failing):
    clock.advance(5)
    listener.answers.append(204)
    assert 1 == await run_worker(context, "deliver")

    assert 3 == len(await deliver.claim(context, 10))


async def test_after_an_answer_five_more_misses_are_needed(context, clock, listener, failing):
    clock.advance(5)
    listener.answers += [204, *[500] * (MISSES - 1)]
    assert 1 == await run_worker(context, "deliver")
    assert 3 == await run_worker(context, "deliver")
    assert 1 == await run_worker(context, "deliver")

    assert 1 == len(await deliver.claim(context, 10))


async def test_four_misses_silence_nobody(context, listener, subscribed, completed):
    await subscribed()
    await completed()
    listener.answers += [500, 503, 302, 404, 204]

    for _ in range(5):
        assert 1 == await run_worker(context, "deliver")

    assert 0 == await run_worker(context, "deliver")


async def test_one_breaker_silences_nobody_else(context, listener, failing, subscribed, completed):
    other = await subscribed("/other")
    await completed()

    assert [other] == [claimed.subscriber_id for claimed in await deliver.claim(context, 10)]


async def test_a_breaker_stays_open_over_a_restart(context, clock, transport, upstream, failing):
    async with reopened(context.store, clock) as again:
        restarted = context_over(again, transport, clock, upstream.url, cadence=context.policy.cadence)

        assert 0 == len(await deliver.claim(restarted, 10))
        clock.advance(5)
        assert 1 == len(await deliver.claim(restarted, 10))


async def test_a_dead_callback_host_is_asked_less_too(context, clock, listener, completed):
    """The orders' own callback URLs at one origin share one breaker."""
    for order in range(MISSES + 1):
        await completed(callback_url=f"{listener.url}/{order}")
    listener.answers += [500] * 10
    assert MISSES + 1 == await run_worker(context, "deliver")

    assert 0 == await run_worker(context, "deliver")
    clock.advance(10)
    assert 1 == await run_worker(context, "deliver")
