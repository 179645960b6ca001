"""The comparison itself: it must see every way in which three accounts can disagree."""

from copy import deepcopy

import pytest

from arrivals.lab.demo.audit import Accounts, compare
from arrivals.lab.demo.scenario import Ordered, plan

JOB = {
    "provider": "runblob", "route": "gemini", "ref": "r1", "external_id": "x", "submits": 1, "refused": 0,
    "ends_at": 1_790_000_000.0, "outcome": "completed", "code": None, "has_output": True, "refused_with": None,
    "answer_cut": False, "polls": 1,
    "webhooks": {"sent": 1, "answered_2xx": 1, "forged_sent": 0},
}  # fmt: skip
GENERATION = {
    "id": "gen_1", "provider": "runblob", "status": "completed", "failure": None, "metadata": {"ref": "r1"},
    "learned_from": "webhook", "verified_by": "poll", "closed_at": "2026-09-21T14:13:23.500Z",
}  # fmt: skip
EVENT = {"id": "evt_1", "type": "generation.completed", "data": {"generation": {"id": "gen_1", "provider": "runblob"}}}
FAILURE = {"code": "content_policy", "provider_code": "MODERATION_FAILED"}


def accounts(**changed):
    facts = {
        "orders": [Ordered(ref="r1", provider="runblob", route="gemini", body={})],
        "generations": [deepcopy(GENERATION)],
        "events": [EVENT],
        "webhooks": [
            {"provider": "runblob", "finding": "held", "quarantined_at": None, "unreadable_reason": None, "repeats": 0}
        ],
        "subscriber": {
            "events": [{"door": "events", "event": EVENT}],
            "verified": 1,
            "unverified": 0,
            "refused_once": 0,
        },
        "record": {"jobs": [deepcopy(JOB)], "keys_leaked": 0, "unknown_paths": []},
        "conflicts": {},
    }
    return Accounts(**{**facts, **changed})


def test_three_accounts_that_tell_the_same_agree():
    summary = compare(accounts())

    assert [] == summary.disagreements
    assert (1, 0, 0, 0) == tuple(
        summary.figures[name] for name in ("closed", "lost", "closed_twice", "double_submissions")
    )


def test_how_soon_results_are_known_is_counted_from_the_true_end():
    assert {"p50": 3.5, "p95": 3.5} == compare(accounts()).figures["known_after_s"]
    unknown = [{**deepcopy(GENERATION), "learned_from": "submit"}]
    assert {"p50": None, "p95": None} == compare(accounts(generations=unknown)).figures["known_after_s"]


def record(**changed):
    return {"jobs": [{**deepcopy(JOB), **changed}], "keys_leaked": 0, "unknown_paths": []}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"generations": []}, "does not know it"),
        ({"record": record(outcome="failed", code="TIMEOUT")}, "truly ('failed', 'TIMEOUT')"),
        ({"record": record(has_output=False)}, "output_missing"),
        ({"record": record(submits=2)}, "1 submissions were made twice"),
        ({"record": record(submits=0)}, "truly ('failed', None)"),
        ({"record": {"jobs": [], "keys_leaked": 0, "unknown_paths": []}}, "never submitted"),
        ({"record": {**record(), "keys_leaked": 3}}, "3 requests carried a key"),
        ({"record": {**record(), "unknown_paths": ["GET /x"]}}, "do not know"),
        ({"subscriber": {"events": [], "verified": 0, "unverified": 0, "refused_once": 0}}, "was told []"),
        ({"subscriber": {**accounts().subscriber, "unverified": 1}}, "could not be verified"),
        ({"events": []}, "did not reach"),
        (
            {"generations": [{**GENERATION, "status": "failed", "failure": FAILURE}]},
            "the service says ('failed', 'MODERATION_FAILED')",
        ),
        ({"generations": [{**GENERATION, "status": "expired", "failure": None}]}, "the service says ('expired', None)"),
    ],
    ids=range(13),
)  # fmt: skip
def test_every_disagreement_is_seen(changed, says):
    changes = (
        changed if "events" not in changed else {**changed, "events": [*changed["events"], {**EVENT, "id": "evt_2"}]}
    )

    assert says in " ".join(compare(accounts(**changes)).disagreements)


def test_a_second_closing_event_is_counted():
    again = {"door": "events", "event": {**EVENT, "id": "evt_2"}}
    subscriber = {**accounts().subscriber, "events": [*accounts().subscriber["events"], again]}

    summary = compare(accounts(subscriber=subscriber, events=[EVENT, again["event"]]))

    assert (1, False) == (summary.figures["closed_twice"], summary.agreed)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_plan_covers_every_route_and_repeats_by_its_seed(seed):
    def made():
        return plan(seed, lose_webhooks=False, callback_url="http://127.0.0.1:1/x")

    orders = made()

    assert made() == orders
    assert len(orders) >= 60
    assert 32 == len({(order.provider, order.route) for order in orders})
    assert len(orders) == len({order.ref for order in orders})
