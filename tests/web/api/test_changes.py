"""The stream of changes: everything under way at first, then each generation as it changes."""

from contextlib import asynccontextmanager
import json

import anyio
import httpx
import pytest

from arrivals.core.generation import Status
from arrivals.core.wire import SECOND
from arrivals.store.engine.base import Unavailable
from arrivals.store.generation_lists import MAX_ON_SCREEN
from arrivals.web.api import changes
from tests.conftest import run_worker
from tests.support.examples import keep, scheduled
from tests.web.conftest import KEY

pytestmark = pytest.mark.timeout(30)


@asynccontextmanager
async def watching(client, query=""):
    """The messages of a stream of changes, each as its type and its data."""
    async with client.stream("GET", f"/v1/changes{query}") as answer:
        assert "text/event-stream; charset=utf-8" == answer.headers["content-type"]
        lines = answer.aiter_lines()

        async def read():
            """The next message; its type is the event's name too."""
            name = None
            async for line in lines:
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                if line.startswith("data: "):
                    message = json.loads(line.removeprefix("data: "))
                    assert name == message["type"]
                    return name, message["data"]
            return None

        yield read


async def read_until(read, is_wanted):
    """The first generation that is wanted; others may change before it."""
    while True:
        name, generation = await read()
        assert "generation" == name
        if is_wanted(generation):
            return generation


async def test_a_watcher_sees_what_is_under_way_and_then_each_step(client, context, upstream, ordered):
    first = await ordered()

    async with watching(client) as read:
        name, snapshot = await read()
        assert ("snapshot", [first["id"]]) == (name, [each["id"] for each in snapshot])
        second = await ordered()
        shown = await read_until(read, lambda each: each["id"] == second["id"])
        assert shown == second
        upstream.answers += [(200, {"status": "success", "predictionID": "el-1"}), (400, {"error": "no"})]
        await run_worker(context, "submit")
        await run_worker(context, "submit")
        ends = {}
        while len(ends) < 2:
            _, generation = await read()
            if generation["status"] in ("submitted", "failed"):
                ends[generation["id"]] = generation
        for each in ends.values():
            read_whole = (await client.get(f"/v1/generations/{each['id']}")).json()
            del read_whole["input"]
            assert read_whole == each

    assert {"submitted", "failed"} == {each["status"] for each in ends.values()}


async def test_progress_and_the_place_in_the_queue_are_changes(client, context, submitted, upstream):
    generation_id = await submitted()

    async with watching(client) as read:
        await read()
        upstream.answers.append((200, {"id": "el-1", "status": "processing", "progress": 0.25}))
        await client.post(f"/v1/generations/{generation_id}/poll")
        assert "processing" == (await read_until(read, lambda each: each["status"] != "submitted"))["status"]


async def test_what_closed_in_the_last_minute_is_in_the_snapshot_and_nothing_older(client, context):
    now = context.now()
    await keep(
        context.store,
        scheduled("1", status=Status.COMPLETED, closed_at=now - 61 * SECOND),
        scheduled("2", status=Status.FAILED, closed_at=now - 59 * SECOND),
        scheduled("3", status=Status.EXPIRED),
        scheduled("4", status=Status.PROCESSING),
    )

    async with watching(client) as read:
        _, shown = await read()

    assert ["gen_2", "gen_4"] == [each["id"] for each in shown]


async def test_what_is_under_way_no_more_is_shown_once_as_it_ended(client, context, ordered, clock):
    """An expired generation is not among those that closed, and is told of all the same."""
    generation_id = (await ordered(deadline_s=5))["id"]

    async with watching(client) as read:
        await read()
        clock.advance(6 * SECOND)
        await run_worker(context, "expire")
        assert "expired" == (await read_until(read, lambda each: each["id"] == generation_id))["status"]


async def test_a_screen_is_bounded_in_what_it_shows(client, context):
    await keep(context.store, *(scheduled(f"{number:03}") for number in range(MAX_ON_SCREEN + 10)))

    async with watching(client) as read:
        _, shown = await read()

    assert [f"gen_{number:03}" for number in range(10, MAX_ON_SCREEN + 10)] == [each["id"] for each in shown]


async def test_a_watcher_picks_by_provider_and_model_or_names_generations_however_old(client, context):
    await keep(
        context.store,
        scheduled("1", status=Status.COMPLETED, closed_at=1),
        scheduled("2", provider="vtrix", model="wan26_t2i"),
        scheduled("3"),
    )

    for query, expected in (
        ("?provider=vtrix", ["gen_2"]),
        ("?model=wan26_t2i&provider=runblob", []),
        ("?generation=gen_1,gen_3,gen_none", ["gen_1", "gen_3"]),
    ):
        async with watching(client, query) as read:
            _, shown = await read()
        assert expected == [each["id"] for each in shown]


async def test_a_named_generation_is_followed_to_its_end(client, ordered):
    generation_id = (await ordered())["id"]

    async with watching(client, f"?generation={generation_id}") as read:
        assert "snapshot" == (await read())[0]
        await client.post(f"/v1/generations/{generation_id}/cancel")
        assert "canceled" == (await read_until(read, lambda _: True))["status"]


async def test_all_who_watch_share_a_look_and_without_them_there_is_none(client, context, ordered, monkeypatch):
    looks = []
    reading = context.process.changes.look

    async def counted(*arguments):
        looks.append(await reading(*arguments))
        return looks[-1]

    monkeypatch.setattr(context.process.changes, "look", counted)
    await ordered()
    assert [] == looks

    async with watching(client) as first, watching(client) as second:
        assert (await first()) == (await second())
    assert looks[0] is looks[1]


async def test_a_watcher_that_has_nothing_to_see_hears_a_heartbeat(client, monkeypatch):
    monkeypatch.setattr(changes, "HEARTBEAT_S", 0.0)
    monkeypatch.setattr(changes, "PAUSE_S", 0.01)

    async with client.stream("GET", "/v1/changes") as answer:
        async for line in answer.aiter_lines():
            if line == ": nothing new":
                break


async def test_a_stream_ends_with_the_service(client, context):
    async with watching(client) as read:
        await read()
        context.end_waits()
        assert await read() is None


async def test_a_database_that_is_away_is_503(client, context, monkeypatch):
    async def away(*_):
        raise Unavailable("away")

    monkeypatch.setattr(context.process.changes, "look", away)

    assert 503 == (await client.get("/v1/changes")).status_code


async def test_changes_are_for_those_who_may_read(base_url):
    async with httpx.AsyncClient(base_url=base_url) as nobody:
        assert 401 == (await nobody.get("/v1/changes")).status_code
    with anyio.fail_after(5):
        async with httpx.AsyncClient(base_url=base_url, headers={"authorization": f"Bearer {KEY}"}) as reader:
            assert 422 == (await reader.get("/v1/changes?generation=")).status_code
