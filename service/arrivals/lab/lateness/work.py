"""The work that is simulated: how long it takes, what its provider documents, and what becomes of its webhooks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import exp
from random import Random

from arrivals.core.durations import Durations
from arrivals.core.forecast import Forecast, forecast
from arrivals.core.lessons import DurationLesson, WebhookLesson, WebhookRecord

SEEN = 200  # durations that a learned forecast is made of
WEBHOOK_LATE_S = 1.0  # at the mean

Draw = Callable[[Random], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of work: durations as they are drawn, and the range that a page would state."""

    name: str
    draw: Draw
    documented: tuple[float, float]
    longest_s: float = 3600.0


WORKS = (
    Work(name="uniform 60 to 120 s", draw=lambda rng: rng.uniform(60, 120), documented=(60, 120)),
    Work(name="uniform 120 to 420 s", draw=lambda rng: rng.uniform(120, 420), documented=(120, 420)),
    Work(name="lognormal 90 s, 0.35", draw=lambda rng: 90 * exp(rng.gauss(0, 0.35)), documented=(50, 160)),
    Work(
        name="70 % about 40 s, 30 % about 300 s",
        draw=lambda rng: rng.gauss(40, 4) if rng.random() < 0.7 else rng.gauss(300, 30),  # noqa: PLR2004 - as named
        documented=(30, 330),
    ),
)
LONG = Work(name="uniform 5 to 30 min", draw=lambda rng: rng.uniform(300, 1800), documented=(300, 1800))
MINUTE = Work(name="60 s", draw=lambda rng: 60.0, documented=(30, 120))  # noqa: ARG005 - the form of Draw


def documented_work(name: str, documented: tuple[float, float], longest_s: float) -> Work:
    """Work that takes what a route documents, evenly in the logarithm."""
    low, high = documented
    return Work(
        name=name,
        draw=lambda rng: float(low * (high / low) ** rng.random()),
        documented=documented,
        longest_s=longest_s,
    )


@dataclass(slots=True, kw_only=True)
class Mind:
    """The knowledge of one kind of work, as a process has it; it goes on learning."""

    work: Work
    durations: Durations = field(default_factory=Durations)
    record: WebhookRecord = field(default_factory=WebhookRecord)
    _forecast: Forecast | None = None

    @property
    def expected(self) -> Forecast:
        """The forecast as of now."""
        if self._forecast is None:
            self._forecast = forecast(self.work.documented, self.work.longest_s, [self.durations])
        return self._forecast

    def learn(self, low_s: float, high_s: float, *, came: bool | None, late_s: float | None = None) -> None:
        """Learns from an end that lay between two ages. `came`: its webhook did; None where none was expected."""
        lesson = DurationLesson(provider="p", model="m", order_size="", low_s=low_s, high_s=high_s)
        self.durations = self.durations.with_duration(lesson.low_s, lesson.high_s)
        if came is not None:
            lesson_of_webhook = WebhookLesson(provider="p", account="a", came=came, late_s=late_s)
            self.record = self.record.with_lesson(lesson_of_webhook)
        self._forecast = None


def learned(work: Work, rng: Random, *, share: float | None = None) -> Mind:
    """A mind that has seen two hundred ends; of their webhooks this share came."""
    mind = Mind(work=work)
    for _ in range(SEEN):
        took = work.draw(rng)
        came = None if share is None else rng.random() < share
        mind.learn(
            max(0.0, took - 1.0), took + 1.0, came=came, late_s=rng.expovariate(1 / WEBHOOK_LATE_S) if came else None
        )
    return mind


def slower(work: Work, factor: float) -> Work:
    """The same work on a provider that takes so much longer, whose page has not changed."""
    return replace(work, draw=lambda rng: factor * work.draw(rng))
