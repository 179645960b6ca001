"""The surroundings of a case: the stand-ins and the subscriber, which live on; the services, which die; the books."""

import asyncio
import base64
from collections import Counter
from collections.abc import Mapping, Sequence
import contextlib
import os
from pathlib import Path
import secrets
from typing import Any, Self

import httpx

from arrivals.lab.bench.database import Books
from arrivals.lab.bench.environment import whole
from arrivals.lab.demo.scenario import upstream_settings
from arrivals.lab.processes import NotReady, Process, free_port
from arrivals.lab.torture.application import Application
from arrivals.lab.torture.audit import DEATH, Accepted, Accounts, Discrepancies, Excuse, answers_of, at_once, at_rest
from arrivals.lab.torture.loopback import request
from arrivals.lab.torture.scenario import Scene
from arrivals.lab.torture.service_process import Victim
from arrivals.lab.torture.workload import KINDS, Mixture

ENDED = frozenset({"completed", "failed", "canceled", "expired"})
QUIET_S = 1.5  # nothing moves for so long: it is at rest
LOOK_EVERY_S = 0.4
SLACK_S = 45.0  # beyond the deadline of the last order: whatever has not moved by then will not move any more
LONGEST_REST_S = 900.0  # what came together in hundreds of short lives takes its time
DOOR = "events"
# What has expired is asked about for as long as its provider keeps results, ever more rarely; the first questions tell.
DUE = "submit_at IS NOT NULL OR (poll_at IS NOT NULL AND (status <> 'expired' OR poll_at < deadline_at + 120000000))"
UNREAD = "read_at IS NULL AND quarantined_at IS NULL"
FRESH_S = 1.0  # a connection that idled for longer is not used again: its other end may be closing it just then
ASKED_AGAIN = 5
ASKING = 8  # questions to the stand-ins at once


class Stage:
    """The processes of a case, and access to their books."""

    def __init__(self, scene: Scene) -> None:
        ports = [free_port() for _ in range(2 + scene.services)]
        self.rehearsal, self.subscriber, *services = (f"http://127.0.0.1:{port}" for port in ports)
        self.place, self._scene, folder = scene.place, scene, scene.folder
        self.key = "torture_" + secrets.token_urlsafe(24)
        clean = {name: text for name, text in os.environ.items() if not name.startswith("ARRIVALS_")}
        faults, files = scene.faults, scene.files or Path(self.place.setting)
        spoiled = clean | dict(faults.preload(files) if faults else {})
        rehearse = ["arrivals", "rehearse", "--port", str(ports[0]), "--seed", str(scene.seed)]
        subscribe = ["arrivals.lab.subscriber", str(ports[1])]
        self._rehearsal = Process("rehearsal", rehearse, clean, folder)
        self._subscriber = Process("subscriber", subscribe, spoiled if scene.subscriber_feels else clean, folder)
        settings, on_server = self._settings(services[0]), self.place.is_postgresql
        self.victims = [
            Victim(
                port,
                postgresql=on_server,
                folder=folder,
                settings=settings,
                preload=spoiled,
                shorter=scene.shorter,
            )
            for port in ports[2:]
        ]
        self.victim = self.victims[0]
        self.rested_in_s = 0.0
        self.mixture = Mixture(scene.name, scene.seed, scene.deadline_s, scene.runs_s)
        self.application = Application(services, self.key, self.mixture, cdn=self.rehearsal)
        self._client = httpx.AsyncClient(trust_env=False, timeout=20.0, limits=httpx.Limits(keepalive_expiry=FRESH_S))

    def _settings(self, public_url: str) -> dict[str, str]:
        """The usual settings, but for cadences that suit stand-ins whose work takes half a second."""
        providers = sorted({provider for provider, _ in KINDS})
        return {
            "ARRIVALS_DATABASE": self._scene.reach or self.place.setting,
            "ARRIVALS_SECRET_KEYS": secrets.token_urlsafe(32),
            "ARRIVALS_PUBLIC_URL": public_url,
            "ARRIVALS_API_KEY": self.key,
            "ARRIVALS_CALLBACK_SECRET": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "ARRIVALS_ALLOW_DESTINATIONS": "127.0.0.0/8,::1/128",
            "ARRIVALS_LOG_FORMAT": "json",
            "ARRIVALS_POLL_FIRST_S": "0.5",
            "ARRIVALS_POLL_MAX_S": "1.5",
            "ARRIVALS_HELD_S": "3",
            "ARRIVALS_RETRY_SCHEDULE_S": ",".join(["0", "0.3", "0.6", *["1"] * 10, *["2"] * 40]),
            **upstream_settings(providers, self.rehearsal),
            **{f"ARRIVALS_{name.upper()}_REQUESTS_PER_MINUTE": "100000" for name in providers},
            **{f"ARRIVALS_{name.upper()}_MAX_IN_FLIGHT": "1000" for name in providers},
        }

    async def __aenter__(self) -> Self:
        """Starts everything but the services' children. Raises NotReady."""
        beside = ((self._rehearsal, self.rehearsal + "/"), (self._subscriber, self.subscriber + "/account"))
        try:
            await asyncio.gather(
                *(whole(process.start, url) for process, url in beside), *(victim.open() for victim in self.victims)
            )
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends everything and clears the database."""
        if self._scene.faults is not None:
            self._scene.faults.none()
        await self.application.close()
        await self._client.aclose()
        for victim in self.victims:
            await victim.close()
        for process in (self._rehearsal, self._subscriber):
            await whole(process.kill)
        with contextlib.suppress(ConnectionError):
            self.place.clear()

    async def subscribe(self) -> None:
        """Registers the subscriber, trying until the service has answered for it."""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                made = await self.application.call(
                    "POST", "/v1/subscribers", {"url": f"{self.subscriber}/doors/{DOOR}"}
                )
                if made.is_success:
                    break
            await asyncio.sleep(LOOK_EVERY_S)
        secret = {"secret": made.json()["secret"]}
        (await self._client.put(f"{self.subscriber}/secrets/{DOOR}", json=secret)).raise_for_status()

    # ------------------------------------------------------------------ the books

    async def audit_at_once(self) -> Discrepancies:
        """Compares, after a restart, the books of the latest accepted orders."""
        recent = self.application.recently()
        stand_ins = asyncio.Semaphore(ASKING)

        async def record(generation: Accepted) -> list[dict[str, Any]]:
            path = f"/rehearsal/record/{generation.order.provider}/{generation.ref}"
            async with stand_ins:
                answer = await self._answer(self.rehearsal + path)
            return [answer.json()] if answer.is_success else []

        jobs = [job for records in await asyncio.gather(*map(record, recent)) for job in records]
        whole_orders = {generation.order.key for generation in recent}
        latest = self.application.accepted[-4 * len(recent) :]
        accepted = [generation for generation in latest if generation.order.key in whole_orders]
        ids = ", ".join(f"'{generation.id}'" for generation in accepted) or "''"
        return at_once(self._accounts(accepted, jobs, ids))

    async def audit_at_rest(self, excuses: frozenset[Excuse] = DEATH) -> Discrepancies:
        """Waits until nothing moves, then compares everything. The application has stopped, the service is up."""
        rested = await self.rest()
        record = await self._ask(f"{self.rehearsal}/rehearsal/record")
        account = await self._ask(f"{self.subscriber}/account")
        accounts = self._accounts(self.application.accepted, record["jobs"])
        discrepancies = Discrepancies()
        if not rested:
            discrepancies.say(f"it did not come to rest in time: {self._open()}")
        compared = at_rest(
            Accounts(
                accepted=accounts.accepted,
                jobs=accounts.jobs,
                generations=accounts.generations,
                webhooks=accounts.webhooks,
                events=accounts.events,
                delivered=_delivered(account),
                # What is under way when the clock steps comes with a moment that is an hour off, and is sent again.
                unverified=0 if self._scene.subscriber_feels else account["unverified"],
            ),
            excuses,
        )
        discrepancies.join(compared)
        broken = [f"it failed: {words}" for victim in self.victims for words in victim.broken()]
        for words in (*record["unknown_paths"], *self.application.unexpected, *broken):
            discrepancies.say(words)
        discrepancies.add("keys_leaked", "", record["keys_leaked"], "a key was sent to another origin")
        return discrepancies

    def _open(self) -> str:
        """Returns what is not done yet, in words."""
        with self.books() as books:
            statuses = Counter(row["status"] for row in books.pick("generations", "status"))
            unfinished = {status: count for status, count in statuses.items() if status not in ENDED}
            unread = books.count("webhooks", UNREAD)
            tries = [
                row["attempt_count"] for row in books.pick("deliveries", "attempt_count", "attempt_at IS NOT NULL")
            ]
            given_up = books.count("deliveries", "given_up_at IS NOT NULL")
            failing = books.pick("subscribers", "failing_since, misses, open_until", "failing_since IS NOT NULL")
        waiting = f"{len(tries)} (up to {max(tries, default=0)} tries)"
        return (
            f"generations {unfinished}, webhooks unread {unread}, deliveries waiting {waiting}, "
            f"given up {given_up}, failing subscribers {failing}"
        )

    def webhooks_by_way(self) -> Counter[str]:
        """The number of webhooks that the services have kept, by the way they came in."""
        return sum((victim.counted() for victim in self.victims), Counter[str]())

    async def webhooks_answered(self) -> Counter[str]:
        """The number of the stand-ins' webhooks by the status of the answer."""
        return answers_of(await self.jobs())

    async def jobs(self) -> list[dict[str, Any]]:
        """Returns the jobs of the stand-ins' record."""
        jobs: list[dict[str, Any]] = (await self._ask(f"{self.rehearsal}/rehearsal/record"))["jobs"]
        return jobs

    async def rest(self) -> bool:
        """Waits until everything has ended and arrived, and nothing more comes in; False when that takes too long.

        It looks at little and not too often, or the audit itself would slow the subscriber down.
        """
        clock = asyncio.get_running_loop().time
        patience_s = self._scene.rest_s or self._scene.deadline_s + SLACK_S
        last, since, began = "", clock(), clock()
        while clock() - since < patience_s and clock() - began < LONGEST_REST_S:
            with self.books() as books:
                statuses = Counter(row["status"] for row in books.pick("generations", "status"))
                due = books.count("webhooks", UNREAD) + books.count("generations", DUE)
                events, webhooks = books.count("events", "type <> 'ping'"), books.count("webhooks")
            arrived = (await self._ask(f"{self.subscriber}/count")).get(DOOR, 0)
            snapshot = f"{statuses} {due} {events} {webhooks} {arrived}"
            if snapshot != last:
                last, since = snapshot, clock()
            self.rested_in_s = round(clock() - began, 1)
            if set(statuses) <= ENDED and not due and events <= arrived and clock() - since > QUIET_S:
                return True
            await asyncio.sleep(LOOK_EVERY_S)
        return False

    def _accounts(
        self, accepted: Sequence[Accepted], jobs: Sequence[Mapping[str, Any]], ids: str | None = None
    ) -> Accounts:
        """Returns what the database says now, of these ids or of all."""
        own, about = (f"id IN ({ids})", f"generation_id IN ({ids})") if ids else ("1 = 1", "1 = 1")
        with self.books() as books:
            webhooks: Counter[str] = Counter()
            for row in books.pick("webhooks", "generation_id, repeats", f"quarantined_at IS NULL AND {about}"):
                webhooks[row["generation_id"]] += 1 + row["repeats"]
            return Accounts(
                accepted=accepted,
                jobs=jobs,
                generations=books.pick("generations", "id, status, failure_code", own),
                webhooks=webhooks,
                events=books.pick("events", "id, type, generation_id", about),
            )

    @contextlib.contextmanager
    def books(self) -> Any:
        """Opens the database, from outside."""
        books: Books = self.place.open()
        try:
            yield books
        finally:
            books.close()

    async def _ask(self, url: str) -> dict[str, Any]:
        payload: dict[str, Any] = (await self._answer(url)).raise_for_status().json()
        return payload

    async def _answer(self, url: str) -> httpx.Response:
        """Asks a process that lives on, which may be busy for a moment. Raises NotReady."""
        for _ in range(ASKED_AGAIN):
            try:
                return await request(self._client, "GET", url)
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
            await asyncio.sleep(LOOK_EVERY_S)
        raise NotReady(f"{url} does not answer: {trouble}")


def _delivered(account: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": delivery["event"]["id"],
            "type": delivery["event"]["type"],
            "generation_id": delivery["event"]["data"]["generation"]["id"],
        }
        for delivery in account["events"]
        if delivery["door"] == DOOR
    ]
