"""The process dies at every point where it could, and the next one goes on from what was committed."""

from contextlib import asynccontextmanager
import json

import pytest
from starlette.responses import JSONResponse

from arrivals.core.http import InboundWebhook
from arrivals.core.subscriber import Subscriber
from arrivals.flow.observation.receive import receive
from arrivals.flow.submission.order import OrderRequest, order, stored
from arrivals.store import deliveries, events, subscribers
from arrivals.store.engine.base import Missing
from tests.conftest import WEBHOOK_SECRET, context_over, run_worker
from tests.flow.conftest import ACCEPTED, ORDER, POLLED, SUCCEEDED
from tests.support.databases import empty, reopened

CLOSING = {"generation.completed", "generation.failed", "generation.canceled"}


class Died(BaseException):
    """The end of the process: no handler of the service may catch it."""


class Mortal:
    """A database that lets its process die at the nth point: before a statement, before a commit, or after one."""

    def __init__(self, inner, dies_at):
        self._inner, self._left = inner, dies_at
        self.alive = True

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def point(self):
        """Passes one point where the process may end."""
        self._left -= 1
        if self._left <= 0:
            self.alive = False
            raise Died

    @asynccontextmanager
    async def transaction(self):
        """Opens the real one, with points."""
        async with self._inner.transaction() as tx:
            yield MortalTx(tx, self)
            self.point()
        self.point()

    @asynccontextmanager
    async def reading(self):
        """Opens the real one, with points."""
        async with self._inner.reading() as tx:
            yield MortalTx(tx, self)

    @asynccontextmanager
    async def read_inline(self):
        """Opens the real one, with points."""
        async with self._inner.read_inline() as tx:
            yield MortalTx(tx, self)


class MortalTx:
    """A transaction of a mortal database."""

    def __init__(self, tx, database):
        self._tx, self._database = tx, database

    def __getattr__(self, name):
        return getattr(self._tx, name)

    async def fetch(self, query, **values):
        """Does the same as the real one, after a point."""
        self._database.point()
        return await self._tx.fetch(query, **values)

    async def run_many(self, query, rows):
        """Does the same as the real one, after a point."""
        self._database.point()
        return await self._tx.run_many(query, rows)


class World:
    """The world outside the process: a provider that works once per submission, and calls until it is answered 200."""

    def __init__(self, upstream, listener):
        self.upstream, self.listener = upstream, listener
        self.generation_id = None
        self.acknowledged = False

    def ready(self):
        """Sets the answers of the provider and the subscriber."""
        self.upstream.answers[:] = [_by_method] * 20
        self.listener.answers[:] = [204] * 20

    @property
    def submissions(self):
        """The number of submissions that the provider was paid for."""
        return sum(request.method == "POST" for request in self.upstream.requests)

    async def live(self, context):
        """Gives every worker a turn; the client orders with the same key until it is answered."""
        if self.generation_id is None:
            self.generation_id = (await order(context, OrderRequest(**ORDER, idempotency_key="the-order"))).id
        await run_worker(context, "submit")
        if self.submissions and not self.acknowledged:
            token = context.callback_urls.url("eachlabs", "default", self.generation_id).rpartition("/")[2]
            webhook = InboundWebhook(headers={"x-webhook-secret": WEBHOOK_SECRET}, body=json.dumps(SUCCEEDED).encode())
            await receive(context, "eachlabs", token, webhook)
            self.acknowledged = True
        for name in ("read", "poll", "expire", "deliver"):
            await run_worker(context, name)


class _ByMethod:
    async def __call__(self, scope, receive, send):
        """Answers as the provider, by the request's method."""
        await JSONResponse(ACCEPTED if scope["method"] == "POST" else POLLED)(scope, receive, send)


_by_method = _ByMethod()


async def lived(store, clock, transport, world, dies_at):
    """Runs one process on the database until it dies or everything is done; returns whether it died."""
    async with reopened(store, clock) as inner:
        mortal = Mortal(inner, dies_at)
        context = context_over(mortal, transport, clock, world.upstream.url)
        try:
            for _ in range(3):
                await world.live(context)
                clock.advance(120)
        except BaseException:
            if mortal.alive:
                raise
            return True
    return False


@pytest.mark.timeout(240)  # it plays the whole story once for every point
async def test_death_at_any_point_loses_and_doubles_nothing(store, clock, transport, upstream, listener):
    """After a death at any point there is one closing event, one delivery that arrived and one submission."""
    dies_at, died = 0, True
    while died:
        dies_at += 1
        upstream.requests.clear()
        listener.requests.clear()
        world = World(upstream, listener)
        world.ready()
        await empty(store)
        async with store.transaction() as tx:
            url = f"{listener.url}/events"
            secret = context_over(store, transport, clock, upstream.url).policy.callback_secrets[0]
            await subscribers.insert(tx, Subscriber(id="sub_1", url=url, secret=secret, created_at=clock()))

        died = await lived(store, clock, transport, world, dies_at)
        world.ready()
        assert not await lived(store, clock, transport, world, 10**9)

        await agreed(store, clock, transport, world)
    assert dies_at > 60


async def agreed(store, clock, transport, world):
    async with reopened(store, clock) as database:
        context = context_over(database, transport, clock, world.upstream.url)
        if not world.submissions:
            # It died between the commit of `submitting` and the call: nobody can know, so it is never sent again.
            clock.advance(3600)
            await run_worker(context, "expire")
            await run_worker(context, "deliver")
        generation = await stored(context, world.generation_id)
        async with database.reading() as tx:
            emitted = [event for _, event in (await events.page_after(tx, 0, 100)).events]
            delivered = await deliveries.of_generation(tx, world.generation_id)
    paid = world.submissions
    assert ("completed" if paid else "expired") == generation.status
    assert [world.generation_id] * paid == [event.generation_id for event in emitted if event.type in CLOSING]
    assert paid <= 1
    assert all(delivery.delivered_at is not None for delivery in delivered)
    assert {event.id for event in emitted} == {request.headers["webhook-id"] for request in world.listener.requests}


async def test_an_order_that_was_not_answered_may_be_nowhere(store, clock, transport, upstream, listener):
    """Only an order that was answered 202 is promised."""
    context = context_over(Mortal(store, 1), transport, clock, upstream.url)
    with pytest.raises(Died):
        await order(context, OrderRequest(**ORDER))
    with pytest.raises(Missing):
        await stored(context_over(store, transport, clock, upstream.url), "gen_any")
