"""The time from now to the next question about a generation, in all that is known about it."""

from dataclasses import dataclass

from arrivals.core.forecast import Forecast, with_progress
from arrivals.core.inspection import NO_WEBHOOKS, PRICE, WebhookHabits, next_question_s, price_of

JITTER = 0.04  # either way: what began together need not be asked about together
LEAST_PROGRESS, MOST_PROGRESS = 0.03, 0.99  # between them it says something about the end
HARDLY_ANY = 0.01  # work is done sooner
PATIENCE = 3.0  # how much longer the longest wait may be where a webhook is sure to come
SPARE = 0.9  # of what the budget leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The use of an account: generations in flight, and the requests per second that its budget gives in the long run.

    `crowded`: orders wait for a place in flight.
    """

    in_flight: int = 1
    rate_per_s: float = 1.0
    crowded: bool = False

    def spare_per_s(self, mean_s: float) -> float:
        """The requests per second that questions may use: all, or what waiting orders leave, at least half."""
        submissions = self.in_flight / max(mean_s, 1.0) if self.crowded else 0.0
        return SPARE * max(self.rate_per_s / 2, self.rate_per_s - submissions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that decides when to ask, but for the state of the generation itself.

    `floor_s`: the shortest time between two questions, as documented; `cap_s`: the longest; `price`: of a question
    where requests are plenty.
    """

    expected: Forecast
    load: Load
    webhooks: WebhookHabits = NO_WEBHOOKS
    floor_s: float = 1.0
    cap_s: float = 60.0
    price: float = PRICE

    def wait_s(
        self, age_s: float, *, progress: float | None, queue_position: int | None, poll_after_s: float | None,
        random: float,
    ) -> float:  # fmt: skip
        """The wait when it was under way at this age. `poll_after_s`: the wait that its provider asked for."""
        too_soon_s = max(0.0, self.expected.quantile(HARDLY_ANY) - age_s)
        cap_s = too_soon_s + self.cap_s * (1 + PATIENCE * self.webhooks.share)
        if poll_after_s is not None:
            return min(max(poll_after_s, self.floor_s), cap_s)
        expected = self.expected
        if progress is not None and LEAST_PROGRESS <= progress <= MOST_PROGRESS and age_s > 0:
            expected = with_progress(expected, age_s, progress)
        price = price_of(
            expected,
            webhooks=self.webhooks,
            in_flight=self.load.in_flight,
            rate_per_s=self.load.spare_per_s(expected.mean_s),
            usual=self.price,
        )
        wait_s = next_question_s(expected, age_s, price=price, webhooks=self.webhooks) - age_s
        if queue_position:
            wait_s = max(wait_s, self.expected.quantile(HARDLY_ANY) / 2)  # it has not begun
        return min(max(wait_s * (1 + JITTER * (2 * random - 1)), self.floor_s), cap_s)
