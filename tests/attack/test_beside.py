"""Subscribers with every fault at once, and a healthy one beside them that gets everything in order."""

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
from tests.attack.test_network import A_CHUNK, CHUNKED, Teller, listening
from tests.conftest import context_over
from tests.support.examples import event, generation, keep, scheduled
from tests.support.processes import hang_up, ignore
from tests.support.serving import served

EVENTS = 30
FAULTY = {
    "says nothing": Teller(hangs=True),
    "drips its head": Teller(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n", endless=True, pause_s=0.01),
    "drips its body": Teller(CHUNKED, b"1\r\nx\r\n", endless=True, pause_s=0.05),
    "sends gigabytes": Teller(CHUNKED, A_CHUNK, endless=True),
    "hangs up": hang_up,
    "speaks no HTTP": Teller(b"220 mail.example.com ESMTP\r\n"),
    "reads nothing": ignore,
    "redirects": Teller(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
}


@pytest.mark.timeout(30)
async def test_a_healthy_subscriber_beside_every_fault_gets_everything(store, clock, transport):
    """The others' calls may take a minute; nobody waits for them."""
    arrived, all_there = [], anyio.Event()

    async def healthy(request):
        arrived.append(request.headers["webhook-id"])
        if len(arrived) == EVENTS:
            all_there.set()
        return Response(status_code=204)

    app = Starlette(routes=[Route("/healthy", healthy, methods=["POST"])])
    async with anyio.create_task_group() as group, served(lambda _: app) as port:
        urls = {"healthy": f"http://127.0.0.1:{port}/healthy"}
        for name, peer in FAULTY.items():
            urls[name] = await group.start(_listens, peer)
        urls["hangs in TLS"] = urls["says nothing"].replace("http", "https")
        context = context_over(store, transport, clock, "http://127.0.0.1:1", limits=Limits(delivery_timeout_s=60))
        await keep(store, *(scheduled(f"{number}") for number in range(EVENTS)))
        async with store.transaction() as tx:
            for name, url in urls.items():
                row = Subscriber(
                    id=f"sub_{name}", url=url, secret=make_secret(bytes(32)), created_at=1, max_in_flight=5
                )
                await subscribers.insert(tx, row)
        worker = next(worker for worker in roster(context) if worker.name == "deliver")
        group.start_soon(worker.run, store, anyio.Event(), worker.heartbeat())
        for number in range(EVENTS):
            await _announced(context, urls, number)

        with anyio.fail_after(20):
            await all_there.wait()
        group.cancel_scope.cancel()

    assert {f"evt_{number:03}" for number in range(EVENTS)} == {*arrived}
    assert EVENTS == len(arrived)


async def _listens(peer, *, task_status):
    async with listening(peer) as url:
        task_status.started(url)
        await anyio.sleep_forever()


async def _announced(context, urls, number):
    """One event for everybody."""
    announcement = event(f"{number:03}", generation_id=generation(f"{number}").id, body="{}")
    async with context.store.transaction() as tx:
        position = (await events.append(tx, [announcement]))[announcement.id]
        due = [
            deliveries.Delivery(
                id=f"dlv_{number:03}_{name}", event_id=announcement.id, position=position,
                generation_id=announcement.generation_id, subscriber_id=f"sub_{name}", url=url,
                created_at=context.now(),
            )
            for name, url in urls.items()
        ]  # fmt: skip
        await deliveries.insert(tx, due)
    context.store.notify("deliver")
