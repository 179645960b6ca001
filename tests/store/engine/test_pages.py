"""Pages are bounded in bytes as well as in rows, and nothing is loaded that does not fit."""

import pytest

from arrivals.core.bounds import MAX_METADATA_BYTES
from arrivals.core.http import InboundWebhook
from arrivals.store import events, observations, replays, subscribers, webhook_lists
from arrivals.store.engine.pages import PAGE_MAX_BYTES, fitting
from arrivals.store.engine.queries import parse
from arrivals.store.events import MAX_SEARCHED, EventFilter
from arrivals.store.generation_lists import GenerationQuery, listed
from arrivals.store.replays import Filters, Replay, ReplayKind
from arrivals.store.webhook_lists import WebhookQuery
from tests.support.examples import T0, announce, event, keep, scheduled, subscribe, subscriber, webhook

MIB = 1024 * 1024
QUARANTINED = parse("-- name: all\nUPDATE webhooks SET quarantined_at = 1;")["all"]


def sizes(*megabytes):
    return [{"id": f"{number}", "size": round(size * MIB)} for number, size in enumerate(megabytes)]


@pytest.mark.parametrize(
    ("measured", "limit", "fit", "more"),
    [
        ((), 3, 0, False),
        ((1, 1, 1), 3, 3, False),
        ((1, 1, 1, 1), 3, 3, True),
        ((4, 4), 3, 2, False),
        ((4, 4, 0.1), 3, 2, True),
        ((30,), 3, 1, False),
        ((30, 1), 3, 1, True),
        ((1, 30, 1), 3, 1, True),
    ],
)
def test_a_page_holds_what_fits_and_always_one(measured, limit, fit, more):
    page = fitting(sizes(*measured), limit)
    assert (fit, more) == (len(page.items), page.more)


async def test_a_list_of_long_rows_is_cut_by_bytes_and_goes_on(database):
    """Rows were as long as these before metadata had a bound."""
    await keep(database, *(scheduled(f"{number}", metadata={"a": "x" * 3 * MIB}) for number in range(4)))
    seen, before = [], "zzz"
    async with database.reading() as tx:
        while True:
            page = await listed(tx, GenerationQuery(before=before))
            seen.append([row.id for row in page.items])
            if not page.more:
                break
            before = page.items[-1].id
    assert [["gen_3", "gen_2"], ["gen_1", "gen_0"]] == seen


async def test_the_longest_metadata_of_a_whole_page_fits(database):
    await keep(
        database, *(scheduled(f"{number:03}", metadata={"a": "x" * (MAX_METADATA_BYTES - 8)}) for number in range(201))
    )
    async with database.reading() as tx:
        page = await listed(tx, GenerationQuery(limit=200))
    assert (200, True) == (len(page.items), page.more)


async def test_a_list_of_events_is_cut_by_bytes_and_goes_on(database):
    await announce(database, *(event(f"{number}", body="x" * 3 * MIB) for number in range(4)))
    async with database.reading() as tx:
        first = await events.page_after(tx, 0, 100)
        second = await events.page_after(tx, first.position, 100)
    assert ([1, 2], 2, True) == ([position for position, _ in first.events], first.position, first.more)
    assert ([3, 4], 4, False) == ([position for position, _ in second.events], second.position, second.more)


async def test_one_look_passes_by_a_bounded_number_of_events_and_the_next_goes_on_there(database):
    """A reader that wants rare events looks at each event once."""
    async with database.transaction() as tx:
        await events.append(tx, [event(f"{number:05}") for number in range(MAX_SEARCHED)])
        await events.append(tx, [event("rare", generation_id="gen_2"), event("last")])
    wanted = EventFilter(generation="gen_2")
    async with database.reading() as tx:
        first = await events.page_after(tx, 0, 100, wanted)
        second = await events.page_after(tx, first.position, 100, wanted)
        third = await events.page_after(tx, second.position, 100, wanted)
    assert ([], MAX_SEARCHED, True) == (first.events, first.position, first.more)
    assert (["evt_rare"], MAX_SEARCHED + 2, False) == (
        [match.id for _, match in second.events],
        second.position,
        second.more,
    )
    assert ([], MAX_SEARCHED + 2, False) == (third.events, third.position, third.more)


async def test_a_list_of_subscribers_is_cut_by_bytes_and_goes_on(database):
    long = {"metadata": {"a": "x" * 3 * MIB}}
    await subscribe(database, *(subscriber(f"{number}", filter=long) for number in range(4)))
    async with database.reading() as tx:
        first = await subscribers.listed(tx, 50)
        second = await subscribers.listed(tx, 50, before=first.items[-1].id)
    assert [["sub_3", "sub_2"], ["sub_1", "sub_0"]] == [[row.id for row in page.items] for page in (first, second)]
    assert (True, False) == (first.more, second.more)


@pytest.fixture
async def large(database):
    """Ten webhooks of a megabyte each."""
    body = InboundWebhook(headers={}, body=b"x" * MIB)
    async with database.transaction() as tx:
        await observations.insert_webhooks(tx, [webhook(f"{number}", webhook=body) for number in range(10)])
    return database


async def test_a_list_of_webhooks_holds_no_bodies(large):
    async with large.reading() as tx:
        page = await webhook_lists.listed(tx, WebhookQuery())
        rows = await tx.fetch(observations.SQL["webhook_facts"], ids='["whk_1"]')
    assert [MIB] * 10 == [facts.size for facts in page.items]
    assert not {"body", "headers"} & {*rows[0]}


async def test_what_is_to_be_read_is_loaded_in_bounded_portions(large):
    async with large.transaction() as tx:
        unread = await observations.unread(tx, 64)
    assert PAGE_MAX_BYTES // MIB - 1 == len(unread)
    assert "whk_0" == unread[0].id


async def test_what_is_to_be_replayed_is_loaded_in_bounded_portions(large):
    replay = Replay(id="rpl_1", kind=ReplayKind.QUARANTINE, filters=Filters(until=T0 + 1), created_at=T0, due_at=T0)
    async with large.transaction() as tx:
        await tx.fetch(QUARANTINED)
        page = await replays.webhooks(tx, replay, 200)
    assert (PAGE_MAX_BYTES // MIB - 1, True) == (len(page.items), page.more)
