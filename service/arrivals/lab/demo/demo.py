"""The main job from end to end: the stand-ins, the service on an SQLite file, and a subscriber, as three processes."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import os
from pathlib import Path
import secrets
import shutil
import signal
import tempfile
import time
from typing import Any

import httpx

from arrivals.lab.demo.audit import Accounts, Summary, compare
from arrivals.lab.demo.mixture import faulty, mixture
from arrivals.lab.demo.report import by_provider, details, introduction, outcome, verdict, what_next
from arrivals.lab.demo.scenario import PLACES, Ordered, plan, upstream_settings
from arrivals.lab.demo.screen import Screen
from arrivals.lab.processes import Process, free_port

GIVE_UP_S = 110.0
# When answers died with the process, nothing else ends their wait; polls under way then come again after their lease.
CRASHED_DEADLINE_S = 60.0
QUIET_S = 3.0  # after the last thing that changed, late webhooks and doubled deliveries get this long to show
LOOK_EVERY_S = 0.25
LOOK_EVERY_ORDERS = 20
PAGE = 200
ENDED = frozenset({"completed", "failed", "canceled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run.

    `crash`: kill the (last) service with SIGKILL in the middle of the load and start it again. `services`: so many of
    them on one database, `database` (an empty one of a server; None is a file of its own), which take orders in turn.
    """

    seed: int = 1
    lose_webhooks: bool = False
    keep: bool = False
    quiet: bool = False
    crash: bool = False
    database: str | None = None
    services: int = 1


class Stage:
    """The three processes, and clients for them."""

    def __init__(self, folder: Path, options: Options) -> None:
        ports = [free_port() for _ in range(2 + options.services)]
        self.rehearsal, self.subscriber, *self.services = (f"http://127.0.0.1:{port}" for port in ports)
        self.service = self.services[0]
        self.key = "demo_" + secrets.token_urlsafe(24)
        self.callback_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.folder = folder
        self._database = options.database or str(folder / "arrivals.db")
        clean = {name: text for name, text in os.environ.items() if not name.startswith("ARRIVALS_")}
        rehearse = ["arrivals", "rehearse", "--port", str(ports[0]), "--seed", str(options.seed)]
        self.processes = {
            "rehearsal": Process("rehearsal", rehearse, clean, folder),
            "subscriber": Process("subscriber", ["arrivals.lab.subscriber", str(ports[1])], clean, folder),
        }
        shared = clean | self._settings()
        for name, port in zip(self._names(), ports[2:], strict=True):
            self.processes[name] = Process(name, ["arrivals", "serve"], shared | {"ARRIVALS_PORT": str(port)}, folder)
        self.clients = [
            httpx.Client(base_url=url, headers={"authorization": f"Bearer {self.key}"}, timeout=30.0, trust_env=False)
            for url in self.services
        ]
        self.client = self.clients[0]

    def _names(self) -> list[str]:
        return [f"service-{number}" if number else "service" for number in range(len(self.services))]

    def _settings(self) -> dict[str, str]:
        """The usual settings, but for cadences that suit stand-ins whose work takes a second."""
        providers = sorted({place.provider for place in PLACES})
        return {
            "ARRIVALS_DATABASE": self._database,
            "ARRIVALS_SECRET_KEYS": secrets.token_urlsafe(32),
            "ARRIVALS_PUBLIC_URL": self.service,
            "ARRIVALS_API_KEY": self.key,
            "ARRIVALS_CALLBACK_SECRET": self.callback_secret,
            "ARRIVALS_ALLOW_DESTINATIONS": "127.0.0.0/8,::1/128",
            "ARRIVALS_LOG_FORMAT": "json",
            "ARRIVALS_POLL_FIRST_S": "0.6",
            "ARRIVALS_POLL_MAX_S": "2",
            "ARRIVALS_HELD_S": "4",
            "ARRIVALS_RETRY_SCHEDULE_S": "0,0.3,0.6,1,2,4",
            **upstream_settings(providers, self.rehearsal),
            **{f"ARRIVALS_{name.upper()}_REQUESTS_PER_MINUTE": "6000" for name in providers},
        }

    def start(self, say: Callable[[str], None]) -> None:
        """Starts all of them, then registers the subscriber."""
        say("starting the providers' stand-ins")
        self.processes["rehearsal"].start(self.rehearsal + "/")
        say("starting the application")
        self.processes["subscriber"].start(self.subscriber + "/account")
        for name, url in zip(self._names(), self.services, strict=True):
            say("starting Arrivals")
            self.processes[name].start(url + "/health/ready")
        made = self.client.post(
            "/v1/subscribers", json={"url": f"{self.subscriber}/doors/events", "description": "demo"}
        )
        made.raise_for_status()
        for door, secret in (("events", made.json()["secret"]), ("callback", self.callback_secret)):
            httpx.put(f"{self.subscriber}/secrets/{door}", json={"secret": secret}, trust_env=False).raise_for_status()

    def crash_service(self) -> None:
        """Kills a service and starts it again on the same database. Of several, it is one that no provider calls.

        A hint that finds the door closed takes its reason with it, and another service may ask and close meanwhile.
        """
        name, url = self._names()[-1], self.services[-1]
        self.processes[name].kill()
        self.processes[name].start(url + "/health/ready")

    def pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yields every item of a list."""
        after: str | None = None
        while True:
            page = self.client.get(path, params={"limit": str(PAGE), **query, **({"after": after} if after else {})})
            page.raise_for_status()
            payload = page.json()
            yield from payload["data"]
            if payload["next"] is None or not payload["data"]:
                return
            after = payload["next"]

    def ask(self, url: str) -> dict[str, Any]:
        """Returns a JSON object from the subscriber or the stand-ins."""
        answer = httpx.get(url, trust_env=False, timeout=10.0)
        answer.raise_for_status()
        payload: dict[str, Any] = answer.json()
        return payload


def demo(options: Options) -> Summary:
    """Runs the demo and returns its summary, which says whether the accounts agree."""
    began = time.monotonic()
    _end_cleanly_on_signals()
    screen = Screen(quiet=options.quiet)
    with _folder(options) as folder:
        stage = Stage(folder, options)
        try:
            orders = plan(
                options.seed,
                lose_webhooks=options.lose_webhooks,
                callback_url=f"{stage.subscriber}/doors/callback",
                crash_deadline_s=CRASHED_DEADLINE_S if options.crash else None,
            )
            screen.say(
                introduction(
                    len(orders),
                    faulty(orders),
                    lose_webhooks=options.lose_webhooks,
                    services=options.services,
                    crash=options.crash,
                )
            )
            with screen:
                stage.start(screen.doing)
                refs = _submit(stage, orders, screen, crash=options.crash)
                _watch(stage, orders, screen, began + GIVE_UP_S)
            accounts = _accounts(stage, orders, refs, killed=options.crash)
            summary = compare(accounts)
            summary.figures |= {"seed": options.seed, "seconds": round(time.monotonic() - began, 1)}
            screen.say(outcome(summary, mixture(orders, accounts.record), crash=options.crash))
            screen.say([by_provider(summary), *details(summary), *verdict(summary)])
            if options.keep:
                screen.lines(what_next(stage.service, stage.key, stage.rehearsal, str(folder)))
                _until_interrupted()
        finally:
            for client in stage.clients:
                client.close()
            for process in reversed(list(stage.processes.values())):
                process.stop()
    return summary


@contextmanager
def _folder(options: Options) -> Iterator[Path]:
    """A folder for everything the demo writes; kept only on request."""
    folder = Path(tempfile.mkdtemp(prefix="arrivals-demo-"))
    try:
        yield folder
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _submit(stage: Stage, orders: list[Ordered], screen: Screen, *, crash: bool) -> dict[str, str]:
    """Submits the orders and returns the name of each generation's order."""
    refs: dict[str, str] = {}
    for number, order in enumerate(orders):
        if crash and number == len(orders) // 2:
            screen.doing("killing Arrivals with SIGKILL, and starting it again")
            stage.crash_service()
        if number % LOOK_EVERY_ORDERS == 0:
            screen.show(f"{number} of {len(orders)} are ordered", stage.pages("/v1/generations"))
        if order.bulk is None:
            # The key makes a repeated request the same order, also over a crash of the service.
            client = stage.clients[number % len(stage.clients)]
            answer = client.post("/v1/generations", json=order.body, headers={"idempotency-key": order.ref})
            refs[answer.raise_for_status().json()["id"]] = order.ref
    return refs | _submit_bulk(stage, [order for order in orders if order.bulk is not None])


def _submit_bulk(stage: Stage, orders: list[Ordered]) -> dict[str, str]:
    """Submits in one request what is ordered together."""
    first = orders[0].body
    body: dict[str, Any] = {name: first[name] for name in ("provider", "model", "deadline_s") if name in first}
    body["inputs"] = [order.body["input"] for order in orders]
    answer = stage.client.post("/v1/generations/bulk", json=body, headers={"idempotency-key": str(orders[0].bulk)})
    made = answer.raise_for_status().json()["data"]
    return {generation["id"]: order.ref for generation, order in zip(made, orders, strict=True)}


def _watch(stage: Stage, orders: list[Ordered], screen: Screen, give_up: float) -> None:
    """Waits until every generation has ended, every event is delivered, and nothing has changed for a while."""
    last: tuple[Any, ...] = ()
    quiet_since = time.monotonic()
    while time.monotonic() < give_up:
        generations = list(stage.pages("/v1/generations"))
        account = stage.ask(f"{stage.subscriber}/account")
        record = stage.ask(f"{stage.rehearsal}/rehearsal/record")
        ended = sum(generation["status"] in ENDED for generation in generations)
        screen.show(_progress(ended, len(orders)), generations)
        emitted = list(stage.pages("/v1/events"))
        sent = sum(job["webhooks"]["sent"] + job["webhooks"]["forged_sent"] for job in record["jobs"])
        now = (ended, len(emitted), account["verified"], len(account["events"]), sent)
        if now != last:
            last, quiet_since = now, time.monotonic()
        done = ended == len(orders) and not _undelivered(orders, generations, emitted, account)
        if done and time.monotonic() - quiet_since > QUIET_S:
            return
        time.sleep(LOOK_EVERY_S)


def _progress(ended: int, ordered: int) -> str:
    late = "; late webhooks may still come" if ended == ordered else ""
    return f"{ended} of {ordered} have ended{late}"


def _undelivered(
    orders: list[Ordered],
    generations: list[dict[str, Any]],
    emitted: list[dict[str, Any]],
    account: dict[str, Any],
) -> int:
    """The number of events that wait for a door: the subscriber's, or that of their order's callback URL."""
    called = {order.ref for order in orders if "callback_url" in order.body}
    by_callback = {generation["id"] for generation in generations if generation["metadata"].get("ref") in called}
    wanted = {("events", event["id"]) for event in emitted}
    wanted |= {("callback", event["id"]) for event in emitted if event["data"]["generation"]["id"] in by_callback}
    return len(wanted - {(delivered["door"], delivered["event"]["id"]) for delivered in account["events"]})


def _accounts(stage: Stage, orders: list[Ordered], refs: dict[str, str], *, killed: bool) -> Accounts:
    generations = list(stage.pages("/v1/generations"))
    for generation in generations:
        generation["metadata"] = {"ref": refs.get(generation["id"], generation["id"])}
    behaved = stage.client.get("/v1/providers").raise_for_status().json()["data"]
    return Accounts(
        orders=orders,
        generations=generations,
        events=list(stage.pages("/v1/events")),
        webhooks=list(stage.pages("/v1/webhooks")),
        subscriber=stage.ask(f"{stage.subscriber}/account"),
        record=stage.ask(f"{stage.rehearsal}/rehearsal/record"),
        conflicts={provider["name"]: provider["behavior"]["conflicting"] for provider in behaved},
        killed=killed,
    )


def _end_cleanly_on_signals() -> None:
    """Makes either signal end the demo as Ctrl-C does, so that its processes end with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _until_interrupted() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        return
