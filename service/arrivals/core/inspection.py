"""When to ask about something whose end is unknown: an inspection policy.

Every second of not knowing costs the user, every question costs a share of the account's budget. The best density of
questions follows the square root of the rate at which work ends at that age (Keller, "Optimum Checking Schedules for
Systems Subject to Random Failure", Management Science 21, 1974; after Barlow and Proschan): questions come close
together where the end is likely, and hardly any where it is not.

Pure: ages and waits are seconds since the submission.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

from arrivals.core.durations import BINS, EDGES_S, bin_of
from arrivals.core.forecast import Forecast

PRICE = 0.395  # of a question, in the integral of the square root of the hazard
LONG_S = 100.0  # work that takes longer may be asked about more often
THRIFT = 1.6  # a question costs so much more of it where a webhook is sure to come
FEW, SOME = 1.0, 3.0  # questions about each that an account can afford
QUESTIONS_BESIDE_WEBHOOKS = 2.75  # at the mean, where the end could be at any time, and
SELDOM, OFTEN = 0.2, 0.6  # webhooks come so often; the fewer come, the less questions are limited


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHabits:
    """How a provider's webhooks come: the share that does, and how late most of those are."""

    share: float = 0.9
    late_s: float = 5.0


NO_WEBHOOKS = WebhookHabits(share=0.0, late_s=0.0)


@lru_cache(maxsize=1024)
def effort(expected: Forecast, share: float = 0.0) -> float:
    """The effort of asking about one generation, at the mean: divided by the price, the number of questions."""
    due, total, ended = 0.0, 0.0, 0.0
    for number, mass in enumerate(expected.mass):
        if mass <= 0.0:
            continue
        left = max(1.0 - share * (ended + mass / 2) if share else 1.0 - ended - mass / 2, 1e-9)
        step = sqrt((1 - share) * mass * (EDGES_S[number + 1] - EDGES_S[number]) / left)
        total += mass * (due + step / 2)
        due += step
        ended += mass
    return total


def price_of(
    expected: Forecast,
    *,
    webhooks: WebhookHabits = NO_WEBHOOKS,
    in_flight: int = 1,
    rate_per_s: float,
    usual: float = PRICE,
) -> float:
    """The price of a question: the usual one, or more where webhooks come, or the account cannot afford as many.

    `in_flight`: generations that share `rate_per_s` requests.
    """
    work = effort(expected, webhooks.share)
    often = min(max((webhooks.share - SELDOM) / (OFTEN - SELDOM), 0.0), 1.0)
    usual *= min(1.0, LONG_S / expected.quantile(0.5)) ** 0.25
    price = max(usual * (1 + THRIFT * webhooks.share), often * work / QUESTIONS_BESIDE_WEBHOOKS)
    affordable = in_flight * work / (max(expected.mean_s, 1.0) * max(rate_per_s, 1e-3))
    if affordable <= price:
        return price
    # Who can ask once or less about each does best never to be idle: then whoever waits longest is asked about next.
    choosy = min(max((work / affordable - FEW) / (SOME - FEW), 0.0), 1.0)
    return price + (affordable - price) * choosy


def next_question_s(
    expected: Forecast, asked_s: float, *, price: float, webhooks: WebhookHabits = NO_WEBHOOKS
) -> float:
    """The age at which to ask next, when it was still under way at the age `asked_s`.

    With a webhook expected, only an end that nobody told of is asked for: the share of webhooks that does not come, no
    sooner than they would have come.
    """
    share = min(webhooks.share, 0.99)
    alive = 1.0 - expected.ended_by(asked_s)
    due, ended = 0.0, 0.0
    for number in range(bin_of(asked_s), BINS):
        begin, end = max(asked_s, EDGES_S[number]), EDGES_S[number + 1]
        density = expected.mass[number] / (end - EDGES_S[number])
        if density <= 0.0:
            continue
        # Without an answer it is alive, or ended in silence.
        rate = sqrt((1 - share) * density / max(alive - share * ended, 1e-9))
        step = rate * (end - begin)
        if due + step >= price:
            return begin + (price - due) / rate + webhooks.late_s * share
        due += step
        ended += density * (end - begin)
    return asked_s + EDGES_S[-1]  # nothing was ever expected from here on
