"""The same in real time: the providers' stand-ins, the service with its default settings, and an order now and then."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
import os
from pathlib import Path
from random import Random
import secrets
import tempfile
import time
from typing import Any

import httpx

from arrivals.client import Client
from arrivals.lab.demo.scenario import upstream_settings
from arrivals.lab.lateness.simulation import Outcome
from arrivals.lab.processes import Process, free_port

RUN_S = (10.0, 60.0)  # of an order, drawn evenly
EVERY_S = 4.0  # orders of each way
GIVE_UP_S = 300.0  # after the last order
LOST_ACCOUNT = "lost"


class NotCompleted(Exception):
    """A generation did not complete, as its stand-in did; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way in which results become known: orders of a model, with a fault of their provider's stand-in."""

    name: str
    provider: str
    model: str
    fault: str = ""
    account: str | None = None
    input: Callable[[str], Mapping[str, Any]] = lambda prompt: {"prompt": prompt}


def _messages(prompt: str) -> Mapping[str, Any]:
    return {"input": {"messages": [{"role": "user", "content": [{"text": prompt}]}]}, "parameters": {"n": 1}}


def _five_seconds(prompt: str) -> Mapping[str, Any]:
    return {"prompt": prompt, "duration": "5", "mode": "std"}


WAYS = (
    Way(name="webhooks come", provider="eachlabs", model="flux-1-1-pro"),
    Way(
        name="all webhooks lost", provider="eachlabs", model="flux-1-1-pro", fault="webhook=lost", account=LOST_ACCOUNT
    ),
    Way(name="unsigned webhooks", provider="runblob", model="gemini"),
    Way(
        name="unsigned webhooks, polls 1 s behind", provider="vtrix", model="kirin-v2-6-t2v", fault="poll=behind",
        input=_five_seconds,
    ),
    Way(name="poll only", provider="seacloud", model="nano_banana_2"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """So many minutes of orders, of each way one every four seconds."""

    seed: int
    minutes: float
    ways: Sequence[Way] = WAYS
    run_s: tuple[float, float] = RUN_S

    def run(self) -> dict[str, Outcome]:
        """The outcome of each way. Raises NotReady, NotCompleted."""
        with _running(self.seed) as (client, record):
            return self._order(client, record)

    def _order(self, client: Client, record: Callable[[], Mapping[str, Any]]) -> dict[str, Outcome]:
        rng = Random(self.seed)
        ways: dict[str, tuple[Way, str]] = {}
        began = time.monotonic()
        rounds = max(1, round(self.minutes * 60 / EVERY_S))
        for number in range(rounds):
            for place, way in enumerate(self.ways):
                ref = f"{place}-{number}"
                prompt = f"a fox [rehearse ref={ref} run={rng.uniform(*self.run_s):.2f} {way.fault}]"
                made = client.submit(way.provider, way.model, way.input(prompt), account=way.account)
                ways[made["id"]] = way, ref
            time.sleep(max(0.0, began + (number + 1) * EVERY_S - time.monotonic()))
        generations = [client.wait(generation_id, GIVE_UP_S) for generation_id in ways]
        jobs = {(job["provider"], job["ref"]): job for job in record()["jobs"]}
        outcomes = {way.name: Outcome() for way in self.ways}
        for generation in generations:
            way, ref = ways[generation["id"]]
            if generation["status"] != "completed" or generation["closed_at"] is None:
                raise NotCompleted(f"{way.name}: {generation['id']} is {generation['status']}, not completed")
            job = jobs[way.provider, ref]
            outcomes[way.name].delays_s.append(known_after_s(generation["closed_at"], job["ends_at"]))
            outcomes[way.name].questions.append(job["polls"])
        return outcomes


def known_after_s(closed_at: str, ends_at: float) -> float:
    """The seconds from the true end of the work, by the stand-ins' record, to when its result was known."""
    return max(0.0, datetime.fromisoformat(closed_at).timestamp() - ends_at)


@contextmanager
def _running(seed: int) -> Iterator[tuple[Client, Callable[[], Mapping[str, Any]]]]:
    """A client of a running service, and the stand-ins' record."""
    rehearsal_port, port = free_port(), free_port()
    rehearsal, url = f"http://127.0.0.1:{rehearsal_port}", f"http://127.0.0.1:{port}"
    key = "bench_" + secrets.token_urlsafe(24)
    clean = {name: text for name, text in os.environ.items() if not name.startswith("ARRIVALS_")}
    upstreams = upstream_settings((way.provider for way in WAYS), rehearsal)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="arrivals-bench-")))
        settings = {
            "ARRIVALS_DATABASE": str(folder / "arrivals.db"),
            "ARRIVALS_SECRET_KEYS": secrets.token_urlsafe(32),
            "ARRIVALS_PUBLIC_URL": url,
            "ARRIVALS_PORT": str(port),
            "ARRIVALS_API_KEY": key,
            "ARRIVALS_ALLOW_DESTINATIONS": "127.0.0.0/8",
            **upstreams,
            **{
                name.replace("EACHLABS", f"EACHLABS__{LOST_ACCOUNT.upper()}"): text
                for name, text in upstreams.items()
                if name.startswith("ARRIVALS_EACHLABS_") and "SENSE" not in name
            },
        }
        rehearse = ["arrivals", "rehearse", "--port", str(rehearsal_port), "--seed", str(seed)]
        for process, ready_url in (
            (Process("rehearsal", rehearse, clean, folder), rehearsal + "/"),
            (Process("service", ["arrivals", "serve"], clean | settings, folder), url + "/health/ready"),
        ):
            stack.callback(process.stop)
            process.start(ready_url)
        client = stack.enter_context(Client(url, key))
        yield client, lambda: httpx.get(rehearsal + "/rehearsal/record", trust_env=False, timeout=30.0).json()
