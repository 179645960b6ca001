"""Health: live while the process answers, ready while everything can be stored and the workers go on claiming."""

from contextlib import asynccontextmanager

import anyio
import pytest

from arrivals.flow.admin import readiness
from arrivals.flow.heartbeat import LATE_S, Heartbeat
from arrivals.store.engine.base import Unavailable

pytestmark = pytest.mark.timeout(20)


def heartbeat(name, since_s, **changed):
    """The heartbeat of a worker that has not claimed for so long."""
    at = anyio.current_time() - since_s
    values = {"capacity": 4, "rest_s": 0.25, "trust_s": 600.0, "claimed_at": at, "could_claim_at": at}
    return Heartbeat(name=name, **{**values, **changed})


async def ready(client):
    return await client.get("/health/ready", headers={"authorization": ""})


async def test_what_the_workers_do_is_told_without_a_key(client, context):
    context.process.heartbeats.update(submit=heartbeat("submit", 7, busy=3), poll=heartbeat("poll", 0, capacity=9))

    answer = await ready(client)

    assert (200, "ready") == (answer.status_code, answer.json()["status"])
    submit, poll = answer.json()["workers"]
    assert ("submit", 3, 4) == (submit["name"], submit["busy"], submit["capacity"])
    assert submit["since_claim_s"] >= 7 > poll["since_claim_s"]


async def test_where_another_process_works_there_are_no_workers(client):
    assert {"status": "ready", "workers": []} == (await ready(client)).json()


async def test_live_tells_nothing_else(client, context):
    context.process.heartbeats["submit"] = heartbeat("submit", 2 * LATE_S)
    answer = await client.get("/health/live", headers={"authorization": ""})
    assert (200, {"status": "live"}) == (answer.status_code, answer.json())


async def test_a_worker_that_does_not_claim_is_named(client, context):
    context.process.heartbeats.update(submit=heartbeat("submit", 2 * LATE_S), poll=heartbeat("poll", 1))

    answer = await ready(client)

    assert (503, "not_ready") == (answer.status_code, answer.json()["code"])
    assert "submit (" in answer.json()["detail"]
    assert "poll" not in answer.json()["detail"]


async def test_a_full_house_is_no_alarm(client, context):
    """A worker's items are bounded, and nothing can be claimed until one of them ends."""
    context.process.heartbeats["submit"] = heartbeat("submit", 2 * LATE_S, busy=4)
    assert 200 == (await ready(client)).status_code


@pytest.mark.parametrize("kind", [Unavailable, RuntimeError])
async def test_a_database_that_cannot_be_written_is_not_ready(client, context, kind, monkeypatch):
    def away():
        raise kind("away")

    monkeypatch.setattr(context.store, "transaction", away)

    answer = await ready(client)

    assert (503, "not_ready") == (answer.status_code, answer.json()["code"])
    assert kind.__name__ in answer.json()["detail"]


async def test_who_asks_waits_no_longer_than_it_says_for_a_database_that_does_not_answer(client, context, monkeypatch):
    """All who ask share one statement, however long it goes on, so that they take no connections from others."""
    begun, answered = [], anyio.Event()

    @asynccontextmanager
    async def silent():
        begun.append(1)
        with anyio.CancelScope(shield=True):
            await answered.wait()
        raise Unavailable("silent")
        yield

    monkeypatch.setattr(readiness, "PATIENCE_S", 0.01)
    monkeypatch.setattr(context.store, "transaction", silent)

    answers = [await ready(client) for _ in range(3)]

    assert [503] * 3 == [answer.status_code for answer in answers]
    assert [1] == begun
    answered.set()
