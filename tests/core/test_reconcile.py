"""The machine: what every observation means, and that no sequence of them ever closes a generation twice."""

from itertools import product
from typing import Any

from msgspec.structs import replace
import pytest

from arrivals.core.event import EventType, public
from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import CLOSED, Cost, Origin, Output, Status, VerifiedBy
from arrivals.core.observation import Finding
from arrivals.core.reconcile import MEETINGS, Verdict, reconcile
from tests.support.factories import AT, HOLD_UNTIL, OUTPUT, REASON, clock, generation, held, hinted, seen

LADDER = (Status.PENDING, Status.SUBMITTING, Status.SUBMITTED, Status.PROCESSING)
PROVIDERS_WORDS = [status for status in Status if status is not Status.EXPIRED]
CLOSING_EVENTS = {EventType.COMPLETED, EventType.FAILED, EventType.CANCELED}
NO_REASON = make_failure(FailureCode.PROVIDER_ERROR, origin="webhook")


def promised(current, heard):
    """The table in four sentences."""
    if current is heard:
        return Finding.REPEATED
    if current in CLOSED:  # nothing moves it; another end contradicts it
        return Finding.CONFLICTING if heard in CLOSED else Finding.STALE
    if current is Status.EXPIRED:  # only a provider's own closing word may still come
        return Finding.ADVANCED if heard in CLOSED else Finding.STALE
    if heard in LADDER:  # open: upward only
        return Finding.ADVANCED if LADDER.index(heard) > LADDER.index(current) else Finding.STALE
    return Finding.ADVANCED


@pytest.mark.parametrize("current", Status)
def test_row_of_the_table_is_as_promised(current):
    assert {heard: promised(current, heard) for heard in Status} == MEETINGS[current]


def test_table_is_total():
    assert [(current, set(Status)) for current in Status] == [(current, set(MEETINGS[current])) for current in Status]


@pytest.mark.parametrize(("current", "heard"), [*product(Status, PROVIDERS_WORDS)], ids=str)
def test_whole_believed_word_is_found_to_be_what_the_table_says(current, heard):
    verdict = reconcile(generation(current), seen(heard))

    assert MEETINGS[current][heard] is verdict.finding
    moved = verdict.finding is Finding.ADVANCED
    assert (heard if moved else current) is verdict.generation.status
    assert bool(verdict.announce) == (moved and heard in CLOSED | {Status.PROCESSING})


@pytest.mark.parametrize("current", Status)
def test_clock_expires_only_what_is_open(current):
    verdict = reconcile(generation(current), clock())

    assert MEETINGS[current][Status.EXPIRED] is verdict.finding
    assert (EventType.EXPIRED if current in LADDER else None) is verdict.announce


# ---------------------------------------------------------------- closing


def test_completion_closes_with_all_it_said():
    cost, output = Cost(amount="0.05"), Output(kind="video", url="https://cdn.test/a.mp4")
    fields = {"outputs": (output,), "cost": cost, "provider_status": "success", "queue_position": None}

    verdict = reconcile(generation(Status.PROCESSING, progress=0.4, queue_position=3), seen(Status.COMPLETED, **fields))

    expected = generation(
        Status.COMPLETED,
        outputs=(output,),
        cost=cost,
        provider_status="success",
        progress=1.0,
        learned_from=Origin.POLL,
        verified_by=VerifiedBy.POLL,
        closed_at=AT,
    )
    assert Verdict(finding=Finding.ADVANCED, generation=expected, announce=EventType.COMPLETED) == verdict


def test_failure_closes_with_its_reason_and_without_outputs():
    verdict = reconcile(generation(progress=0.4), seen(Status.FAILED, outputs=(OUTPUT,)))

    expected = generation(
        Status.FAILED,
        failure=REASON,
        progress=0.4,
        learned_from=Origin.POLL,
        verified_by=VerifiedBy.POLL,
        closed_at=AT,
    )
    assert Verdict(finding=Finding.ADVANCED, generation=expected, announce=EventType.FAILED) == verdict


def test_failure_nobody_explains_is_the_providers():
    verdict = reconcile(generation(), seen(Status.FAILED, failure=None))

    assert make_failure(FailureCode.PROVIDER_ERROR, origin=Origin.POLL) == verdict.generation.failure


def test_cancellation_closes_without_a_failure():
    verdict = reconcile(generation(), seen(Status.CANCELED))

    assert (Status.CANCELED, None, EventType.CANCELED) == (
        verdict.generation.status,
        verdict.generation.failure,
        verdict.announce,
    )


def test_webhook_that_overtakes_its_submit_answer_closes_and_teaches_the_id():
    current = generation(Status.SUBMITTING, external_id=None)

    verdict = reconcile(current, seen(Status.COMPLETED, Origin.WEBHOOK, external_id="ext-9"))

    assert (Status.COMPLETED, "ext-9") == (verdict.generation.status, verdict.generation.external_id)


def test_submit_answer_after_the_end_is_stale_and_adds_its_id():
    closed = generation(Status.COMPLETED, external_id=None, outputs=(OUTPUT,))

    verdict = reconcile(closed, seen(Status.SUBMITTED, Origin.SUBMIT, external_id="ext-9"))

    assert Verdict(finding=Finding.ENRICHED, generation=replace(closed, external_id="ext-9")) == verdict


# ---------------------------------------------------------------- late


@pytest.mark.parametrize("status", sorted(CLOSED))
def test_word_after_the_deadline_closes_once_and_says_so(status):
    expired = reconcile(generation(), clock()).generation

    verdict = reconcile(expired, seen(status))

    assert (Finding.ADVANCED, status, True) == (verdict.finding, verdict.generation.status, verdict.generation.late)
    assert (REASON if status is Status.FAILED else None) == verdict.generation.failure


def test_word_in_time_is_not_late():
    assert not reconcile(generation(), seen(Status.COMPLETED)).generation.late


def test_expired_says_why_and_is_learned_from_the_clock():
    expired = reconcile(generation(held=held(believed=False)), clock()).generation

    assert (FailureCode.DEADLINE_PASSED, Origin.CLOCK, None) == (
        expired.failure.code,
        expired.learned_from,
        expired.held,
    )


def test_running_after_the_deadline_is_stale():
    expired = reconcile(generation(), clock()).generation

    assert Verdict(finding=Finding.STALE, generation=expired) == reconcile(
        expired, seen(Status.PROCESSING, progress=0.9)
    )


def test_stale_word_turns_nothing_back():
    current = generation(Status.PROCESSING, progress=0.5, provider_status="running")

    verdict = reconcile(current, seen(Status.SUBMITTED, progress=0.0, queue_position=9, provider_status="queued"))

    assert Verdict(finding=Finding.STALE, generation=current) == verdict


def test_stale_word_adds_what_nobody_has_told():
    """The submit answer comes after the webhook that it runs."""
    current = generation(Status.PROCESSING, external_id=None)
    facts = {"external_id": "ext-1", "cost": Cost(amount="0.05"), "provider_details": {"queue": "fast"}}

    verdict = reconcile(current, seen(Status.SUBMITTED, Origin.SUBMIT, **facts))

    assert Verdict(finding=Finding.ENRICHED, generation=replace(current, **facts)) == verdict


# ---------------------------------------------------------------- another external id


@pytest.mark.parametrize("believed", [True, False])
@pytest.mark.parametrize("status", [None, Status.PROCESSING, Status.COMPLETED])
def test_webhook_about_another_piece_of_work_is_conflicting(believed, status):
    current = generation()

    verdict = reconcile(current, seen(status, Origin.WEBHOOK, believed=believed, external_id="ext-2"))

    assert Verdict(finding=Finding.CONFLICTING, generation=current) == verdict


@pytest.mark.parametrize("named", ["EXT-1", " ext-1\n"])
def test_id_that_is_spelled_otherwise_is_the_same(named):
    verdict = reconcile(generation(), seen(Status.COMPLETED, Origin.WEBHOOK, external_id=named))

    assert (Finding.ADVANCED, "ext-1") == (verdict.finding, verdict.generation.external_id)


@pytest.mark.parametrize("origin", [Origin.POLL, Origin.STREAM])
def test_answer_to_a_question_of_ours_is_about_what_was_asked(origin):
    """A gateway answers with the id of whoever works for it; the address that was asked is the authority."""
    verdict = reconcile(generation(), seen(Status.COMPLETED, origin, external_id="upstream-7"))

    assert (Finding.ADVANCED, "ext-1") == (verdict.finding, verdict.generation.external_id)


def test_submit_answer_is_the_authority_on_the_id():
    """A forged hint that came first cannot make us ask about somebody else's work for good."""
    current = reconcile(generation(Status.SUBMITTING, external_id=None), hinted(Status.COMPLETED, external_id="forged"))

    verdict = reconcile(current.generation, seen(Status.SUBMITTED, Origin.SUBMIT, external_id="ext-1"))

    assert (Finding.ADVANCED, "ext-1") == (verdict.finding, verdict.generation.external_id)


@pytest.mark.parametrize("named", [None, "ext-1"])
def test_id_that_agrees_or_is_left_out_is_no_conflict(named):
    assert Finding.ADVANCED is reconcile(generation(), seen(Status.COMPLETED, external_id=named)).finding


# ---------------------------------------------------------------- words nobody knows


def test_unknown_word_is_held_and_kept():
    verdict = reconcile(generation(), seen(None, provider_status="pondering", progress=0.2))

    expected = generation(provider_status="pondering", progress=0.2)
    assert Verdict(finding=Finding.HELD, generation=expected) == verdict


def test_unknown_word_of_a_hint_changes_nothing():
    assert Verdict(finding=Finding.HELD, generation=generation()) == reconcile(
        generation(), hinted(None, provider_status="pondering")
    )


@pytest.mark.parametrize("status", sorted(CLOSED))
def test_unknown_word_after_the_end_is_stale(status):
    current = generation(status)

    assert Verdict(finding=Finding.STALE, generation=current) == reconcile(
        current, seen(None, provider_status="pondering")
    )


# ---------------------------------------------------------------- hints


@pytest.mark.parametrize("current", [*LADDER, Status.EXPIRED])
@pytest.mark.parametrize("status", sorted(CLOSED))
def test_hint_never_closes(current, status):
    """Nothing authenticates it: it makes us ask, and is remembered."""
    verdict = reconcile(generation(current), hinted(status))

    assert (Finding.HELD, current, None) == (verdict.finding, verdict.generation.status, verdict.announce)
    assert (status, False) == (verdict.generation.held.status, verdict.generation.held.believed)


def test_hint_that_it_runs_moves_nothing_and_lends_its_id():
    verdict = reconcile(generation(external_id=None), hinted(Status.PROCESSING, external_id="ext-9", progress=0.5))

    lent = generation(external_id="ext-9", external_id_hinted=True)
    assert Verdict(finding=Finding.HELD, generation=lent) == verdict
    assert public(generation(external_id=None)) == public(lent)


def test_poll_confirms_an_id_that_a_hint_lent():
    lent = generation(external_id="ext-9", external_id_hinted=True)

    confirmed = reconcile(lent, seen(Status.PROCESSING, external_id="upstream-7")).generation

    assert ("ext-9", False) == (confirmed.external_id, confirmed.external_id_hinted)


def test_believed_webhook_puts_its_id_over_one_that_a_hint_lent():
    lent = generation(external_id="forged", external_id_hinted=True)

    current = reconcile(lent, seen(Status.PROCESSING, Origin.WEBHOOK, external_id="ext-1")).generation

    assert ("ext-1", False) == (current.external_id, current.external_id_hinted)


def test_later_hint_lends_another_id():
    lent = generation(external_id="forged", external_id_hinted=True)

    current = reconcile(lent, hinted(Status.PROCESSING, external_id="ext-1")).generation

    assert ("ext-1", True) == (current.external_id, current.external_id_hinted)


def test_hint_that_is_no_news_changes_nothing():
    current = generation(Status.PROCESSING)

    assert Verdict(finding=Finding.REPEATED, generation=current) == reconcile(current, hinted(Status.PROCESSING))
    assert Verdict(finding=Finding.STALE, generation=current) == reconcile(current, hinted(Status.SUBMITTED))


def test_poll_confirms_a_hint_and_keeps_the_reason_that_only_the_hint_had():
    """RunBlob tells the code of a failure only in its unsigned webhook; the poll says no more than that it failed."""
    reason = make_failure(FailureCode.CONTENT_POLICY, "CONTENT_POLICY_VIOLATION", origin="webhook", billed=False)
    reason = replace(reason, provider_code="CONTENT_POLICY_VIOLATION")
    hint = reconcile(generation(), hinted(Status.FAILED, failure=reason)).generation

    verdict = reconcile(hint, seen(Status.FAILED, failure=NO_REASON, awaits_detail=True))

    closed = verdict.generation
    assert (Finding.ADVANCED, EventType.FAILED) == (verdict.finding, verdict.announce)
    assert (FailureCode.CONTENT_POLICY, "CONTENT_POLICY_VIOLATION") == (
        closed.failure.code,
        closed.failure.provider_code,
    )
    assert (Origin.WEBHOOK, VerifiedBy.POLL) == (closed.learned_from, closed.verified_by)


def test_hint_without_a_code_leaves_a_poll_without_a_code_waiting():
    hint = reconcile(generation(), hinted(Status.FAILED, failure=NO_REASON)).generation

    verdict = reconcile(hint, seen(Status.FAILED, failure=NO_REASON, awaits_detail=True))

    waiting = verdict.generation.held
    assert (Finding.HELD, True, Origin.WEBHOOK) == (verdict.finding, waiting.believed, waiting.origin)


def test_poll_that_contradicts_a_hint_is_believed_alone():
    hint = reconcile(generation(), hinted(Status.FAILED)).generation

    closed = reconcile(hint, seen(Status.COMPLETED)).generation

    assert (Status.COMPLETED, None, Origin.POLL, None) == (
        closed.status,
        closed.failure,
        closed.learned_from,
        closed.held,
    )


def test_hint_gives_a_held_failure_its_missing_reason():
    """The poll came first and had no code; the webhook's code comes second, and the next poll closes with it."""
    waiting = reconcile(generation(), seen(Status.FAILED, failure=NO_REASON, awaits_detail=True)).generation
    reason = replace(REASON, provider_code="CONTENT_POLICY_VIOLATION")

    hint = reconcile(waiting, hinted(Status.FAILED, failure=reason))
    closed = reconcile(hint.generation, seen(Status.FAILED, failure=NO_REASON, awaits_detail=True)).generation

    assert (Finding.HELD, True) == (hint.finding, hint.generation.held.believed)
    assert (Status.FAILED, "CONTENT_POLICY_VIOLATION") == (closed.status, closed.failure.provider_code)


@pytest.mark.parametrize("hint", [hinted(Status.COMPLETED), hinted(Status.FAILED, failure=None)])
def test_hint_that_has_nothing_to_add_leaves_testimony_as_it_is(hint):
    waiting = reconcile(generation(), seen(Status.FAILED, failure=NO_REASON, awaits_detail=True)).generation

    assert Verdict(finding=Finding.HELD, generation=waiting) == reconcile(waiting, hint)


def test_hint_cannot_give_a_reason_to_a_completion_that_waits():
    waiting = reconcile(generation(), seen(Status.COMPLETED, outputs=())).generation

    assert Verdict(finding=Finding.HELD, generation=waiting) == reconcile(waiting, hinted(Status.COMPLETED))


# ---------------------------------------------------------------- closing words that lack what they promise


LACKING: dict[str, tuple[Status, dict[str, Any]]] = {
    "completed without output": (Status.COMPLETED, {"outputs": ()}),
    "failed without reason": (Status.FAILED, {"failure": NO_REASON, "awaits_detail": True}),
    "failed without anything": (Status.FAILED, {"failure": None, "awaits_detail": True}),
}


@pytest.mark.parametrize("lacking", LACKING)
def test_closing_word_that_lacks_its_promise_is_held(lacking):
    status, fields = LACKING[lacking]

    verdict = reconcile(generation(), seen(status, Origin.WEBHOOK, verified_by=VerifiedBy.SECRET, **fields))

    assert (
        Verdict(finding=Finding.HELD, generation=generation(held=held(status, failure=fields.get("failure"))))
        == verdict
    )


def test_further_lacking_words_do_not_lengthen_the_wait():
    first = reconcile(generation(), seen(Status.COMPLETED, outputs=())).generation

    second = reconcile(first, replace(seen(Status.COMPLETED, outputs=(), at=AT + 1), hold_until=HOLD_UNTIL + 10))

    assert Verdict(finding=Finding.HELD, generation=first) == second


@pytest.mark.parametrize(
    ("waiting", "word", "status"),
    [
        (held(Status.COMPLETED), seen(Status.COMPLETED), Status.COMPLETED),
        (held(Status.FAILED, failure=NO_REASON), seen(Status.FAILED), Status.FAILED),
        (held(Status.FAILED, failure=NO_REASON), seen(Status.COMPLETED), Status.COMPLETED),
        (held(Status.COMPLETED), seen(Status.CANCELED), Status.CANCELED),
    ],
)
def test_whole_word_ends_the_wait(waiting, word, status):
    verdict = reconcile(generation(held=waiting), word)

    assert (Finding.ADVANCED, status, None) == (verdict.finding, verdict.generation.status, verdict.generation.held)


def test_detail_that_only_the_held_word_had_is_kept():
    first = replace(NO_REASON, trace_id="t-1", billed=False)

    closed = reconcile(generation(held=held(failure=first)), seen(Status.FAILED)).generation

    assert (REASON.code, "t-1", False) == (closed.failure.code, closed.failure.trace_id, closed.failure.billed)
    assert (Origin.WEBHOOK, VerifiedBy.POLL) == (closed.learned_from, closed.verified_by)


def test_other_lacking_word_takes_the_place_of_a_held_one():
    verdict = reconcile(generation(held=held(failure=NO_REASON)), seen(Status.COMPLETED, outputs=()))

    assert (Finding.HELD, Status.COMPLETED, None) == (
        verdict.finding,
        verdict.generation.held.status,
        verdict.generation.held.failure,
    )


def test_word_that_runs_on_does_not_forget_the_held_one():
    waiting = generation(held=held(failure=NO_REASON))

    verdict = reconcile(waiting, seen(Status.PROCESSING))

    assert (Finding.ADVANCED, waiting.held) == (verdict.finding, verdict.generation.held)


@pytest.mark.parametrize("at", [HOLD_UNTIL, HOLD_UNTIL + 1])
def test_lacking_word_after_the_wait_is_taken_as_it_stands(at):
    waiting = generation(held=held(failure=NO_REASON))

    verdict = reconcile(waiting, seen(Status.FAILED, failure=NO_REASON, awaits_detail=True, at=at))

    assert (Finding.ADVANCED, NO_REASON) == (verdict.finding, verdict.generation.failure)


def test_hint_that_waited_does_not_end_the_wait():
    """Only testimony ages into an end; the first believed word begins the wait anew."""
    waiting = generation(held=held(failure=NO_REASON, believed=False))

    verdict = reconcile(waiting, seen(Status.FAILED, failure=NO_REASON, awaits_detail=True, at=HOLD_UNTIL + 1))

    assert (Finding.HELD, True) == (verdict.finding, verdict.generation.held.believed)


def test_clock_takes_held_testimony_as_it_stands():
    waiting = generation(held=held(failure=NO_REASON))

    verdict = reconcile(waiting, clock(at=HOLD_UNTIL))

    closed = verdict.generation
    assert (Finding.ADVANCED, EventType.FAILED) == (verdict.finding, verdict.announce)
    assert (Status.FAILED, NO_REASON, Origin.WEBHOOK, VerifiedBy.SECRET, HOLD_UNTIL, None) == (
        closed.status,
        closed.failure,
        closed.learned_from,
        closed.verified_by,
        closed.closed_at,
        closed.held,
    )


def test_completion_without_any_output_after_the_wait_is_a_failure():
    verdict = reconcile(generation(held=held(Status.COMPLETED)), clock(at=HOLD_UNTIL))

    assert EventType.FAILED is verdict.announce
    assert make_failure(FailureCode.OUTPUT_MISSING, origin=Origin.WEBHOOK) == verdict.generation.failure


def test_clock_takes_testimony_that_was_held_after_the_deadline_and_calls_it_late():
    expired = reconcile(generation(), clock()).generation
    waiting = reconcile(expired, seen(Status.FAILED, failure=NO_REASON, awaits_detail=True)).generation

    verdict = reconcile(waiting, clock())

    assert (EventType.FAILED, True) == (verdict.announce, verdict.generation.late)


# ---------------------------------------------------------------- after the end


def test_repeated_failure_enriches_what_was_announced_and_announces_nothing():
    closed = generation(Status.FAILED, failure=NO_REASON, closed_at=AT)
    reason = replace(REASON, provider_code="CONTENT_POLICY_VIOLATION")

    verdict = reconcile(closed, hinted(Status.FAILED, failure=reason))

    expected = replace(closed, failure=NO_REASON.filled_from(reason))
    assert Verdict(finding=Finding.ENRICHED, generation=expected) == verdict
    assert "CONTENT_POLICY_VIOLATION" == verdict.generation.failure.provider_code


def test_cost_that_comes_later_is_added_once():
    closed, cost = generation(Status.COMPLETED, outputs=(OUTPUT,)), Cost(amount="0.05")

    enriched = reconcile(closed, seen(Status.COMPLETED, cost=cost))
    again = reconcile(enriched.generation, seen(Status.COMPLETED, cost=Cost(amount="9.99")))

    assert Verdict(finding=Finding.ENRICHED, generation=replace(closed, cost=cost)) == enriched
    assert Verdict(finding=Finding.REPEATED, generation=enriched.generation) == again


@pytest.mark.parametrize("status", sorted(CLOSED))
def test_contradiction_changes_nothing(status):
    for other in CLOSED - {status}:
        current = generation(status)

        assert Verdict(finding=Finding.CONFLICTING, generation=current) == reconcile(
            current, seen(other, cost=Cost(amount="1"), provider_status="other")
        )


def test_failure_does_not_explain_a_cancellation():
    canceled = generation(Status.CANCELED)

    assert Verdict(finding=Finding.REPEATED, generation=canceled) == reconcile(
        canceled, seen(Status.CANCELED, failure=REASON)
    )


# ---------------------------------------------------------------- detail


def test_detail_is_never_forgotten_because_a_later_answer_leaves_it_out():
    current = generation(Status.PROCESSING, provider_status="running", progress=0.4, cost=Cost(amount="1"))

    verdict = reconcile(replace(current, queue_position=2), seen(Status.PROCESSING))

    assert Verdict(finding=Finding.REPEATED, generation=current) == verdict


def test_progress_that_starts_at_nothing_is_progress():
    assert 0.0 == reconcile(generation(progress=0.4), seen(Status.PROCESSING, progress=0.0)).generation.progress


# ---------------------------------------------------------------- promise 2

ALPHABET = {
    "submitted": seen(Status.SUBMITTED, Origin.SUBMIT, external_id="ext-1"),
    "processing": seen(Status.PROCESSING),
    "completed": seen(Status.COMPLETED, Origin.WEBHOOK, external_id="ext-1"),
    "completed without output": seen(Status.COMPLETED, outputs=()),
    "failed": seen(Status.FAILED),
    "failed, reason to come": seen(Status.FAILED, failure=NO_REASON, awaits_detail=True),
    "failed, reason to come, after the wait": seen(Status.FAILED, failure=NO_REASON, awaits_detail=True, at=HOLD_UNTIL),
    "canceled": seen(Status.CANCELED),
    "hint that it completed": hinted(Status.COMPLETED),
    "hint that it failed, with its code": hinted(Status.FAILED, failure=replace(REASON, provider_code="CODE")),
    "clock": clock(),
    "clock, before the deadline": clock(at=AT),
    "unknown word": seen(None, provider_status="pondering"),
    "another external id": seen(Status.COMPLETED, Origin.WEBHOOK, external_id="ext-2"),
}
LENGTH = 6
# Announcements come in this order, one of each at most.
ORDER = {EventType.PROCESSING: 0, EventType.EXPIRED: 1} | dict.fromkeys(CLOSING_EVENTS, 2)


@pytest.mark.parametrize("status", LADDER)
@pytest.mark.parametrize("external_id", [None, "ext-1"])
def test_no_sequence_of_observations_closes_twice(status, external_id):
    """At most one closing word is announced, nothing after it, and at most one expiry, before it.

    These are all 14 + 14² + … + 14⁶ sequences, though few are played: `reconcile` answers from the generation and the
    observation alone, so two sequences that led to the same generation with the same announcements behind it have the
    same futures, and one of them stands for both.
    """
    reached = {(hashable(status, external_id), ())}
    for _ in range(LENGTH):
        reached = {step(current, announced, word) for current, announced in reached for word in ALPHABET.values()}

        assert [] == [announced for _, announced in reached if not is_promised(announced)]
        assert [] == [
            (current, announced)
            for current, announced in reached
            if current.closed != bool(CLOSING_EVENTS & set(announced))
        ]


def test_one_sequence_stands_for_all_that_led_to_the_same():
    """What the test above rests on, played out in full where that is short: every sequence of three."""
    together = {(hashable(Status.SUBMITTING, None), ())}
    for _ in range(3):
        together = {step(current, announced, word) for current, announced in together for word in ALPHABET.values()}
    apart = set()
    for words in product(ALPHABET.values(), repeat=3):
        state = (hashable(Status.SUBMITTING, None), ())
        for word in words:
            state = step(*state, word)
        apart.add(state)

    assert together == apart


def hashable(status, external_id):
    """A generation that can stand in a set: its metadata, which is no concern of the machine, is no dict."""
    return generation(status, external_id=external_id, metadata=())


def step(current, announced, word):
    """The state after one more observation. What was announced of a closed generation must not move."""
    verdict = reconcile(current, word)
    if current.closed:
        assert what_was_announced(current) == what_was_announced(verdict.generation)
    return verdict.generation, announced + ((verdict.announce,) if verdict.announce else ())


def what_was_announced(closed):
    return closed.status, closed.outputs, closed.closed_at, closed.late, closed.learned_from, closed.verified_by


def is_promised(announced):
    places = [ORDER[event] for event in announced]
    return places == sorted(set(places))


def test_hint_after_the_end_adds_no_cost_and_no_id():
    """Only the reason of the same failure is taken from somebody whom nothing authenticates."""
    current = generation(Status.COMPLETED, external_id=None, outputs=(OUTPUT,))

    verdict = reconcile(current, hinted(Status.COMPLETED, external_id="ext-9", cost=Cost(amount="9.99")))

    assert (Finding.REPEATED, current) == (verdict.finding, verdict.generation)


def test_failure_without_a_word_keeps_the_reason_of_the_hint():
    current = generation(held=held(Status.FAILED, believed=False, failure=REASON))

    verdict = reconcile(current, seen(Status.FAILED, failure=None))

    assert (Status.FAILED, REASON) == (verdict.generation.status, verdict.generation.failure)


def test_clock_that_was_asked_too_early_is_stale():
    """The submission was answered, or its wait made longer, between the clock's question and its word."""
    current = generation(Status.SUBMITTED)

    assert Verdict(finding=Finding.STALE, generation=current) == reconcile(current, clock(at=AT))


# ---------------------------------------------------------------- nothing to ask by


@pytest.mark.parametrize(
    ("status", "webhook_expected"),
    [
        (Status.SUBMITTING, False),
        (Status.SUBMITTING, True),
        (Status.SUBMITTED, False),
        (Status.PROCESSING, False),
    ],
)
def test_clock_ends_what_cannot_be_asked_about_before_its_deadline(status, webhook_expected):
    """Its submission was never answered; or its stream broke off, had named nothing, and nobody will call."""
    current = generation(status, external_id=None, webhook_expected=webhook_expected, held=held(believed=False))

    expiry = clock(AT, FailureCode.DEADLINE_PASSED if status is Status.SUBMITTING else FailureCode.RESULT_LOST)

    verdict = reconcile(current, expiry)

    expected = generation(
        Status.EXPIRED,
        external_id=None,
        webhook_expected=webhook_expected,
        failure=expiry.reading.failure,
        learned_from=Origin.CLOCK,
    )
    assert Verdict(finding=Finding.ADVANCED, generation=expected, announce=EventType.EXPIRED) == verdict


@pytest.mark.parametrize(
    "current",
    [
        generation(Status.PENDING, external_id=None),
        generation(Status.SUBMITTING),
        generation(Status.SUBMITTED),
        generation(Status.PROCESSING),
        generation(Status.SUBMITTED, external_id=None, webhook_expected=True),
        generation(Status.PROCESSING, external_id=None, webhook_expected=True),
        generation(Status.COMPLETED, external_id=None),
        generation(Status.FAILED, external_id=None),
        generation(Status.CANCELED, external_id=None),
        generation(Status.EXPIRED, external_id=None),
    ],
    ids=lambda current: f"{current.status}-{current.external_id}-{current.webhook_expected}",
)
@pytest.mark.parametrize("code", [FailureCode.DEADLINE_PASSED, FailureCode.RESULT_LOST])
def test_clock_leaves_alone_what_can_be_asked_about_or_will_be_told(current, code):
    """Or waits for its turn, or has ended already."""
    assert Verdict(finding=Finding.STALE, generation=current) == reconcile(current, clock(AT, code))


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.PROCESSING])
def test_clock_that_asked_before_a_stream_was_accepted_ends_nothing(status):
    current = generation(status, external_id=None)

    assert Finding.STALE is reconcile(current, clock(AT, FailureCode.SUBMISSION_UNKNOWN)).finding


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.PROCESSING])
def test_testimony_of_a_broken_stream_is_waited_for_and_then_taken(status):
    """It said how it ended and not all that this promises; that beats saying that nobody told us."""
    current = generation(status, external_id=None, held=held(failure=REASON))

    assert Finding.STALE is reconcile(current, clock(at=HOLD_UNTIL - 1)).finding
    assert EventType.FAILED is reconcile(current, clock(at=HOLD_UNTIL)).announce


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.PROCESSING])
def test_word_after_a_stream_was_given_up_closes_late(status):
    expired = reconcile(generation(status, external_id=None), clock(AT, FailureCode.RESULT_LOST)).generation

    verdict = reconcile(expired, seen(Status.COMPLETED, Origin.STREAM))

    assert (EventType.COMPLETED, True) == (verdict.announce, verdict.generation.late)


def test_stream_tells_bit_by_bit_what_is_known_in_the_end():
    """Accepted, running, named, and done: each event adds to what the others told, and one closes."""
    observations = [
        seen(Status.SUBMITTED, Origin.STREAM),
        seen(Status.PROCESSING, Origin.STREAM, provider_status="thinking_delta"),
        seen(Status.PROCESSING, Origin.STREAM, external_id="ext-1", progress=0.4),
        seen(None, Origin.STREAM, provider_status="pondering"),
        seen(Status.COMPLETED, Origin.STREAM, provider_status="ok", verified_by=VerifiedBy.SUBMIT),
    ]
    current, announced = generation(Status.SUBMITTING, external_id=None), []
    for observation in observations:
        verdict = reconcile(current, observation)
        current, announced = verdict.generation, [*announced, verdict.announce]

    assert [None, EventType.PROCESSING, None, None, EventType.COMPLETED] == announced
    assert ("ext-1", 1.0, "ok", Origin.STREAM, VerifiedBy.SUBMIT) == (
        current.external_id,
        current.progress,
        current.provider_status,
        current.learned_from,
        current.verified_by,
    )


def test_clock_does_not_take_held_testimony_before_its_time():
    current = generation(held=held(Status.FAILED, failure=REASON))

    assert Verdict(finding=Finding.STALE, generation=current) == reconcile(current, clock(at=HOLD_UNTIL - 1))
