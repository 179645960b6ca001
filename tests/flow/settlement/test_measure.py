"""Settling adds to the measurements: durations, failures, costs, and how late webhooks are."""

import json

import pytest

from arrivals.core.generation import Origin, Output, Status
from arrivals.core.observation import Observation, Reading
from arrivals.flow.measurements import COSTS, DELAYS, FAILURES, GENERATIONS, LATENESS
from arrivals.flow.settlement.settle import settle
from tests.conftest import run_worker
from tests.flow.conftest import POLLED, SUCCEEDED


@pytest.fixture
def measured(context):
    """The numbers of this measurement so far, by labels and range."""

    def of(measurement):
        numbers = context.process.measurements.take(context.now())
        context.process.measurements.put_back(numbers)
        return {key[1:]: number for key, number in numbers.items() if key[0] == measurement.name}

    return of


async def webhook(context, calls_back, generation_id, body=SUCCEEDED, **changed):
    await calls_back(generation_id, json.dumps({**body, **changed}).encode())
    await run_worker(context, "read")


async def test_a_generation_counts_from_its_order_to_its_end(context, clock, submitted, calls_back, measured):
    generation_id = await submitted()
    clock.advance(42)
    assert {} == measured(GENERATIONS)

    await webhook(context, calls_back, generation_id)
    await webhook(context, calls_back, generation_id)

    numbers = measured(GENERATIONS)
    assert 42_000_000 <= numbers.pop(("eachlabs", "completed", "sum")) < 43_000_000
    assert {("eachlabs", "completed", "60.0"): 1} == numbers
    assert {} == measured(FAILURES) == measured(LATENESS)


async def test_a_failure_counts_by_its_code(context, clock, upstream, submitted, measured):
    await submitted()
    clock.advance(100)
    upstream.answers.append((200, {"id": "el-1", "status": "error", "output": {"code": "NSFW", "message": "refused"}}))

    await run_worker(context, "poll")

    assert [("eachlabs", "failed")] == [key[:2] for key in measured(GENERATIONS) if key[-1] != "sum"]
    assert [("eachlabs", 1)] == [(provider, number) for (provider, _), number in measured(FAILURES).items()]


async def test_what_expires_is_a_failure_that_took_no_time_to_its_end(context, clock, submitted, gives_up, measured):
    """Its end may still come, and then it counts."""
    await submitted()
    clock.advance(7 * 24 * 3600)

    await gives_up()

    assert {("eachlabs", "deadline_passed"): 1} == measured(FAILURES)
    assert {} == measured(GENERATIONS)


async def test_a_webhook_after_a_poll_counts_as_late(context, clock, upstream, submitted, calls_back, measured):
    generation_id = await submitted()
    clock.advance(100)
    upstream.answers.append((200, POLLED))
    await run_worker(context, "poll")
    assert {} == measured(LATENESS)
    clock.advance(7)

    await webhook(context, calls_back, generation_id)

    numbers = measured(LATENESS)
    assert 7_000_000 <= numbers.pop(("eachlabs", "sum")) < 8_000_000
    assert {("eachlabs", "10.0"): 1} == numbers


async def test_a_cost_counts_once_whether_it_comes_with_the_end_or_after_it(
    context, clock, upstream, submitted, calls_back, measured
):
    generation_id = await submitted()
    clock.advance(100)
    upstream.answers.append((200, POLLED))
    await run_worker(context, "poll")
    assert {} == measured(COSTS)

    for _ in range(2):
        await webhook(context, calls_back, generation_id, metrics={"cost": 0.05})

    assert {("eachlabs", "USD"): 50_000_000} == measured(COSTS)


async def test_a_cost_of_what_is_under_way_is_not_counted_yet(context, clock, upstream, submitted, measured):
    await submitted()
    clock.advance(100)
    upstream.answers.append((200, {"id": "el-1", "status": "processing", "metrics": {"cost": 0.01}}))
    await run_worker(context, "poll")

    assert {} == measured(COSTS)


async def test_a_result_counts_by_how_long_its_work_had_ended(context, clock, submitted, measured):
    """Where the provider says when that was, and only once."""
    generation_id = await submitted()
    clock.advance(100)
    output = Output(kind="image", url="https://storage.example.com/1.jpg")
    for _ in range(2):
        reading = Reading(status=Status.COMPLETED, outputs=(output,), ended_at=context.now() - 4_000_000)
        seen = Observation(generation_id=generation_id, origin=Origin.POLL, at=context.now(), reading=reading)
        await settle(context, [seen])

    numbers = measured(DELAYS)
    assert 4_000_000 <= numbers.pop(("eachlabs", "poll", "sum")) < 4_100_000
    assert {("eachlabs", "poll", "5.0"): 1} == numbers
