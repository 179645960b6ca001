"""The scenarios of `arrivals bench lateness`, and what came of each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from arrivals.core.inspection import PRICE
from arrivals.lab.lateness.live import RUN_S, Live
from arrivals.lab.lateness.simulation import Account, Outcome, Simulation
from arrivals.lab.lateness.work import LONG, MINUTE, WORKS, Mind, Work, documented_work, learned, slower
from arrivals.providers.catalog import PROVIDERS

EVENLY_S = 5.0
LOADS = (1, 10, 100, 1000)
SEEDS_OF_MANY = 8  # runs of a thousand, whose means differ by little

Row = dict[str, Any]


def rows(seed: int, count: int) -> Iterator[Row]:
    """Every scenario, of `count` generations where it does not say."""
    for work in WORKS:
        yield from _poll_only(work, seed, count)
        yield from _webhooks(work, seed, count)
    yield from _loads(seed)
    yield from _documented(seed, count)
    yield from _scarce(seed)
    yield _crowded(seed)


def live_rows(seed: int, minutes: float) -> Iterator[Row]:
    """The same in real time, of the service as it runs. Raises NotReady, NotCompleted."""
    name = f"live, {RUN_S[0]:g} to {RUN_S[1]:g} s of work, nothing learned before"
    for way, outcome in Live(seed=seed, minutes=minutes).run().items():
        yield {"scenario": name, "asked": way, **_figures(outcome)}


def _poll_only(work: Work, seed: int, count: int) -> Iterator[Row]:
    account = Account(work=work, orders=count, in_flight=10)
    even = _run(replace(account, even_s=EVENLY_S), Mind(work=work), seed)
    yield _row("poll only", work, f"every {EVENLY_S:g} s", even)
    without = _run(replace(account, even_s=EVENLY_S, budgeted=False), Mind(work=work), seed)
    yield _row("poll only", work, f"every {EVENLY_S:g} s, without a budget", without)
    fixed = replace(account, learns=False)
    yield _row("poll only", work, "learned", _run(fixed, _learned(work, seed), seed), even)
    yield _row(
        "poll only", work, "half the questions", _at_questions(fixed, work, seed, _mean(even.questions) / 2), even
    )
    yield _row("poll only", work, "as many questions", _at_questions(fixed, work, seed, _mean(even.questions)), even)
    yield _row("poll only", work, "documented range only", _run(fixed, Mind(work=work), seed), even)
    slow = replace(account, work=slower(work, 2.0))
    yield _row("poll only, twice as slow", slow.work, "learning", _run(slow, _learned(work, seed), seed))
    slow_evenly = _run(replace(slow, even_s=EVENLY_S), Mind(work=work), seed)
    yield _row("poll only, twice as slow", slow.work, f"every {EVENLY_S:g} s", slow_evenly)


def _webhooks(work: Work, seed: int, count: int) -> Iterator[Row]:
    for name, lost in (("webhooks come", 0.0), ("20 % of webhooks lost", 0.2), ("all webhooks lost", 1.0)):
        mind = _learned(work, seed, share=0.97 if lost == 1.0 else 1 - lost)
        account = Account(work=work, orders=count if lost in (0.0, 1.0) else 4 * count, in_flight=10, lost=lost)
        yield _row(name, work, "learning", _run(account, mind, seed))


def _loads(seed: int) -> Iterator[Row]:
    for work in WORKS:
        for in_flight in LOADS:
            account = Account(work=work, orders=max(200, 2 * in_flight), in_flight=in_flight, requests_per_minute=300)
            name = f"{in_flight} in flight under 300 requests a minute"
            even = _run(replace(account, even_s=EVENLY_S), Mind(work=work), seed)
            yield _row(name, work, "learned", _run(replace(account, learns=False), _learned(work, seed), seed), even)
            yield _row(name, work, f"every {EVENLY_S:g} s", even)


def _documented(seed: int, count: int) -> Iterator[Row]:
    """Every route's documented range, under its own budget and pace."""
    for provider in PROVIDERS.values():
        for route in provider.ROUTES:
            if not route.polls:
                continue
            work = documented_work(f"{provider.NAME} {route.name}", route.usual_duration_s, route.max_duration_s)
            account = Account(
                work=work, orders=count, in_flight=min(10, provider.BUDGET.max_in_flight), floor_s=route.poll_every_s,
                requests_per_minute=provider.BUDGET.requests_per_minute, learns=False,
            )  # fmt: skip
            even = _run(replace(account, even_s=route.poll_every_s), Mind(work=work), seed)
            yield _row("documented range", work, "documented range only", _run(account, Mind(work=work), seed), even)
            yield _row("documented range", work, f"every {route.poll_every_s:g} s, as documented", even)
            yield _row("documented range", work, "learned", _run(account, _learned(work, seed), seed), even)


def _scarce(seed: int) -> Iterator[Row]:
    """A thousand that are submitted already, under far fewer requests than all would need."""
    account = Account(work=LONG, orders=1000, in_flight=1000, requests_per_minute=100)
    name = "1,000 submitted, 100 requests a minute"
    ways = {"documented range only": account, f"every {EVENLY_S:g} s": replace(account, even_s=EVENLY_S)}
    for way, each in ways.items():
        runs = [_run(each, Mind(work=LONG), seed + number) for number in range(SEEDS_OF_MANY)]
        yield _row(name, LONG, way, _joined(runs))


def _crowded(seed: int) -> Row:
    outcome = _run(Account(work=MINUTE, orders=25, in_flight=10), Mind(work=MINUTE), seed)
    return _row("25 orders, ten at a time", MINUTE, "documented range only", outcome)


def _run(account: Account, mind: Mind, seed: int) -> Outcome:
    return Simulation(account, mind, Random(seed)).run()


def _learned(work: Work, seed: int, share: float | None = None) -> Mind:
    return learned(work, Random(seed + 1_000_003), share=share)


def _at_questions(account: Account, work: Work, seed: int, wanted: float) -> Outcome:
    """The run whose price of a question makes about this many of them."""
    low, high = PRICE / 16, PRICE * 16
    for _ in range(8):
        middle = (low * high) ** 0.5
        outcome = _run(replace(account, price=middle), _learned(work, seed), seed)
        low, high = (middle, high) if _mean(outcome.questions) > wanted else (low, middle)
    return outcome


def _joined(runs: Sequence[Outcome]) -> Outcome:
    whole = Outcome()
    for run in runs:
        whole.delays_s += run.delays_s
        whole.questions += run.questions
        whole.finished_s = max(whole.finished_s, run.finished_s)
    whole.requests_at = max(runs, key=lambda run: run.most_in_a_minute).requests_at
    return whole


def _row(scenario: str, work: Work, way: str, outcome: Outcome, beside: Outcome | None = None) -> Row:
    requests = {"most_in_a_minute": outcome.most_in_a_minute, "finished_s": round(outcome.finished_s, 2)}
    return {"scenario": scenario, "work": work.name, "asked": way, **_figures(outcome, beside), **requests}


def _figures(outcome: Outcome, beside: Outcome | None = None) -> dict[str, float]:
    delays = sorted(outcome.delays_s)
    figures = {
        "mean_s": _mean(delays),
        "p50_s": _percentile(delays, 0.5),
        "p95_s": _percentile(delays, 0.95),
        "p99_s": _percentile(delays, 0.99),
        "longest_s": delays[-1],
        "questions": _mean(outcome.questions),
    }
    if outcome.lost_delays_s and len(outcome.lost_delays_s) < len(delays):
        figures["lost_mean_s"] = _mean(outcome.lost_delays_s)
    if beside is not None:
        figures["of_even_mean"] = _mean(delays) / _mean(beside.delays_s)
        figures["of_even_questions"] = _mean(outcome.questions) / _mean(beside.questions)
    return {name: round(value, 2) for name, value in figures.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
