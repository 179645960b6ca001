"""Webhooks in masses: repeats are counted, hints are bounded, and neither makes us poll without end."""

import json

from msgspec.structs import replace
import pytest
from starlette.responses import JSONResponse

from arrivals.core.http import InboundWebhook
from arrivals.flow.admin.prune import prune
from arrivals.flow.observation import repeats
from arrivals.flow.observation.frequency import REMEMBERED, Frequency
from arrivals.flow.observation.receive import receive
from arrivals.flow.observation.repeats import FEW, MAX_HINT_BYTES, MAX_HINTS
from arrivals.flow.settlement.schedule import HINT_POLLS
from arrivals.flow.submission.order import stored
from arrivals.store import metrics, webhook_lists
from arrivals.store.provider_stats import of_all
from arrivals.store.webhook_lists import WebhookQuery
from tests.conftest import WEBHOOK_SECRET, run_worker
from tests.flow.conftest import SUCCEEDED

QUEUED = {"task_uuid": "rb-1", "status": "pending"}
WORKING = {"task_uuid": "rb-1", "status": "processing"}
SECRET = {"x-webhook-secret": WEBHOOK_SECRET}


@pytest.fixture
def hinted(context, upstream, ordered):
    """Submits a generation whose provider's webhooks nothing authenticates; returns its id."""

    async def place(answer=QUEUED):
        generation_id = await ordered(provider="runblob", model="gemini")
        upstream.answers.append((201, answer))
        assert await run_worker(context, "submit") == 1
        return generation_id

    return place


@pytest.fixture
def hints(context):
    """Sends an unauthenticated webhook about a generation of RunBlob."""

    async def call(generation_id, body):
        token = context.callback_urls.url("runblob", "default", generation_id).rpartition("/")[2]
        return await receive(context, "runblob", token, InboundWebhook(body=body))

    return call


async def kept(context):
    """The (repeats, bytes) of the webhooks that are kept, in the order of their arrival."""
    async with context.store.reading() as tx:
        page = await webhook_lists.listed(tx, WebhookQuery(limit=500))
    return [(webhook.repeats, webhook.size) for webhook in reversed(page.items)]


async def test_the_same_again_is_counted_and_not_kept(context, submitted, calls_back):
    """From the ninth webhook of a generation on; the first few are kept whatever they say."""
    generation_id = await submitted()
    body = json.dumps(SUCCEEDED).encode()

    became = [await calls_back(generation_id, body) for _ in range(FEW + 21)]

    assert [(0, len(body))] * FEW + [(20, len(body))] == await kept(context)
    assert 1 == len({webhook.id for webhook in became[FEW:]})


async def test_the_same_in_one_batch_is_counted_too(context, submitted, calls_back):
    generation_id = await submitted()
    webhook = await calls_back(generation_id, b"{}")
    for _ in range(FEW):
        context.process.frequency.count(generation_id)
    several = [replace_id(webhook, f"whk_zz{number}") for number in range(5)]

    async with context.store.transaction() as tx:
        sifted = await repeats.sift(context, tx, several)

    assert (["whk_zz0"], {"whk_zz0": 4}) == ([kept.id for kept in sifted.kept], dict(sifted.repeats))
    assert ["whk_zz0"] * 5 == [became.id for became in sifted.became]


def replace_id(webhook, webhook_id):
    """The same webhook under another id."""
    return replace(webhook, id=webhook_id)


async def test_the_same_in_another_moment_or_vouched_for_otherwise_is_not_the_same(context, submitted, calls_back):
    """A repeat is signed anew; a webhook with another kind of proof is one of its own."""
    generation_id = await submitted()
    token = context.callback_urls.url("eachlabs", "default", generation_id).rpartition("/")[2]
    for _ in range(FEW):
        await calls_back(generation_id, b"{}")
    for headers in (SECRET, SECRET | {"x-sent": "later"}, SECRET | {"content-type": "text/plain"}):
        await receive(context, "eachlabs", token, InboundWebhook(headers=headers, body=b"{}"))

    assert [0] * FEW + [1, 0] == [repeated for repeated, _ in await kept(context)]


async def test_what_says_something_else_is_kept(context, submitted, calls_back):
    generation_id = await submitted()
    for number in range(3 * FEW):
        await calls_back(generation_id, b"%d" % number)

    assert 3 * FEW == len(await kept(context))


async def test_hints_of_one_day_are_bounded_in_number_and_then_counted(context, clock, hinted, hints):
    generation_id = await hinted()
    for number in range(FEW + MAX_HINTS + 30):
        await hints(generation_id, b"%d" % number)

    rows = await kept(context)
    assert ([0] * (FEW + MAX_HINTS - 1) + [30]) == [repeated for repeated, _ in rows]

    clock.advance(24 * 3600)
    await hints(generation_id, b"tomorrow")
    assert (0, len(b"tomorrow")) == (await kept(context))[-1]


async def test_hints_of_one_day_are_bounded_in_bytes(context, hinted, hints):
    generation_id = await hinted()
    for number in range(FEW + 20):
        await hints(generation_id, b"%02d" % number + b"x" * 1_000_000)

    rows = await kept(context)
    assert FEW + 4 == len(rows)
    assert sum(size for _, size in rows[FEW:]) <= MAX_HINT_BYTES
    assert 16 == rows[-1][0]


async def test_hints_are_kept_where_nobody_can_be_asked(context, monkeypatch, hinted, hints):
    """Webhooks that nobody vouches for are all there will ever be."""
    monkeypatch.setattr(repeats, "_can_be_asked", lambda _context, _about: False)
    generation_id = await hinted()
    for number in range(FEW + MAX_HINTS + 5):
        await hints(generation_id, b"%d" % number)

    assert FEW + MAX_HINTS + 5 == len(await kept(context))


async def test_hints_about_what_is_gone_are_bounded_too(context, hints):
    for number in range(FEW + MAX_HINTS + 5):
        await hints("gen_gone", b"%d" % number)

    assert (FEW + MAX_HINTS, 5) == (len(rows := await kept(context)), rows[-1][0])


async def test_a_route_that_is_gone_is_asked_by_nobody(context, hinted):
    generation = await stored(context, await hinted())

    assert repeats._can_be_asked(context, generation)
    assert not repeats._can_be_asked(context, replace_route(generation))


def replace_route(generation):
    """The generation as an older version ordered it."""
    return replace(generation, route="gone")


async def test_a_hint_that_is_only_counted_makes_us_ask(context, clock, upstream, hinted, hints):
    generation_id = await hinted()
    for _ in range(FEW + 2):
        await hints(generation_id, b"{}")
    while await run_worker(context, "read"):
        pass
    for _ in range(HINT_POLLS):  # its status endpoint may lag
        upstream.answers.append((200, WORKING))
        assert 1 == await run_worker(context, "poll")
        clock.advance(2)
    clock.advance(2)
    assert 0 == await run_worker(context, "poll")

    await hints(generation_id, b"{}")

    upstream.answers.append((200, WORKING))
    assert 1 == await run_worker(context, "poll")


async def test_hints_in_masses_make_us_ask_once_in_two_seconds(context, clock, upstream, hinted, hints):
    """The bound holds for the hints that are kept and for those that are only counted."""
    generation_id = await hinted()
    polls = 0
    for number in range(300):
        await hints(generation_id, b"%d" % number)
        await run_worker(context, "read")
        upstream.answers[:] = [(200, WORKING)]
        polls += await run_worker(context, "poll")
        clock.advance(0.1)

    assert 14 <= polls <= 16


async def test_a_hint_while_we_ask_makes_us_ask_again_soon(context, clock, upstream, hinted, hints):
    """The hint may know what the answer that is on its way does not."""
    generation_id = await hinted()
    await hints(generation_id, b"first")
    await run_worker(context, "read")

    async def answer(scope, receive, send):
        await hints(generation_id, b"while we ask")
        await run_worker(context, "read")
        await JSONResponse(WORKING)(scope, receive, send)

    upstream.answers.append(answer)
    assert 1 == await run_worker(context, "poll")
    assert 0 == await run_worker(context, "poll")

    for _ in range(HINT_POLLS - 1):
        clock.advance(2)
        upstream.answers.append((200, WORKING))
        assert 1 == await run_worker(context, "poll")
    clock.advance(2)
    assert 0 == await run_worker(context, "poll")


async def test_what_is_counted_shows_in_the_figures_and_outlives_pruning(context, clock, submitted, calls_back):
    generation_id = await submitted()
    body = json.dumps(SUCCEEDED).encode()
    for _ in range(FEW + 5):
        await calls_back(generation_id, body)
    while await run_worker(context, "read"):
        pass

    async with context.store.reading() as tx:
        behaved = (await of_all(tx, 0))["eachlabs"]
        measured = await metrics.snapshot(tx, clock.at)
    assert FEW + 4 == behaved.repeated
    assert FEW + 5 == measured.accepted["eachlabs",]
    assert FEW + 4 == measured.webhooks["eachlabs", "repeated"]

    clock.advance(60 * 24 * 3600)
    assert 1 + FEW == (await prune(context, clock.at))["webhooks"]
    async with context.store.reading() as tx:
        assert FEW + 5 == (await metrics.snapshot(tx, clock.at)).accepted["eachlabs",]


def test_only_so_many_generations_are_remembered():
    frequency = Frequency()
    assert [1, 2] == [frequency.count("first"), frequency.count("first")]
    for number in range(REMEMBERED):
        frequency.count(f"{number}")
    assert 1 == frequency.count("first")
    assert 2 == frequency.count(f"{REMEMBERED - 1}")


async def test_those_that_come_rarely_are_kept_beside_those_that_come_often(context, submitted, calls_back):
    often, rarely = await submitted(), await submitted()
    webhook = await calls_back(often, b"{}")
    for _ in range(FEW):
        context.process.frequency.count(often)
    first = replace_id(webhook, "whk_zz1")
    several = [first, replace(first, id="whk_zz2", generation_id=rarely), replace_id(webhook, "whk_zz3")]

    async with context.store.transaction() as tx:
        sifted = await repeats.sift(context, tx, several)

    assert [("whk_zz1", True), ("whk_zz2", False)] == [(kept.id, kept.digest is not None) for kept in sifted.kept]
    assert ["whk_zz1", "whk_zz2", "whk_zz1"] == [became.id for became in sifted.became]
