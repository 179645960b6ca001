import anyio
import pytest

from arrivals.core.event import EventType
from arrivals.store import events
from arrivals.web.api import events as web_events
from tests.conftest import run_worker
from tests.support.eventually import until
from tests.support.examples import announce, begin_epoch, epoch_of, event


@pytest.fixture
def fail_one(context, upstream, ordered):
    """Orders a generation that its provider refuses, which makes one event; returns its id."""

    async def place():
        order = await ordered()
        upstream.answers.append((400, {"error": "no"}))
        await run_worker(context, "submit")
        return order["id"]

    return place


async def test_events_are_listed_by_cursor_without_gap_or_repeat(client, fail_one):
    ids = [await fail_one() for _ in range(5)]

    seen, after = [], "0"
    while True:
        page = (await client.get(f"/v1/events?limit=2&after={after}")).json()
        if not page["data"]:
            break
        seen += [event["data"]["generation"]["id"] for event in page["data"]]
        after = page["next"]

    assert ids == seen
    assert page["next"] == after


async def test_an_empty_page_is_held_until_there_is_an_event(context, client, fail_one):
    pages = []

    async def read():
        pages.append((await client.get("/v1/events?wait=5")).json())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await until(lambda: "settled" in context.store.awaited)
        generation_id = await fail_one()

    assert [generation_id] == [event["data"]["generation"]["id"] for event in pages[0]["data"]]
    assert [] == (await client.get(f"/v1/events?wait=0.01&after={pages[0]['next']}")).json()["data"]


async def test_events_are_filtered_and_shown(client, fail_one):
    first, _ = await fail_one(), await fail_one()

    (event,) = (await client.get(f"/v1/events?generation={first}&type=generation.failed")).json()["data"]

    assert event == (await client.get(f"/v1/events/{event['id']}")).json()
    assert ("generation.failed", "invalid_request") == (event["type"], event["data"]["generation"]["failure"]["code"])
    assert [] == (await client.get("/v1/events?type=generation.completed")).json()["data"]


@pytest.mark.parametrize("query", ["after=x", "after=", "after=99999999999999999999", "type=done"])
async def test_a_bad_query_names_the_field(client, query):
    answer = await client.get(f"/v1/events?{query}")

    assert (422, query.split("=")[0]) == (answer.status_code, answer.json()["errors"][0]["field"])


async def test_a_waiting_list_looks_at_each_event_once(client, context, fail_one, monkeypatch):
    """A filter that matches nothing goes on from where it looked last."""
    for _ in range(3):
        await fail_one()
    looks, seen = [], anyio.Event()
    page_after = events.page_after

    async def look(tx, position, *wanted):
        looks.append(position)
        if len(looks) >= 2:
            seen.set()
        return await page_after(tx, position, *wanted)

    monkeypatch.setattr(events, "page_after", look)
    pages = []

    async def read():
        pages.append((await client.get("/v1/events?wait=20&provider=vtrix")).json())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        with anyio.fail_after(10):
            while not seen.is_set():
                context.store.notify("settled")
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()

    assert [0, 3] == looks[:2]
    assert set(looks[1:]) == {3}


async def test_an_empty_page_says_how_far_it_looked(client, context, fail_one):
    for _ in range(3):
        await fail_one()

    page = (await client.get("/v1/events?provider=vtrix")).json()

    epoch = await epoch_of(context.store)
    assert {"data": [], "next": f"{epoch}-3", "more": False} == page
    assert (True, f"{epoch}-1") == ((page := (await client.get("/v1/events?limit=1")).json())["more"], page["next"])


UNKNOWN = {
    "without an epoch": lambda epoch: "2",
    "of another epoch": lambda epoch: "0123abcd-2",
    "of another epoch, at its beginning": lambda epoch: "0123abcd-0",
    "beyond the newest event": lambda epoch: f"{epoch}-4",
}


@pytest.mark.parametrize("made", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_cursor_that_this_list_never_gave_out_is_refused(client, context, fail_one, made):
    for _ in range(3):
        await fail_one()
    cursor = made(await epoch_of(context.store))

    answers = [
        await client.get(f"/v1/events?after={cursor}"),
        await client.get(f"/v1/events?after={cursor}&wait=20"),
        await client.get(f"/v1/events/stream?after={cursor}"),
        await client.get("/v1/events/stream", headers={"last-event-id": cursor}),
    ]

    assert [(409, "cursor_unknown")] * 4 == [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert all("after=0" in answer.json()["detail"] for answer in answers)


async def test_one_reader_with_an_unknown_cursor_spoils_no_page_of_another(client, fail_one):
    await fail_one()
    answers = {}

    async def read(after):
        answers[after] = (await client.get(f"/v1/events?after={after}")).status_code

    async with anyio.create_task_group() as group:
        for after in ("0", "0123abcd-1", "7"):
            group.start_soon(read, after)

    assert {"0": 200, "0123abcd-1": 409, "7": 409} == answers


async def test_an_epoch_that_begins_is_told_to_all_who_wait(client, context, fail_one):
    await fail_one()
    cursor = (await client.get("/v1/events")).json()["next"]
    answers = []

    async def read():
        answers.append((await client.get(f"/v1/events?after={cursor}&wait=20")).status_code)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await until(lambda: "settled" in context.store.awaited)
        await begin_epoch(context.store)
        context.store.notify("settled")

    assert [409] == answers
    assert [1, 0] == [
        len((await client.get(f"/v1/events?after={after}")).json()["data"]) for after in ("0", await newest(client))
    ]


async def newest(client):
    """The cursor behind all events."""
    return (await client.get("/v1/events")).json()["next"]


@pytest.mark.parametrize("wait", [0, 20])
async def test_what_is_rare_is_looked_for_step_by_step(client, context, fail_one, monkeypatch, wait):
    """A page, held open or not, is empty only where there is nothing."""
    monkeypatch.setattr(events, "MAX_SEARCHED", 1)
    ids = [await fail_one() for _ in range(4)]

    page = (await client.get(f"/v1/events?wait={wait}&generation={ids[2]}")).json()

    assert ([ids[2]], f"{await epoch_of(context.store)}-3", True) == (
        [event["data"]["generation"]["id"] for event in page["data"]], page["next"], page["more"],
    )  # fmt: skip


async def test_who_waits_for_a_page_is_answered_when_the_service_is_told_to_end(client, context):
    pages = []

    async def wait():
        pages.append(await client.get("/v1/events?wait=300"))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        while not context.store.awaited:
            await anyio.lowlevel.checkpoint()
        context.end_waits()

    assert [(200, [])] == [(page.status_code, page.json()["data"]) for page in pages]


async def test_the_last_events_are_the_newest_oldest_first_with_the_cursor_to_go_on_from(client, fail_one):
    ids = [await fail_one() for _ in range(5)]

    page = (await client.get("/v1/events?last=2")).json()
    later = await fail_one()

    assert (ids[-2:], False) == ([event["data"]["generation"]["id"] for event in page["data"]], page["more"])
    following = (await client.get("/v1/events", params={"after": page["next"]})).json()
    assert [later] == [event["data"]["generation"]["id"] for event in following["data"]]
    assert [later] == [
        event["data"]["generation"]["id"]
        for event in (await client.get("/v1/events?last=1&type=generation.failed&provider=eachlabs")).json()["data"]
    ]
    assert [] == (await client.get("/v1/events?last=9&type=generation.completed")).json()["data"]
    assert [ids[0]] == [
        event["data"]["generation"]["id"]
        for event in (await client.get(f"/v1/events?last=9&generation={ids[0]}")).json()["data"]
    ]


async def test_the_last_events_of_a_kind_are_found_among_many_others(client, context, monkeypatch):
    monkeypatch.setattr(events, "MAX_SEARCHED", 10)
    rare = [event(f"rare{number}", type=EventType.EXPIRED, body=f'{{"id":"rare{number}"}}') for number in range(3)]
    common = [[event(f"{number}-{place}") for place in range(25)] for number in range(3)]
    await announce(context.store, rare[0], *common[0], rare[1], *common[1], rare[2], *common[2])

    async def last(count):
        answer = await client.get(f"/v1/events?last={count}&type=generation.expired")
        return [body["id"] for body in answer.json()["data"]]

    assert [f"rare{number}" for number in range(3)] == await last(5)
    assert ["rare1", "rare2"] == await last(2)
    monkeypatch.setattr(web_events, "SEARCHES", 4)
    assert ["rare2"] == await last(5)


async def test_there_are_no_last_events_of_nothing(client):
    page = (await client.get("/v1/events?last=3")).json()

    assert ([], False) == (page["data"], page["more"])
    assert [] == (await client.get("/v1/events", params={"after": page["next"]})).json()["data"]


async def test_the_last_events_after_a_cursor_are_at_once_those_that_came_since(client, fail_one):
    await fail_one()
    after = (await client.get("/v1/events?last=1")).json()["next"]
    empty = (await client.get(f"/v1/events?last=3&wait=300&after={after}")).json()
    later = await fail_one()
    page = (await client.get(f"/v1/events?last=3&after={after}")).json()

    assert ([], after) == (empty["data"], empty["next"])
    assert [later] == [event["data"]["generation"]["id"] for event in page["data"]]
    assert 409 == (await client.get("/v1/events?last=3&after=00000000-1")).status_code


@pytest.mark.parametrize("query", ["last=0", "last=201", "last=x"])
async def test_the_last_events_are_a_number(client, query):
    answer = await client.get(f"/v1/events?{query}")

    assert (422, ["last"]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])
