"""The lessons of the end of a generation: how long its kind takes, and how its provider's webhooks come."""

from dataclasses import dataclass, field, replace

from arrivals.core.durations import Durations
from arrivals.core.inspection import WebhookHabits

MEMORY = 50.0  # generations that the share of webhooks is made of
FIRST_WEIGHT = 2.0  # generations' worth of what is assumed at first, and after a change
RECENT_RATE = 0.25  # of what each generation teaches about the last few
CHANGED = 0.55  # so far apart, what came lately is what is to be expected
LATE_S = 5.0  # before anything is known
MOST = 0.6
LATE_WEIGHT = 3.0  # webhooks' worth


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationLesson:
    """Work of this kind took longer than `low_s` and at most `high_s` seconds."""

    provider: str
    model: str
    order_size: str
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLesson:
    """A webhook that was expected came or did not; `late_s` after the true end, where that is known.

    `after_all`: it had been given up.
    """

    provider: str
    account: str
    came: bool
    late_s: float | None = None
    after_all: bool = False


Lesson = DurationLesson | WebhookLesson


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRecord:
    """The share of an account's webhooks that came, from 0 to 1, of the last few too, and how late they were.

    `seen`: the generations that the share stands for.
    """

    share: float = 0.9
    recent: float = 0.9
    seen: float = FIRST_WEIGHT
    lateness: Durations = field(default_factory=Durations)

    def with_lesson(self, lesson: WebhookLesson) -> "WebhookRecord":
        """The record with one more generation."""
        share, recent, seen = self.share, self.recent, self.seen
        if lesson.after_all:
            share, recent = min(1.0, share * seen / (seen - 1)), min(1.0, recent / (1 - RECENT_RATE))
        else:
            seen = min(seen + 1, MEMORY)
        share += (lesson.came - share) / seen
        recent += RECENT_RATE * (lesson.came - recent)
        if abs(recent - share) > CHANGED:
            share, seen = recent, FIRST_WEIGHT
        lateness = self.lateness
        if lesson.late_s is not None:
            lateness = lateness.with_duration(lesson.late_s, lesson.late_s)
        return replace(self, share=share, recent=recent, seen=seen, lateness=lateness)

    @property
    def habits(self) -> WebhookHabits:
        """The expectation of the next webhook."""
        seen = self.lateness.seen
        late_s = (LATE_WEIGHT * LATE_S + seen * self.lateness.quantile(MOST)) / (LATE_WEIGHT + seen)
        return WebhookHabits(share=self.share, late_s=late_s)
