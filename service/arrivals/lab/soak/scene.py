"""Brings together everybody who takes part in a soak, around one running service, and sends them home again."""

from collections.abc import AsyncIterator
import contextlib
from dataclasses import dataclass
import os
import random

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.environment import Stage, whole
from arrivals.lab.bench.figures import Figures
from arrivals.lab.demo.scenario import upstream_settings
from arrivals.lab.processes import Process, free_port
from arrivals.lab.soak.audit import Audit
from arrivals.lab.soak.connections import Nuisance
from arrivals.lab.soak.followers import Followers
from arrivals.lab.soak.pace import Pace
from arrivals.lab.soak.subscribers import Healthy, Ill, failing, slow
from arrivals.lab.soak.visitors import Visitors
from arrivals.lab.soak.watch import Watch
from arrivals.lab.torture.application import Application
from arrivals.lab.torture.workload import KINDS, Mixture

PACE_S = 1.0  # of each who orders
ERRANDS_S = 0.5
PROBED_EVERY_S = 0.25
# Turns for each order: who reads, who asks for something wrong, who opens a connection to misbehave on.
READS, WRONGS, MISDEEDS = 0.5, 0.25, 0.1
MAX_VISITS, MAX_CONNECTIONS = 8, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of a soak. `per_second`: orders, to which all else is in proportion. `deadline_s`: of each order.

    `patience_s`: how long after its beginning an order may still move before it is audited as it is.
    """

    per_second: float
    deadline_s: float
    patience_s: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everybody who takes part, for as long as the load lasts."""

    stage: Stage
    application: Application
    healthy: Healthy
    ill: tuple[Ill, ...]
    followers: Followers
    visitors: Visitors
    watch: Watch
    audit: Audit

    def begin(self, pace: Pace, load: Load, sampled_every_s: float) -> None:
        """Starts everybody's activity."""
        self.application.start(max(1, round(load.per_second * PACE_S)))
        self.watch.begin()
        each_s = 1 / load.per_second
        pace.every(each_s / READS, "reads", self.visitors.look, at_once=MAX_VISITS)
        pace.every(each_s / WRONGS, "wrongs", self.visitors.blunder, at_once=MAX_VISITS)
        pace.every(each_s / MISDEEDS, "misdeeds", Nuisance(self.stage).turn, at_once=MAX_CONNECTIONS)
        pace.every(PROBED_EVERY_S, "probes", self.watch.ask)
        pace.every(sampled_every_s, "samples", self.watch.look)

    def events(self) -> int:
        """Returns the number of events."""
        with self.stage.books() as books:
            return books.count("events")

    def figures(self) -> Figures:
        """Returns the result of the audit, and how much of everything there was."""
        audited = self.audit.figures()
        with self.stage.books() as books:
            events = books.count("events")
            kept = {
                "webhooks": books.count("webhooks"),
                "quarantined": books.count("webhooks", "quarantined_at IS NOT NULL"),
                "deliveries_waiting": books.count("deliveries", "attempt_at IS NOT NULL"),
            }
        return {
            **audited,
            "doubled": audited["doubled"] + self.followers.doubled,
            "skipped": self.followers.skipped(events),
            "errors": self.visitors.errors + self.application.unexpected.total(),
            "words": [*self.application.unexpected, *self.visitors.unexpected],
            "unanswered_probes": self.watch.unanswered,
            "items": self.audit.generations,
            "events": events,
            **kept,
            "deliveries": self.healthy.count,
            "deliveries_repeated": self.healthy.repeated,
            "tries_at_the_ill": sum(subscriber.count for subscriber in self.ill),
        }


@contextlib.asynccontextmanager
async def on_stage(bench: Bench, load: Load) -> AsyncIterator[Scene]:
    """Starts the stand-ins and the service, and opens everybody's connections; nobody does anything yet."""
    port = free_port()
    rehearsal = f"http://127.0.0.1:{port}"
    async with contextlib.AsyncExitStack() as kept:
        stage = await kept.enter_async_context(bench.stage(1, **_settings(rehearsal)))
        await kept.enter_async_context(_stand_ins(bench, port, load.seed))
        await stage.start()
        mixture = Mixture("soak", load.seed, load.deadline_s)
        application = Application(
            [stage.url], stage.key, mixture, cdn=rehearsal, pace_s=PACE_S, errand_s=ERRANDS_S
        )  # fmt: skip
        healthy, rng = Healthy(), random.Random(load.seed)
        await healthy.door.open()
        kept.push_async_callback(healthy.door.close)
        ill = (Ill(slow(rng)), Ill(failing(rng)))
        for subscriber in ill:
            await kept.enter_async_context(subscriber)
        for url in (healthy.door.url, *(subscriber.url for subscriber in ill)):
            await stage.call("POST", "/v1/subscribers", {"url": f"{url}/hook"})
        followers = Followers(stage)
        scene = Scene(
            stage=stage,
            application=application,
            healthy=healthy,
            ill=ill,
            followers=followers,
            visitors=Visitors(stage, application),
            watch=Watch(stage, lambda: followers.position),
            audit=Audit(stage, rehearsal, application, healthy, patience_s=load.patience_s),
        )
        for close in (scene.audit.close, scene.watch.close, scene.visitors.close, followers.close, application.close):
            kept.push_async_callback(close)
        await followers.open()
        yield scene


@contextlib.asynccontextmanager
async def _stand_ins(bench: Bench, port: int, seed: int) -> AsyncIterator[None]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("ARRIVALS_")}
    command = ["arrivals", "rehearse", "--port", str(port), "--seed", str(seed)]
    process = Process("rehearsal", command, clean, bench.folder)
    try:
        await whole(process.start, f"http://127.0.0.1:{port}/")
        yield
    finally:
        process.kill()


def _settings(rehearsal: str) -> dict[str, str]:
    """The usual settings, but for cadences that suit stand-ins whose work takes half a second."""
    providers = sorted({provider for provider, _ in KINDS})
    upstreams = upstream_settings(providers, rehearsal)
    return {
        "LOG_LEVEL": "info",
        "POLL_FIRST_S": "0.5",
        "POLL_MAX_S": "1.5",
        "HELD_S": "3",
        "RETRY_SCHEDULE_S": ",".join(["0", "0.3", "0.6", *["1"] * 10, *["2"] * 40]),
        **{name.removeprefix("ARRIVALS_"): text for name, text in upstreams.items()},
        **{f"{name.upper()}_REQUESTS_PER_MINUTE": "100000" for name in providers},
        **{f"{name.upper()}_MAX_IN_FLIGHT": "1000" for name in providers},
    }
