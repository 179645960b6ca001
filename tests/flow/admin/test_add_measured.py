"""Measurements of a process are added to the database, by a worker and at each scrape."""

from dataclasses import replace

import pytest

from arrivals.assembly import working
from arrivals.flow.admin.add_measured import add_measured, fail
from arrivals.flow.admin.measure import measure
from arrivals.flow.measurements import EVERY, FAILURES
from arrivals.store import metrics
from arrivals.store.engine.base import Unavailable
from tests.conftest import run_worker

CODE = ("eachlabs", "content_policy")
KEY = (FAILURES.name, *CODE)


async def in_database(context):
    async with context.store.reading() as tx:
        return (await metrics.snapshot(tx, context.now())).measured


@pytest.fixture
def unwritable(monkeypatch):
    """Makes the next additions fail."""

    async def refuse(*_):
        raise Unavailable("the disk is full")

    def begin():
        monkeypatch.setattr(metrics, "add_measured", refuse)

    return begin


async def test_a_worker_adds_it_now_and_then(context, clock):
    context.process.measurements.count(FAILURES, CODE)
    assert 1 == await run_worker(context, "measure")
    context.process.measurements.count(FAILURES, CODE)
    assert 0 == await run_worker(context, "measure")
    assert {KEY: 1} == await in_database(context)

    clock.advance(EVERY / 1_000_000)

    assert 1 == await run_worker(context, "measure")
    assert {KEY: 2} == await in_database(context)


async def test_a_scrape_shows_what_was_measured_until_now(context):
    """Also in a process without workers."""
    context.process.measurements.count(FAILURES, CODE)

    assert 1 == (await measure(context)).measured[KEY]
    assert 1 == (await measure(context)).measured[KEY]


async def test_every_process_shows_what_all_of_them_measured(context):
    other = replace(context)
    context.process.measurements.count(FAILURES, CODE)
    other.process.measurements.count(FAILURES, CODE)
    await add_measured(other)

    assert 2 == (await measure(context)).measured[KEY]


async def test_what_cannot_be_written_is_kept_and_the_rest_is_shown(context, unwritable, monkeypatch):
    context.process.measurements.count(FAILURES, CODE)
    unwritable()
    assert 0 == (await measure(context)).measured[KEY]
    monkeypatch.undo()

    assert 1 == (await measure(context)).measured[KEY]


async def test_a_failure_is_logged_and_counted_the_next_time(context, logged):
    context.process.measurements.count(FAILURES, CODE)

    await fail(context, None, RuntimeError())

    assert ["RuntimeError"] == [line["reason"] for line in logged("measurements_kept_back")]
    assert 1 == (await measure(context)).measured[KEY]


async def test_nothing_is_written_where_nothing_was_measured(context, unwritable):
    unwritable()

    await add_measured(context)

    assert {} == await in_database(context)


async def test_a_process_that_ends_adds_what_it_measured_last(context):
    async with working(context, ()):
        context.process.measurements.count(FAILURES, CODE)

    assert {KEY: 1} == await in_database(context)


async def test_a_process_ends_though_nothing_can_be_written(context, unwritable):
    unwritable()

    async with working(context, ()):
        context.process.measurements.count(FAILURES, CODE)

    assert context.process.measurements.due(context.now() + EVERY)
