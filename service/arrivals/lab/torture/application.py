"""The application that uses the service while it dies: it orders until it gets an answer, and does all else too.

An order is sent again with the same key until the service has answered for it; anything else is tried once and its
failure is what an application sees of a death. What was answered is kept, for the books.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
import contextlib
from datetime import UTC, datetime, timedelta
import itertools
from typing import Any

import httpx

from arrivals.lab.torture.audit import Accepted
from arrivals.lab.torture.loopback import request
from arrivals.lab.torture.workload import Mixture, Order

AGAIN_S = 0.05
ANSWER_S = 20.0
RECENT = 60  # the latest orders, which the audit after a restart looks at
SERVER_ERROR, UNAVAILABLE = 500, 503
NOBODY = "http://127.0.0.1:9/nobody"  # the port of a service that no machine runs any more: nobody listens
LATELY_S = 3.0
SUBMITTED_LOOKS = 40

Errand = Callable[[], Awaitable[None]]


class Application:
    """Customers who each order once in `pace_s`, and one who runs errands, resting `errand_s` between two.

    `urls`: the services, taken in turn.
    """

    def __init__(
        self,
        urls: Sequence[str],
        key: str,
        mixture: Mixture,
        *,
        cdn: str,
        pace_s: float = 0.25,
        errand_s: float = AGAIN_S,
    ) -> None:
        self.accepted: list[Accepted] = []
        self.recent: deque[Accepted] = deque(maxlen=RECENT)
        self.statuses: Counter[int] = Counter()
        self.unexpected: Counter[str] = Counter()
        self._urls = itertools.cycle(urls)
        self._mixture, self._cdn, self._pace_s, self._errand_s = mixture, cdn, pace_s, errand_s
        self._orders: Iterator[Order] = iter(mixture)
        headers = {"authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(headers=headers, timeout=ANSWER_S, trust_env=False)
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, those_who_order: int = 4) -> None:
        """Begins, or goes on."""
        self._stopping.clear()
        apart_s = self._pace_s / those_who_order
        self._tasks = [asyncio.create_task(self._order_on(number * apart_s)) for number in range(those_who_order)]
        self._tasks.append(asyncio.create_task(self._run_errands()))

    async def stop(self) -> None:
        """Orders nothing more and waits for the answers to what was begun, so the service must be up."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    async def close(self) -> None:
        """Closes the connections at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def taken(self) -> list[Accepted]:
        """Returns the generations accepted since the last call."""
        accepted, self.accepted = self.accepted, []
        return accepted

    def use(self, urls: Sequence[str]) -> None:
        """Sends all further requests to these services only, in turn."""
        self._urls = itertools.cycle(urls)

    def recently(self) -> list[Accepted]:
        """Returns the latest accepted generations."""
        return list(self.recent)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Sends a request to the next service. Raises httpx.HTTPError."""
        answer = await request(self._client, method, next(self._urls) + path, json=body, headers=headers)
        self.statuses[answer.status_code] += 1
        if answer.status_code >= SERVER_ERROR and answer.status_code != UNAVAILABLE:
            self.unexpected[f"{method} {path.partition('?')[0]}: {answer.status_code} {answer.text[:200]}"] += 1
        return answer

    async def order(self, order: Order) -> list[str]:
        """Orders until the service has answered for it, and returns the ids."""
        headers = {"idempotency-key": order.key}
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await self.call("POST", order.path, order.body, **headers)
                if answer.is_success:
                    made = answer.json()
                    ids = [generation["id"] for generation in made["data"]] if "data" in made else [made["id"]]
                    accepted = [
                        Accepted(id=id_, ref=ref, order=order) for id_, ref in zip(ids, order.refs, strict=True)
                    ]
                    self.accepted += accepted
                    self.recent.extend(accepted)
                    return ids
                if answer.status_code < SERVER_ERROR:
                    self.unexpected[f"order {order.key}: {answer.status_code} {answer.text[:300]}"] += 1
                    return []
            await asyncio.sleep(AGAIN_S)

    async def at_work(self, run_s: float) -> str:
        """Orders a generation of `run_s`; its id once the provider works on it. Raises LookupError, HTTPError."""
        made = await self._order_one(run_s)
        for _ in range(SUBMITTED_LOOKS):
            answer = await self.call("GET", f"/v1/generations/{made}")
            if answer.is_success and answer.json()["external_id"]:
                return made
            await self._rest(AGAIN_S)
        raise LookupError(made)

    async def _order_one(self, run_s: float) -> str:
        for made in await self.order(self._mixture.of("flux-1-1-pro", run_s=run_s)):
            return made
        raise LookupError("it was refused")

    async def _order_on(self, first_s: float) -> None:
        await self._rest(first_s)
        while not self._stopping.is_set():
            await self.order(next(self._orders))
            await self._rest(self._pace_s)

    async def _run_errands(self) -> None:
        errands: tuple[Errand, ...] = (
            self._order_several,
            self._withdraw,
            self._cancel,
            self._fetch,
            self._ask_now,
            self._read_again,
            self._send_again,
            self._replay,
            self._serve_a_subscriber,
            self._send_a_file,
            self._break_a_stream,
            self._look_at_its_health,
        )
        for errand in itertools.cycle(errands):
            if self._stopping.is_set():
                return
            with contextlib.suppress(httpx.HTTPError, LookupError):  # the service died, or has nothing of the kind yet
                await errand()
            await self._rest(self._errand_s)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # ------------------------------------------------------------------ errands

    async def _data(self, path: str) -> list[dict[str, Any]]:
        """Returns the entries of a list. Raises LookupError when there are none."""
        answer = await self.call("GET", path)
        entries: list[dict[str, Any]] = answer.json()["data"] if answer.is_success else []
        if not entries:
            raise LookupError(path)
        return entries

    async def _order_several(self) -> None:
        await self.order(self._mixture.bulk())

    async def _send_a_file(self) -> None:
        """Orders a generation whose input has to be fetched first."""
        await self.order(self._mixture.of("sora-2", input_reference=f"{self._cdn}/cdn/laozhang/frame.png"))

    async def _break_a_stream(self) -> None:
        """Orders a generation whose stream breaks off after it has named what it started, which can be polled."""
        await self.order(self._mixture.of("eachsense/beta", words="submit=cut dialect=execution"))

    async def _look_at_its_health(self) -> None:
        await self.call("GET", "/health/ready")

    async def _withdraw(self) -> None:
        """Cancels a generation that still waits for its turn, unless the service is quicker."""
        made = await self._order_one(2.0)
        await self.call("POST", f"/v1/generations/{made}/cancel")

    async def _cancel(self) -> None:
        """Cancels a generation that its provider is at work on."""
        await self.call("POST", f"/v1/generations/{await self.at_work(4.0)}/cancel")

    async def _ask_now(self) -> None:
        generations = await self._data("/v1/generations?status=submitted&limit=1")
        await self.call("POST", f"/v1/generations/{generations[0]['id']}/poll")

    async def _fetch(self) -> None:
        generations = await self._data("/v1/generations?status=completed&limit=5")
        await self.call("GET", f"/v1/generations/{generations[0]['id']}/outputs/0")

    async def _read_again(self) -> None:
        webhooks = await self._data("/v1/webhooks?limit=1")
        await self.call("POST", f"/v1/webhooks/{webhooks[0]['id']}/replay", {})

    async def _send_again(self) -> None:
        generation = (await self._data("/v1/generations?status=completed&limit=1"))[0]["id"]
        events = await self._data(f"/v1/events?after=0&generation={generation}&limit=1")
        await self.call("POST", f"/v1/events/{events[0]['id']}/redeliver", {})

    async def _replay(self) -> None:
        """Starts each kind of replay, of what came lately; one that would take long is canceled."""
        for what in ("webhooks", "quarantine", "events"):
            await self.call("POST", "/v1/replays", {"kind": what, "filters": {"since": _lately()}})
        slow = await self.call("POST", "/v1/replays", {"kind": "webhooks", "rate_per_s": 1})
        if slow.is_success:
            await self.call("POST", f"/v1/replays/{slow.json()['id']}/cancel")

    async def _serve_a_subscriber(self) -> None:
        """Takes a subscriber through its whole life, at an address where nobody listens."""
        made = await self.call("POST", "/v1/subscribers", {"url": NOBODY, "event_types": ["ping"]})
        path = f"/v1/subscribers/{made.json()['id']}" if made.is_success else ""
        if not path:
            return
        await self.call("POST", f"{path}/ping")
        waiting = (await self._data(f"{path}/deliveries?limit=1"))[0]["id"]
        await self.call("POST", f"/v1/deliveries/{waiting}/retry")
        await self.call("PATCH", path, {"description": "of the torture"})
        await self.call("POST", f"{path}/rotate-secret")
        await self.call("POST", f"{path}/resend-waiting")
        await self.call("POST", f"{path}/recover", {"since": _lately()})
        await self.call("DELETE", path)


def _lately() -> str:
    return (datetime.now(UTC) - timedelta(seconds=LATELY_S)).isoformat().replace("+00:00", "Z")
