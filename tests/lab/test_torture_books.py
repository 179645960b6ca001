"""The torture's comparison sees every loss and every double, and excuses only what its case can excuse."""

import dataclasses
from typing import Any

import pytest

from arrivals.lab.torture.audit import COUNTS, NO_EXCUSE, Accepted, Accounts, Discrepancies, Excuse, at_once, at_rest
from arrivals.lab.torture.workload import Order

ORDER = Order(key="a", provider="eachlabs", route="predictions", body={}, refs=("a",))
JOB: dict[str, Any] = {
    "provider": "eachlabs", "route": "predictions", "ref": "a", "external_id": "el-1", "submits": 1, "refused": 0,
    "outcome": "completed", "code": None, "has_output": True, "refused_with": None, "answer_cut": False,
    "webhooks": {"sent": 1, "answered_2xx": 1, "answers": {"200": 1}},
}  # fmt: skip
ROW = {"id": "gen_1", "status": "completed", "failure_code": None}
EVENT = {"id": "evt_1", "type": "generation.completed", "generation_id": "gen_1"}
GOOD: dict[str, Any] = {
    "accepted": [Accepted(id="gen_1", ref="a", order=ORDER)],
    "jobs": [JOB],
    "generations": [ROW],
    "webhooks": {"gen_1": 1},
    "events": [EVENT],
    "delivered": [EVENT],
}


def test_books_that_agree_count_nothing():
    discrepancies = at_rest(Accounts(**GOOD))

    assert discrepancies.clean
    assert dict.fromkeys(COUNTS, 0) | {"disagreements": []} == discrepancies.as_dict()


@pytest.mark.parametrize(
    ("count", "changed"),
    [
        ("acknowledged_webhooks_lost", {"webhooks": {}}),
        ("generations_lost", {"generations": [], "webhooks": {"gen_1": 1}}),
        ("generations_lost", {"generations": [ROW | {"status": "expired", "failure_code": "deadline_passed"}]}),
        ("generations_lost", {"generations": [ROW | {"status": "submitted"}]}),
        ("closing_events_doubled", {"events": [EVENT, EVENT | {"id": "evt_2"}], "delivered": [EVENT] * 2}),
        ("closing_events_doubled", {"delivered": [EVENT, EVENT | {"id": "evt_2", "type": "generation.failed"}]}),
        ("provider_jobs_doubled", {"jobs": [JOB | {"submits": 2}]}),
        ("deliveries_lost", {"delivered": []}),
        ("webhooks_answered_500", {"jobs": [JOB | {"webhooks": JOB["webhooks"] | {"answers": {"500": 1}}}]}),
    ],
)
def test_each_loss_and_each_double_is_counted(count, changed):
    counts = at_rest(Accounts(**(GOOD | changed))).counts

    assert 1 == counts[count]


def test_only_a_death_excuses_a_submission_that_nobody_confirmed():
    unknown = ROW | {"status": "expired", "failure_code": "submission_unknown"}
    silent = JOB | {"webhooks": JOB["webhooks"] | {"answered_2xx": 0}}
    accounts = GOOD | {"generations": [unknown], "webhooks": {}, "events": [], "delivered": []}

    assert at_rest(Accounts(**(accounts | {"jobs": [silent]}))).clean
    assert {"generations_lost": 1} == at_rest(Accounts(**(accounts | {"jobs": [silent]})), NO_EXCUSE).counts
    assert 1 == at_rest(Accounts(**(accounts | {"webhooks": {"gen_1": 1}}))).counts["generations_lost"]


@pytest.mark.parametrize(("excuse", "code"), [(Excuse.PAUSE, "submission_unknown"), (Excuse.OUTAGE, "deadline_passed")])
def test_what_nobody_submitted_is_excused_only_where_that_can_be(excuse, code):
    row = ROW | {"status": "expired", "failure_code": code}
    silent = JOB | {"webhooks": JOB["webhooks"] | {"answered_2xx": 0}}
    unsubmitted = GOOD | {"generations": [row], "jobs": [], "webhooks": {}, "events": [], "delivered": []}

    refused = JOB | {"submits": 0, "refused": 1, "outcome": "failed", "webhooks": silent["webhooks"]}
    later, never = ({"jobs": [refused | {"refused_with": {"http_status": status}}]} for status in (429, 402))

    assert at_rest(Accounts(**unsubmitted), frozenset({excuse})).clean
    assert at_rest(Accounts(**(unsubmitted | later)), frozenset({excuse})).clean
    assert {"generations_lost": 1} == at_rest(Accounts(**(unsubmitted | never)), frozenset({excuse})).counts
    assert {"generations_lost": 1} == at_rest(Accounts(**unsubmitted), NO_EXCUSE).counts
    assert {"generations_lost": 1} == at_rest(
        Accounts(**(unsubmitted | {"jobs": [silent]})), frozenset({excuse})
    ).counts


def test_a_webhook_that_nobody_can_read_confirms_no_submission():
    unknown = ROW | {"status": "expired", "failure_code": "submission_unknown"}
    order = dataclasses.replace(ORDER, unread=1)
    accounts = GOOD | {"generations": [unknown], "accepted": [Accepted(id="gen_1", ref="a", order=order)]}

    assert at_rest(Accounts(**accounts)).clean


def test_what_is_under_way_is_no_loss_yet():
    accounts = GOOD | {"generations": [ROW | {"status": "submitted"}], "events": [], "delivered": []}

    assert at_once(Accounts(**accounts)).clean
    assert {"generations_lost": 1} == at_once(Accounts(**(accounts | {"generations": []}))).counts


def test_what_is_found_again_is_counted_once():
    discrepancies = Discrepancies()
    for _ in range(2):
        discrepancies.join(at_once(Accounts(**(GOOD | {"webhooks": {}}))))
    discrepancies.say("something else")

    assert {"acknowledged_webhooks_lost": 1, "other": 1} == discrepancies.counts
    words = discrepancies.as_dict()["disagreements"]
    assert ["a: 1 webhooks were answered 200, 0 are stored", "something else"] == words


def test_webhooks_of_what_was_ordered_together_may_stand_under_any_of_it():
    order = Order(key="a", provider="eachlabs", route="workflows", body={"inputs": []}, refs=("a", "b"))
    accepted = [Accepted(id="gen_1", ref="a", order=order), Accepted(id="gen_2", ref="b", order=order)]
    jobs = [JOB, JOB | {"ref": "b"}]
    rows = [ROW, ROW | {"id": "gen_2"}]

    together: dict[str, Any] = {"accepted": accepted, "jobs": jobs, "generations": rows}
    assert at_once(Accounts(**together, webhooks={"gen_1": 2})).clean
    assert {"acknowledged_webhooks_lost": 1} == at_once(Accounts(**together, webhooks={"gen_1": 1})).counts
