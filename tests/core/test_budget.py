"""Budgets that no minute exceeds, turns that starve nobody, and a breaker that opens, half-opens and closes."""

from itertools import product
import random

import pytest

from arrivals.core.breaker import LONGEST_OPEN_S, MISSES_TO_OPEN, Breaker
from arrivals.core.budget import LONGEST_PAUSE_S, Budget, Ledger, fair_share, round_robin
from arrivals.core.wire import SECOND

MINUTE = 60 * SECOND
START = 1_790_000_000_000_000
RATES = [1, 2, 3, 7, 60, 100, 120, 999, 6000, 20_011]
FRESH = Ledger(provider="runblob", account="default")


def budget(requests_per_minute):
    return Budget(max_in_flight=10, requests_per_minute=requests_per_minute)


def most_in_a_minute(sent):
    """The most requests in any window of a minute; `sent` are (moment, requests) in order."""
    most = within = first = 0
    for moment, requests in sent:
        within += requests
        while sent[first][0] <= moment - MINUTE:
            within -= sent[first][1]
            first += 1
        most = max(most, within)
    return most


# ---------------------------------------------------------------- the budget


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("gaps", ["steady", "bursts", "random"])
def test_no_minute_ever_sees_more_than_the_budget(rate, gaps):
    """Three minutes of taking everything that is affordable, at moments of three kinds."""
    allowed, ledger, now, sent = budget(rate), FRESH, START, []
    rng = random.Random(rate)
    step = {
        "steady": lambda: max(allowed.interval, MINUTE // 2000),
        "bursts": lambda: MINUTE // 7 + 1,
        "random": lambda: rng.randrange(1, MINUTE // 300),
    }[gaps]
    while now < START + 3 * MINUTE:
        taken = ledger.affordable(allowed, now)
        ledger = ledger.spend(allowed, now, taken, "poll")
        sent.append((now, taken))
        now += step()

    assert 0 < most_in_a_minute(sent) <= rate


@pytest.mark.parametrize("rate", RATES)
def test_budget_is_used_in_the_long_run(rate):
    """Nearly three quarters of it and more, beside the quarter that is kept for bursts."""
    allowed, ledger, now, taken = budget(rate), FRESH, START, 0
    while now < START + 10 * MINUTE:
        affordable = ledger.affordable(allowed, now)
        ledger, taken = ledger.spend(allowed, now, affordable, "poll"), taken + affordable
        now += max(allowed.interval, MINUTE // 1000)

    assert taken >= 10 * (rate - allowed.burst) * 0.95


@pytest.mark.parametrize(("rate", "burst"), [(1, 1), (3, 1), (60, 15), (100, 25)])
def test_quarter_of_a_minute_may_go_at_once(rate, burst):
    assert (burst, burst) == (budget(rate).burst, FRESH.affordable(budget(rate), START))


def test_rate_beyond_any_clock_is_still_a_rate():
    assert 1 == budget(10**9).interval


def test_spent_budget_comes_back_one_by_one():
    allowed = budget(60)
    empty = FRESH.spend(allowed, START, allowed.burst, "submit")

    assert [0, 0, 1, 2, allowed.burst] == [
        empty.affordable(allowed, START + later)
        for later in (0, allowed.interval - 1, allowed.interval, 2 * allowed.interval, 10 * MINUTE)
    ]


def test_nothing_spent_is_nothing_changed():
    assert FRESH.spend(budget(60), START, 0, "submit") is FRESH


def test_ledger_remembers_whose_turn_it_was():
    assert "submit" == FRESH.spend(budget(60), START, 1, "submit").last_turn


def test_clock_that_goes_back_a_little_gives_nothing_away():
    allowed = budget(60)
    empty = FRESH.spend(allowed, START, allowed.burst, "poll")

    assert 0 == empty.affordable(allowed, START - MINUTE // 2)


def test_debt_of_a_smaller_budget_is_paid_before_anything_is_affordable():
    """An operator lowered the limit while much was spent."""
    rich = FRESH.spend(budget(1000), START, 250, "poll")

    assert 0 == rich.affordable(budget(4), START)


# ---------------------------------------------------------------- turns

FEW = range(8)


@pytest.mark.parametrize("affordable", FEW)
def test_turns_never_take_more_than_is_affordable_nor_waste_any(affordable):
    for mine, theirs in product(FEW, FEW):
        shares = (
            fair_share(affordable, mine, theirs, my_turn=True),
            fair_share(affordable, theirs, mine, my_turn=False),
        )

        assert min(affordable, mine + theirs) == sum(shares)
        assert shares[0] <= mine
        assert shares[1] <= theirs


@pytest.mark.parametrize("affordable", FEW)
def test_whose_turn_it_is_gets_half_and_the_odd_one(affordable):
    for mine, theirs in product(FEW, FEW):
        assert fair_share(affordable, mine, theirs, my_turn=True) >= min(mine, (affordable + 1) // 2)
        assert fair_share(affordable, mine, theirs, my_turn=False) >= min(mine, affordable // 2)


@pytest.mark.parametrize("affordable", [1, 2, 3])
@pytest.mark.parametrize("flood", [10, 10_000])
def test_flood_of_one_kind_starves_the_other_of_nothing(affordable, flood):
    """Few submissions and endless polls, or the other way round: within two rounds, the few have had their turn."""
    few, last_turn, served = 5, None, []
    while few:
        took = {
            "few": fair_share(affordable, few, flood, my_turn=last_turn != "few"),
            "flood": fair_share(affordable, flood, few, my_turn=last_turn == "few"),
        }
        few -= took["few"]
        last_turn = "few" if took["few"] > took["flood"] else "flood" if took["flood"] > took["few"] else last_turn
        served.append(took["few"])

        assert sum(took.values()) <= affordable
        assert len(served) <= 10

    assert 0 not in [sum(served[at : at + 2]) for at in range(len(served))]


def test_nothing_affordable_is_nothing_for_anybody():
    assert 0 == fair_share(0, 5, 5, my_turn=True)


# ---------------------------------------------------------------- the breaker


def missed(times, now=START):
    ledger = FRESH
    for _ in range(times):
        ledger = ledger.missed(now, now)
    return ledger


@pytest.mark.parametrize("misses", range(MISSES_TO_OPEN))
def test_few_misses_leave_the_breaker_closed(misses):
    assert missed(misses).pollable(START) is None


def test_fifth_miss_in_a_row_opens_it():
    assert 0 == missed(MISSES_TO_OPEN).pollable(START)


def test_open_breaker_lets_one_through_when_its_time_has_passed():
    opened = missed(MISSES_TO_OPEN)

    assert [0, 1, 1] == [opened.pollable(START + later) for later in (5 * SECOND - 1, 5 * SECOND, 5 * MINUTE)]


def test_every_further_miss_doubles_the_silence_to_a_cap():
    silences = [(missed(misses).open_until - START) / SECOND for misses in range(5, 100)]

    assert [5.0, 10.0, 20.0, 40.0] == silences[:4]
    assert {LONGEST_OPEN_S} == set(silences[6:])


def test_what_was_asked_before_it_opened_tells_no_more():
    """Many in flight miss at one moment: a silence for one, not for each."""
    opened = missed(MISSES_TO_OPEN)
    probe_at = START + 5 * SECOND
    probed = opened.probed(probe_at)

    assert opened == opened.missed(START + 1, START - 1)
    assert probed == probed.missed(probe_at + 1, START - 1)
    again = probed.missed(probe_at + 1, probe_at)
    assert (6, probe_at + 1 + 10 * SECOND) == (again.misses, again.open_until)


def test_opening_that_a_clock_ahead_wrote_keeps_no_miss_from_counting():
    ahead = missed(MISSES_TO_OPEN, START + 60 * MINUTE)

    assert 6 == ahead.missed(START, START).misses


def test_answer_closes_it():
    assert missed(40).answered().pollable(START) is None
    assert FRESH == missed(40).answered()


@pytest.mark.parametrize("misses", range(20))
def test_breaker_of_an_account_is_the_breaker_of_anybody(misses):
    """A provider that keeps failing and a subscriber that does are asked less by one rule."""
    breaker, ledger = Breaker(), missed(misses)
    for _ in range(misses):
        breaker = breaker.missed(START)

    assert (breaker.misses, breaker.open_until) == (ledger.misses, ledger.open_until)
    for later in (-MINUTE, 0, 5 * SECOND, 5 * MINUTE):
        assert breaker.passing(START + later) == ledger.pollable(START + later)


def test_misses_before_an_answer_do_not_count():
    ledger = missed(MISSES_TO_OPEN - 1).answered().missed(START, START)

    assert ledger.pollable(START) is None


@pytest.mark.parametrize(
    ("places", "wants", "dealt"),
    [
        (10, [], []),
        (0, [3], [0]),
        (10, [2, 3], [2, 3]),
        (10, [100, 100], [5, 5]),
        (10, [100, 1, 100], [5, 1, 4]),
        (2, [5, 5, 5], [1, 1, 0]),
    ],
    ids=range(6),
)
def test_places_are_dealt_so_that_many_wants_take_none_from_few(places, wants, dealt):
    assert dealt == round_robin(places, wants)


def test_clock_that_jumped_ahead_and_came_back_silences_nobody():
    budget = Budget(max_in_flight=1, requests_per_minute=60)
    ledger = Ledger(provider="p", account="a", spent_until=10**18, misses=9, open_until=10**18)

    assert budget.burst == ledger.affordable(budget, 0)
    assert budget.burst - 1 == ledger.spend(budget, 0, 1, "poll").affordable(budget, 0)
    assert 1 == ledger.pollable(0)


def test_one_question_at_a_time_tries_whether_it_is_over():
    ledger = Ledger(provider="p", account="a", misses=5)

    assert (1, 0) == (ledger.pollable(7), ledger.probed(7).pollable(8))


def test_the_wait_for_one_more_is_what_is_missing():
    allowed = budget(60)
    empty = FRESH.spend(allowed, START, allowed.burst, "submit")
    assert 0 == FRESH.wait(allowed, START)
    assert allowed.interval == empty.wait(allowed, START)
    assert (1, 0) == (empty.wait(allowed, START + allowed.interval - 1), empty.wait(allowed, START + allowed.interval))


def test_what_is_spent_beyond_the_budget_is_owed_and_never_forgotten():
    """A debt of more than a minute would be taken for the word of a clock that ran ahead."""
    owing = FRESH
    for _ in range(100):
        owing = owing.spend(budget(4), START, 1, "hand")
    assert (0, True) == (owing.affordable(budget(4), START), owing.wait(budget(4), START) > 0)
    assert 1 == owing.affordable(budget(4), START + 60 * SECOND)


# ---------------------------------------------------------------- what the provider asks for


def test_account_that_was_asked_to_wait_sends_nothing_until_then():
    paused = FRESH.paused(START, 30.0)

    assert (0, 30 * SECOND) == (paused.affordable(budget(60), START), paused.wait(budget(60), START))
    assert budget(60).burst == paused.affordable(budget(60), START + 30 * SECOND)


def test_longest_wait_that_was_asked_for_counts_and_none_is_endless():
    paused = FRESH.paused(START, 30.0).paused(START, 5.0)
    assert START + 30 * SECOND == paused.paused_until

    assert START + LONGEST_PAUSE_S * SECOND == FRESH.paused(START, 1e9).paused_until


def test_pause_by_a_clock_that_ran_ahead_silences_nobody():
    assert FRESH.paused(START + 10**12, 30.0).affordable(budget(60), START) > 0


def test_what_was_set_aside_and_not_sent_is_given_back():
    allowed = budget(60)
    spent = FRESH.spend(allowed, START, 4, "poll")

    assert spent.refunded(allowed, START, 3).spent_until == FRESH.spend(allowed, START, 1, "poll").spent_until
    assert START == spent.refunded(allowed, START, 100).spent_until


@pytest.mark.parametrize(("rate", "per_poll"), [(1, 1), (4, 1), (8, 2), (100, 2)])
def test_no_more_is_set_aside_for_a_poll_than_may_ever_be_had(rate, per_poll):
    allowed = Budget(max_in_flight=10, requests_per_minute=rate, requests_per_poll=2)

    assert per_poll == allowed.per_poll <= FRESH.affordable(allowed, START)
