"""A place in flight that others wait for is taken at once when it is freed."""

from dataclasses import replace

import pytest

from arrivals.core.budget import Budget
from arrivals.flow.submission.order import stored
from arrivals.flow.submission.submit import claim, submit
from arrivals.store import generations
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED, POLLED

ACCOUNT = ("eachlabs", "default")
STILL = {"id": "el-1", "status": "processing"}


@pytest.fixture
def context(context):
    """The context with one place in flight at each::labs."""
    places = Budget(max_in_flight=1, requests_per_minute=6000)
    return replace(context, upstreams={ACCOUNT: replace(context.upstreams[ACCOUNT], budget=places)})


@pytest.fixture
def crowded(context, upstream, submitted, ordered):
    """Orders two generations, of which one has the place and the other waits for it; returns the first one's id."""

    async def take():
        first = await submitted()
        await ordered()
        assert 0 == await run_worker(context, "submit")
        return first

    return take


async def poll_at(context, generation_id):
    async with context.store.reading() as tx:
        return (await generations.by_id(tx, generation_id)).schedule.poll_at


async def test_an_end_that_frees_a_place_wakes_the_submissions(context, upstream, clock, crowded):
    first = await crowded()
    heard = context.store.version("submit")
    clock.at = await poll_at(context, first)
    upstream.answers.append((200, POLLED))

    await run_worker(context, "poll")

    assert context.store.version("submit") > heard
    upstream.answers.append((200, ACCEPTED))
    assert 1 == await run_worker(context, "submit")


async def test_a_refusal_for_now_that_frees_a_place_wakes_the_submissions(context, upstream, clock, ordered):
    await ordered()
    await ordered()
    (group,) = await claim(context, 1)
    context.process.crowded.add(ACCOUNT)
    upstream.answers.append((429, {"error": "later"}))
    heard = context.store.version("submit")

    await submit(context, group)

    assert context.store.version("submit") > heard


async def test_who_ended_and_only_lacks_its_output_holds_no_place(context, upstream, clock, crowded):
    """Its provider no longer works on it; only a detail is awaited."""
    first = await crowded()
    clock.at = await poll_at(context, first)
    upstream.answers.append((200, {"id": "el-1", "status": "success", "output": None}))
    await run_worker(context, "poll")
    assert not (await stored(context, first)).closed
    upstream.answers.append((200, ACCEPTED))

    assert 1 == await run_worker(context, "submit")
