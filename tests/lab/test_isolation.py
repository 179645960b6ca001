"""Beside a subscriber that hangs and one that answers 500, a healthy one's events arrive as if it were alone."""

import anyio
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from arrivals.core.standard_webhooks import make_secret
from arrivals.core.subscriber import Subscriber
from arrivals.flow.context import Limits
from arrivals.store import deliveries, events, subscribers
from arrivals.workers.roster import roster
from tests.conftest import context_over
from tests.support.databases import empty
from tests.support.examples import event, generation, scheduled
from tests.support.examples import keep as keep_generations
from tests.support.serving import served

EVENTS, GENERATIONS = 300, 100


class World:
    """Three callback URLs; what the healthy one was sent."""

    def __init__(self):
        self.arrived = []
        self.requests = {"/hanging": 0, "/failing": 0}
        self.all_there = anyio.Event()
        self.release = anyio.Event()

    async def healthy(self, request):
        """204 at once."""
        self.arrived.append(request.headers["webhook-id"])
        if EVENTS == len(self.arrived):
            self.all_there.set()
        return Response(status_code=204)

    async def hanging(self, request):
        """No answer until the test is over."""
        self.requests["/hanging"] += 1
        await self.release.wait()
        return Response(status_code=204)

    async def failing(self, request):
        """500 at once."""
        self.requests["/failing"] += 1
        return Response(status_code=500)

    @property
    def app(self):
        """The ASGI application."""
        doors = {"/healthy": self.healthy, "/hanging": self.hanging, "/failing": self.failing}
        return Starlette(routes=[Route(path, door, methods=["POST"]) for path, door in doors.items()])


async def arrivals(store, clock, transport, names, in_flight):
    """Returns what the healthy one is sent, in order, while these are subscribed and the worker runs as usual."""
    world = World()
    await empty(store)
    async with served(lambda _: world.app) as port:
        url = f"http://127.0.0.1:{port}"
        context = context_over(store, transport, clock, url, limits=Limits(delivery_timeout_s=60))
        await keep_generations(store, *(scheduled(f"{number}") for number in range(GENERATIONS)))
        async with store.transaction() as tx:
            for name in names:
                await subscribers.insert(tx, subscriber(name, url, in_flight))
        async with anyio.create_task_group() as group:
            stop = anyio.Event()
            worker = next(worker for worker in roster(context) if worker.name == "deliver")
            group.start_soon(worker.run, store, stop, worker.heartbeat())
            for number in range(EVENTS):
                await announce(context, names, number, url)
            await world.all_there.wait()
            stop.set()
            world.release.set()
    return world


def subscriber(name, url, in_flight):
    """Returns a subscriber that takes so many deliveries at once."""
    return Subscriber(
        id=f"sub_{name}", url=f"{url}/{name}", secret=make_secret(bytes(32)), created_at=1, max_in_flight=in_flight
    )


async def announce(context, names, number, url):
    """Announces an event to everybody; each third one is about the same generation."""
    announced = event(f"{number:03}", generation_id=generation(f"{number % GENERATIONS}").id, body="{}")
    async with context.store.transaction() as tx:
        position = (await events.append(tx, [announced]))[announced.id]
        due = [
            deliveries.Delivery(
                id=f"dlv_{number:03}_{name}",
                event_id=announced.id,
                position=position,
                generation_id=announced.generation_id,
                subscriber_id=f"sub_{name}",
                url=f"{url}/{name}",
                created_at=context.now(),
            )
            for name in names
        ]
        await deliveries.insert(tx, due)
    context.store.notify("deliver")


@pytest.mark.timeout(60)
async def test_the_healthy_ones_events_arrive_as_if_it_were_alone(store, clock, transport):
    """Delivers one at a time, so that there is one order; the others may have ten on their way."""
    alone = await arrivals(store, clock, transport, ("healthy",), 1)
    among = await arrivals(store, clock, transport, ("failing", "hanging", "healthy"), 1)

    assert [f"evt_{number:03}" for number in range(EVENTS)] == alone.arrived
    assert alone.arrived == among.arrived
    assert {"/hanging": 1, "/failing": 5} == among.requests


@pytest.mark.timeout(60)
async def test_with_many_at_once_each_generations_events_keep_their_order(store, clock, transport):
    among = await arrivals(store, clock, transport, ("failing", "hanging", "healthy"), 10)

    assert EVENTS == len(among.arrived) == len(set(among.arrived))
    for first in range(GENERATIONS):
        about = [int(name[-3:]) for name in among.arrived if int(name[-3:]) % GENERATIONS == first]
        assert sorted(about) == about
    assert 10 == among.requests["/hanging"]
