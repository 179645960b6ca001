"""`arrivals bench lateness`: what the policy promises, simulated with the product's own functions."""

from dataclasses import replace
from random import Random

import pytest

from arrivals.lab.lateness.live import WAYS, Live
from arrivals.lab.lateness.report import rows
from arrivals.lab.lateness.simulation import Account, Simulation
from arrivals.lab.lateness.work import LONG, MINUTE, WORKS, Mind, learned, slower

COUNT = 300
EVENLY_S = 5.0
LOST_KNOWN_AFTER_S = dict(zip([work.name for work in WORKS], (10.0, 30.0, 10.0, 30.0), strict=True))


def run(account, mind, seed=1):
    return Simulation(account, mind, Random(seed)).run()


def mean(values):
    return sum(values) / len(values)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_learned_or_not_ends_are_known_sooner_and_with_fewer_questions_than_by_asking_evenly(work):
    account = Account(work=work, orders=COUNT, in_flight=10, learns=False)
    even = run(replace(account, even_s=EVENLY_S), Mind(work=work))

    for mind, mean_s, p95_s in ((learned(work, Random(2)), 2.6, 6.0), (Mind(work=work), 4.0, 10.0)):
        outcome = run(account, mind)
        assert COUNT == len(outcome.delays_s)
        assert mean(outcome.delays_s) <= mean_s
        assert sorted(outcome.delays_s)[int(0.95 * COUNT)] <= p95_s
        assert mean(outcome.questions) <= 1.03 * mean(even.questions)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_fifth_of_all_webhooks_lost_costs_few_questions(work):
    outcome = run(Account(work=work, orders=4 * COUNT, in_flight=10, lost=0.2), learned(work, Random(2), share=0.8))

    assert mean(outcome.questions) <= 3.0
    assert mean(outcome.lost_delays_s) <= LOST_KNOWN_AFTER_S[work.name]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_webhooks_that_never_come_are_not_waited_for(work):
    outcome = run(Account(work=work, orders=COUNT, in_flight=10, lost=1.0), learned(work, Random(2), share=0.97))
    delays = sorted(outcome.delays_s)

    assert delays[COUNT // 2] <= 5.0
    assert delays[int(0.95 * COUNT)] <= 20.0


def test_a_provider_that_became_slower_is_followed():
    work = WORKS[0]
    mind = learned(work, Random(2))
    run(Account(work=slower(work, 2.0), orders=40, in_flight=10), mind)

    assert 150 < mind.expected.quantile(0.5) < 220


@pytest.mark.parametrize("in_flight", [10, 100, 1000])
def test_no_minute_sees_more_requests_than_the_account_may_send(in_flight):
    account = Account(work=WORKS[2], orders=in_flight, in_flight=in_flight, requests_per_minute=100)

    assert run(account, Mind(work=WORKS[2])).most_in_a_minute <= 100


def test_who_is_short_of_requests_learns_everything_before_its_results_are_deleted():
    outcome = run(Account(work=LONG, orders=1000, in_flight=1000, requests_per_minute=100), Mind(work=LONG))

    assert 1000 == len(outcome.delays_s)
    assert max(outcome.delays_s) < 3600


def test_places_that_others_wait_for_are_free_soon():
    assert run(Account(work=MINUTE, orders=25, in_flight=10), Mind(work=MINUTE)).finished_s <= 200


def test_the_service_itself_knows_as_soon():
    quick = [way for way in WAYS if way.name != "all webhooks lost"]  # those are waited for longer than a test may take
    outcomes = Live(seed=1, minutes=0.05, ways=quick, run_s=(0.5, 1.0)).run()

    assert {way.name for way in quick} == outcomes.keys()
    assert all(1 == len(outcome.delays_s) and 0 <= outcome.delays_s[0] for outcome in outcomes.values())
    assert all(1 <= outcomes[way].questions[0] for way in ("poll only", "unsigned webhooks"))


def test_every_scenario_has_its_row():
    shown = list(rows(1, 20))

    assert {"poll only", "20 % of webhooks lost", "documented range", "25 orders, ten at a time"} <= {
        row["scenario"] for row in shown
    }
    assert all(row["mean_s"] >= 0 and row["questions"] >= 0 for row in shown)
