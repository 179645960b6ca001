"""An account's generations on a virtual clock: submitted, asked about under the account's budget, and known in the end.

Rates, budgets, forecasts and waits are the product's own functions; nothing else of it takes part.
"""

from collections import deque
from dataclasses import dataclass, field
import heapq
from random import Random

from arrivals.core.asking import Load, Question
from arrivals.core.budget import Budget, Ledger
from arrivals.core.inspection import NO_WEBHOOKS, PRICE
from arrivals.core.wire import SECOND, Micros, micros
from arrivals.lab.lateness.work import WEBHOOK_LATE_S, Mind, Work

STEP: Micros = 1000  # between two looks at an account whose requests are used up
MINUTE: Micros = 60 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account that is simulated. `orders` come at once and `in_flight` of them are worked on at a time.

    `even_s`: asks every so many seconds instead of when it is worth it. `lost`: the share of webhooks that never come;
    None where none are expected. `budgeted` False: as many requests as anybody wants.
    """

    work: Work
    orders: int
    in_flight: int
    requests_per_minute: int = 300
    floor_s: float = 1.0
    cap_s: float = 60.0
    even_s: float | None = None
    lost: float | None = None
    budgeted: bool = True
    learns: bool = True
    price: float = PRICE  # of a question; another one to compare at equal numbers of questions


@dataclass(slots=True)
class Job:
    """One generation: when it was submitted, when it ends, when its webhook comes, and when it was last under way."""

    submitted_at: float
    ends_at: float
    webhook_at: float | None
    known_running_at: float
    questions: int = 0


@dataclass(slots=True)
class Outcome:
    """The outcome of a run: the delay of each result, those of lost webhooks apart, questions, and requests."""

    delays_s: list[float] = field(default_factory=list)
    lost_delays_s: list[float] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)
    requests_at: list[float] = field(default_factory=list)
    finished_s: float = 0.0

    @property
    def most_in_a_minute(self) -> int:
        """The largest number of requests within any sixty seconds."""
        window: deque[float] = deque()
        most = 0
        for moment in self.requests_at:
            window.append(moment)
            while window[0] <= moment - 60:
                window.popleft()
            most = max(most, len(window))
        return most


class Simulation:
    """One run of an account. Webhooks come by themselves; submissions go before questions, as each pays for itself."""

    def __init__(self, account: Account, mind: Mind, rng: Random) -> None:
        self._account, self._mind, self._rng = account, mind, rng
        self._budget = Budget(max_in_flight=account.in_flight, requests_per_minute=account.requests_per_minute)
        self._ledger = Ledger(provider="p", account="a")
        self._due: list[tuple[float, int]] = []
        self._webhooks: list[tuple[float, int]] = []
        self._jobs: dict[int, Job] = {}
        self._waiting = deque((number, account.work.draw(rng)) for number in range(account.orders))
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """The outcome when everything is known."""
        now = 0.0
        while self._jobs or self._waiting:
            now = self._take_webhooks(now)
            if self._waiting and len(self._jobs) < self._account.in_flight:
                now = self._send(now, "submit")
                self._submit(now, *self._waiting.popleft())
                continue
            if not self._due:
                now = self._webhooks[0][0]
                continue
            at = self._due[0][0]
            if self._webhooks and self._webhooks[0][0] <= max(now, at):
                now = max(now, self._webhooks[0][0])
                continue
            now = self._send(max(now, at), "poll")
            _, number = heapq.heappop(self._due)
            if number in self._jobs:
                self._ask(now, number)
        self.outcome.finished_s = now
        return self.outcome

    def _submit(self, now: float, number: int, took_s: float) -> None:
        ends_at, webhook_at = now + took_s, None
        if self._account.lost is not None and self._rng.random() >= self._account.lost:
            webhook_at = ends_at + self._rng.expovariate(1 / WEBHOOK_LATE_S)
            heapq.heappush(self._webhooks, (webhook_at, number))
        self._jobs[number] = Job(submitted_at=now, ends_at=ends_at, webhook_at=webhook_at, known_running_at=now)
        self._ask_later(now, number)

    def _ask(self, now: float, number: int) -> None:
        job = self._jobs[number]
        job.questions += 1
        if now >= job.ends_at:
            self._know(now, number, came=None if self._account.lost is None else False)
            return
        job.known_running_at = now
        self._ask_later(now, number)

    def _ask_later(self, now: float, number: int) -> None:
        heapq.heappush(self._due, (now + self._wait_s(now - self._jobs[number].submitted_at), number))

    def _wait_s(self, age_s: float) -> float:
        if self._account.even_s is not None:
            return self._account.even_s
        expected_webhooks = NO_WEBHOOKS if self._account.lost is None else self._mind.record.habits
        load = Load(
            in_flight=max(1, len(self._jobs)),
            rate_per_s=SECOND / self._budget.interval,
            crowded=bool(self._waiting),
        )
        question = Question(
            expected=self._mind.expected, load=load, webhooks=expected_webhooks,
            floor_s=self._account.floor_s, cap_s=self._account.cap_s, price=self._account.price,
        )  # fmt: skip
        return question.wait_s(age_s, progress=None, queue_position=None, poll_after_s=None, random=self._rng.random())

    def _take_webhooks(self, now: float) -> float:
        """Everything that called by now is known."""
        while self._webhooks and self._webhooks[0][0] <= now:
            at, number = heapq.heappop(self._webhooks)
            if number in self._jobs:
                self._know(at, number, came=True)
        return now

    def _know(self, at: float, number: int, *, came: bool | None) -> None:
        job = self._jobs.pop(number)
        delay_s = at - job.ends_at
        self.outcome.delays_s.append(delay_s)
        self.outcome.questions.append(job.questions)
        if job.webhook_at is None:
            self.outcome.lost_delays_s.append(delay_s)
        if self._account.learns:
            low, high = (job.ends_at, job.ends_at) if came else (job.known_running_at, at)
            late_s = delay_s if came else None
            self._mind.learn(low - job.submitted_at, high - job.submitted_at, came=came, late_s=late_s)

    def _send(self, now: float, turn: str) -> float:
        """The moment at which a request may be sent, and is."""
        moment = micros(now)
        if self._account.budgeted:
            while not self._ledger.affordable(self._budget, moment):
                moment += max(self._ledger.wait(self._budget, moment), STEP)
            self._ledger = self._ledger.spend(self._budget, moment, 1, turn)
        now = max(now, moment / SECOND)
        self.outcome.requests_at.append(now)
        return now
