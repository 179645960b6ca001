"""The truth of a rehearsal: every order, the jobs it made, and the dice that decide the rest.

This module neither speaks HTTP nor sleeps: the state of a job is computed from when it was accepted and how long it
runs, so that a poll is right at any moment and a seed repeats.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from random import Random
import ssl
from typing import Any, Protocol

from anyio.abc import TaskGroup
import httpx

from arrivals.lab.rehearsal.faults import FaultDirective, WebhookFault

QUEUED_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """The speed of a rehearsal, in seconds: a job's run (from, to), a late webhook's delay, a retry's pause."""

    run_s: tuple[float, float] = (0.4, 2.0)
    late_s: float = 2.0
    retry_s: float = 0.3


TEMPO = Tempo()


class Phase(StrEnum):
    """The stage that a job has reached."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class Where(StrEnum):
    """The place where an outcome shows."""

    SUBMIT = "submit"  # the order is refused
    FAILURE = "failure"  # the job is accepted and fails
    POLL = "poll"  # the job is accepted and, when it would have ended, polls are answered with this error
    CANCELED = "canceled"  # the job is accepted, and canceled by its provider when it would have ended
    STREAM = "stream"  # the job is accepted, its stream gives up on it, and it goes on and completes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One row of a provider's table of errors: the HTTP answer, or what stands in the failed job's body."""

    where: Where
    body: Any
    code: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One submission of an order, as a provider's route read it; it may yet be refused."""

    prompt: str
    model: str
    body: Any
    callback_url: str | None = None
    secret: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A job as one answer or webhook shows it; `odd` replaces the status word."""

    phase: Phase
    progress: float = 1.0
    shown: bool = True
    odd: str | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """The count of an order's webhooks. Forged and huge ones are counted apart from the provider's own.

    `answers` counts the provider's own by how they were answered: an HTTP status, or `none`.
    """

    answers: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    answered_2xx: int = 0
    refused_4xx: int = 0
    forged_sent: int = 0
    forged_refused: int = 0
    huge_refused: int = 0


@dataclass(slots=True, kw_only=True)
class Job:
    """One accepted submission, whose result is settled from the start."""

    provider: str
    route: str
    external_id: str
    submission: Submission
    directive: FaultDirective
    outcome: Outcome | None
    accepted_at: float
    run_s: float
    files: tuple[str, ...]
    tally: Tally
    voice: "Voice | None"
    shape: int
    coins: tuple[bool, bool]
    polls: int = 0
    emptied: int = 0
    canceled_at: float | None = None
    deleted: bool = False

    @property
    def ends_at(self) -> float:
        """The moment at which it ends, if nobody cancels it."""
        return self.accepted_at + self.run_s

    @property
    def end(self) -> Phase:
        """The phase in which it ends, if nobody cancels it."""
        where = Where.STREAM if self.outcome is None else self.outcome.where
        return {Where.STREAM: Phase.COMPLETED, Where.CANCELED: Phase.CANCELED}.get(where, Phase.FAILED)

    def phase(self, now: float) -> Phase:
        """The phase at this moment."""
        if self.canceled_at is not None:
            return Phase.CANCELED
        if now >= self.ends_at:
            return self.end
        return Phase.QUEUED if self.progress(now) < QUEUED_SHARE else Phase.RUNNING

    def progress(self, now: float) -> float:
        """The share of its run that is over, 0.0 to 1.0."""
        return 1.0 if now >= self.ends_at else max(0.0, (now - self.accepted_at) / self.run_s)

    def view(self, phase: Phase, progress: float = 1.0) -> View:
        """The view of this phase; each call counts for a completed job that has to look empty for a while."""
        shown = phase is Phase.COMPLETED and self.emptied >= self.directive.empty
        if phase is Phase.COMPLETED and not shown:
            self.emptied += 1
        return View(phase=phase, progress=progress, shown=shown)

    def has_output(self, now: float) -> bool:
        """Tells whether there is anything to fetch at this moment."""
        return self.phase(now) is Phase.COMPLETED and not self.deleted and self.emptied >= self.directive.empty


def _unsigned(_job: Job, _body: bytes, *, forged: bool) -> Mapping[str, str]:
    del forged
    return {}


class Sign(Protocol):
    """Makes the headers that authenticate a webhook's raw body, or for a forgery, headers that do not."""

    def __call__(self, job: Job, body: bytes, /, *, forged: bool) -> Mapping[str, str]:
        """The headers, by lower-case name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A provider's way of calling back: its body, its signature, its number of tries, and which phases it reports."""

    write: Callable[[Job, View], Any]
    tries: int
    sign: Sign = _unsigned
    tells_running: bool = False
    tells_start: bool = False  # calls as soon as a job begins to run


@dataclass(slots=True, kw_only=True)
class Order:
    """Everything that came under one ref: refused, accepted once, or accepted twice, which is a double submission."""

    provider: str
    route: str
    ref: str
    rng: Random
    refused: int = 0
    refused_with: Outcome | None = None
    answer_cut: bool = False
    jobs: list[Job] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates, read only once: loading them takes longer than all the rest of a rehearsal's start."""
    return httpx.create_ssl_context(trust_env=False)


class RehearsalState:
    """All orders and jobs of one rehearsal. `client` and `tasks` carry its webhooks; the app opens and closes them."""

    client: httpx.AsyncClient
    tasks: TaskGroup

    def __init__(self, *, origin: str, cdn_origin: str, seed: int, tempo: Tempo, now: Callable[[], float]) -> None:
        self.origin = origin.rstrip("/")
        self.cdn_origin = cdn_origin.rstrip("/")
        self.seed = seed
        self.tempo = tempo
        self.now = now
        self.orders: dict[tuple[str, str], Order] = {}
        self.jobs: dict[tuple[str, str], Job] = {}
        self.keys_leaked = 0
        self.unknown_paths: list[str] = []

    def order(self, provider: str, route: str, ref: str) -> Order:
        """The order of this ref, created if it is new."""
        order = self.orders.get((provider, ref))
        if order is None:
            rng = Random(f"{self.seed}:{provider}:{ref}")
            order = self.orders[provider, ref] = Order(provider=provider, route=route, ref=ref, rng=rng)
        return order

    def accept(self, order: Order, job: Job) -> None:
        """Adds the job to its order; from here on it can be polled."""
        order.jobs.append(job)
        order.route = job.route
        self.jobs[job.provider, job.external_id] = job

    def forget(self, provider: str, ref: str) -> Order | None:
        """Removes an order and its jobs, so that memory does not grow in a run of hours."""
        order = self.orders.pop((provider, ref), None)
        for job in order.jobs if order is not None else ():
            self.jobs.pop((job.provider, job.external_id), None)
        return order

    def rename(self, job: Job, external_id: str) -> None:
        """Gives the job another external id."""
        del self.jobs[job.provider, job.external_id]
        job.external_id = external_id
        self.jobs[job.provider, external_id] = job

    def run_s(self, directive: FaultDirective, rng: Random) -> float:
        """The length of a job's run. The dice are thrown in any case, so that a directive changes no other throw."""
        thrown = rng.uniform(*self.tempo.run_s)
        if WebhookFault.EARLY in directive.webhook:
            return 0.0
        return thrown if directive.run_s is None else directive.run_s

    def open_client(self) -> httpx.AsyncClient:
        """Opens the client that posts webhooks. It follows no redirects and uses no proxy of the environment."""
        self.client = httpx.AsyncClient(timeout=10.0, follow_redirects=False, trust_env=False, verify=_certificates())
        return self.client
