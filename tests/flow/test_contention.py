"""An account whose places in flight are all taken is polled sooner, and a place that is freed is taken at once."""

from dataclasses import replace

from msgspec import structs
import pytest

from arrivals.core.budget import Budget
from arrivals.core.cadence import Cadence
from arrivals.core.wire import SECOND
from arrivals.flow.submission.order import stored
from arrivals.flow.submission.submit import claim, submit
from arrivals.store import generations
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED, POLLED
from tests.support.contexts import with_policy

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


async def test_who_has_a_place_that_others_wait_for_is_asked_as_soon_as_is_worth_it(context, clock, submitted, ordered):
    """Otherwise its webhook would be missed only much later, and until then it would keep the place."""
    first = await submitted()
    late = await poll_at(context, first)
    await ordered()

    await run_worker(context, "submit")

    generation = await stored(context, first)
    soonest = generation.submitted_at + round(context.route(generation).initial_poll_delay_s * SECOND)
    assert soonest == await poll_at(context, first) < late


async def test_the_operators_own_first_poll_is_the_soonest(context, clock, submitted, ordered):
    first = await submitted()
    await ordered()

    await run_worker(with_policy(context, cadence=Cadence(poll_first_s=2)), "submit")

    assert (await stored(context, first)).submitted_at + 2 * SECOND == await poll_at(context, first)


async def test_waits_between_questions_do_not_grow_while_others_wait_for_the_place(context, upstream, clock, crowded):
    first = await crowded()
    every_s = context.route(await stored(context, first)).poll_every_s
    for _ in range(6):
        clock.at = await poll_at(context, first)
        upstream.answers.append((200, STILL))
        assert 1 == await run_worker(context, "poll")

    assert await poll_at(context, first) - clock.at <= every_s * 1.2 * SECOND


async def test_a_generation_is_asked_early_from_its_submission_on_where_others_wait(context, upstream, clock, crowded):
    first = await crowded()
    clock.at = await poll_at(context, first)
    upstream.answers += [(200, POLLED), (200, ACCEPTED | {"predictionID": "el-2"})]
    await run_worker(context, "poll")
    context.process.crowded.add(ACCOUNT)

    (group,) = await claim(context, 1)
    context.process.crowded.add(ACCOUNT)  # a third came meanwhile

    await submit(context, group)

    generation = group[0].generation
    first_poll_s = context.route(generation).initial_poll_delay_s
    assert await poll_at(context, generation.id) <= clock.at + first_poll_s * SECOND


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


async def test_a_route_of_another_version_is_asked_when_that_version_says(context, upstream, clock, submitted, ordered):
    first = await submitted()
    async with context.store.transaction() as tx:
        scheduled = await generations.by_id(tx, first)
        other = structs.replace(scheduled.generation, id="gen_other", route="a-route-that-was-renamed")
        await generations.insert(tx, structs.replace(scheduled, generation=other), "{}")
    late = await poll_at(context, "gen_other")
    await ordered()

    await run_worker(context, "submit")

    assert late == await poll_at(context, "gen_other")
