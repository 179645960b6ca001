from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from arrivals.flow.submission.cancel import NotCancelable, cancel
from arrivals.flow.submission.order import stored
from arrivals.store import events, generations
from arrivals.store.engine.base import Missing
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED


async def test_what_waits_is_withdrawn_and_never_sent(context, upstream, ordered):
    generation_id = await ordered()

    await cancel(context, generation_id)

    generation = await stored(context, generation_id)
    assert ("canceled", None) == (generation.status, generation.submitted_at)
    assert 0 == await run_worker(context, "submit")
    assert [] == upstream.requests


async def test_the_provider_is_asked_to_cancel(context, upstream, submitted):
    generation_id = await submitted()
    upstream.answers.append((200, {"status": "cancelled", "predictionID": "el-1"}))

    await cancel(context, generation_id)

    assert "canceled" == (await stored(context, generation_id)).status
    assert "/v1/prediction/el-1/cancel" == upstream.requests[-1].path


class Held:
    """A database whose transactions stop, until they may go on, before they take the row that orders all events."""

    def __init__(self, inner):
        self._inner = inner
        self.waits, self.goes_on = anyio.Event(), anyio.Event()

    def __getattr__(self, name):
        return getattr(self._inner, name)

    @asynccontextmanager
    async def transaction(self):
        """Opens the database's own transaction, held."""
        async with self._inner.transaction() as tx:
            yield HeldTx(tx, self)


class HeldTx:
    """A transaction of a held database."""

    def __init__(self, inner, held):
        self._inner, self._held = inner, held

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def fetch(self, query, **values):
        """Waits where settling would wait for the row of another transaction."""
        if query is events.SQL["take_positions"]:
            self._held.waits.set()
            await self._held.goes_on.wait()
        return await self._inner.fetch(query, **values)


async def test_nobody_submits_what_is_being_canceled_however_long_that_takes(context, clock, upstream, ordered):
    """Settling may wait for another transaction; a caller who is told that it is canceled pays for nothing."""
    generation_id = await ordered()
    held = Held(context.store)
    submitted = []

    async def submit_meanwhile():
        await held.waits.wait()
        clock.advance(3600)
        submitted.append(await run_worker(context, "submit"))  # SQLite has one writer: who claims there waits

    async with anyio.create_task_group() as group:
        group.start_soon(cancel, replace(context, store=held), generation_id)
        group.start_soon(submit_meanwhile)
        await held.waits.wait()
        for _ in range(50):  # turns in which it could be claimed
            async with context.store.read_inline() as tx:
                await generations.by_id(tx, generation_id)
        held.goes_on.set()

    assert "canceled" == (await stored(context, generation_id)).status
    assert [0] == submitted
    assert [] == upstream.requests


async def test_who_dies_while_it_cancels_takes_no_order_along(context, upstream, ordered):
    """No caller was told that it is canceled, so it is submitted as if nobody had canceled it."""
    generation_id = await ordered()
    held = Held(context.store)
    async with anyio.create_task_group() as group:
        group.start_soon(cancel, replace(context, store=held), generation_id)
        await held.waits.wait()
        group.cancel_scope.cancel()
    assert "pending" == (await stored(context, generation_id)).status
    upstream.answers.append((200, ACCEPTED))

    assert 1 == await run_worker(context, "submit")

    assert "submitted" == (await stored(context, generation_id)).status


async def test_canceling_is_announced(context, ordered):
    generation_id = await ordered()
    heard = context.store.version("settled")

    await cancel(context, generation_id)

    async with context.store.reading() as tx:
        assert ["generation.canceled"] == [event.type for event in await events.events_of(tx, generation_id)]
    assert context.store.version("settled") > heard


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((409, {"error": "already finished"}), "refused: already finished"),
        ((200, b"<html>"), "no usable answer"),
        ("cut", "no usable"),
    ],
    ids=["refused", "unreadable", "cut"],
)
async def test_a_provider_that_does_not_cancel_changes_nothing(context, upstream, submitted, answer, says):
    generation_id = await submitted()
    upstream.answers.append(answer)

    with pytest.raises(NotCancelable, match=says):
        await cancel(context, generation_id)

    assert "submitted" == (await stored(context, generation_id)).status


async def test_what_cannot_be_canceled_says_why(context, upstream, ordered, submitted):
    pending = await ordered()
    await cancel(context, pending)
    with pytest.raises(NotCancelable, match="canceled already"):
        await cancel(context, pending)

    of_runblob = await ordered(provider="runblob", model="gemini")
    upstream.answers.append((201, {"task_uuid": "rb-1", "status": "pending"}))
    await run_worker(context, "submit")
    with pytest.raises(NotCancelable, match="no way to cancel"):
        await cancel(context, of_runblob)

    unanswered = await ordered()
    upstream.answers.append("cut")
    await run_worker(context, "submit")
    with pytest.raises(NotCancelable, match="under way"):
        await cancel(context, unanswered)

    with pytest.raises(Missing):
        await cancel(context, "gen_nobody")
