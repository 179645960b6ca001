"""The grammar of the directive."""

import math

import pytest

from arrivals.lab.rehearsal.faults import FaultDirective, PollFault, SubmitFault, UnknownFault, WebhookFault, read


def test_a_plain_prompt_is_named_by_its_hash():
    assert FaultDirective(ref=read("a fox").ref) == read("a fox")
    assert read("a fox").ref != read("a hare").ref
    assert len(read("a fox").ref) == 12


def test_a_directive_without_words_is_plain():
    assert read("a fox [rehearse]").webhook == frozenset()


def test_every_word_is_read():
    words = "ref=g17 outcome=TIMEOUT webhook=twice,late:3 submit=429:2,cut poll=lag:2,gone,odd run=1.5 dialect=hmac"
    assert FaultDirective(
        ref="g17",
        outcome="TIMEOUT",
        webhook=frozenset({WebhookFault.TWICE, WebhookFault.LATE}),
        late=3.0,
        submit=((SubmitFault.TOO_MANY, 2), (SubmitFault.CUT, math.inf)),
        poll=((PollFault.LAG, 2), (PollFault.ODD, math.inf)),
        gone=True,
        run_s=1.5,
        dialect="hmac",
    ) == read(f"a fox [rehearse {words}] in the snow")


def test_emptiness_is_counted():
    assert (0, 2, math.inf) == tuple(
        read(f"[rehearse outcome={word}]").empty for word in ("completed", "empty:2", "empty")
    )


def test_faults_take_their_turns():
    directive = read("[rehearse poll=lag:2,fail:1 submit=429:1]")
    assert [directive.poll_fault(n) for n in (1, 2, 3, 4)] == [PollFault.LAG, PollFault.LAG, PollFault.FAIL, None]
    assert [directive.submit_fault(n) for n in (1, 2)] == [SubmitFault.TOO_MANY, None]


@pytest.mark.parametrize(
    "words",
    [
        "wbhook=lost",
        "webhook=lots",
        "webhook=lost:2",
        "webhook=late:x",
        "submit=418",
        "submit=429:-1",
        "poll=log:2",
        "poll=lag:nan",
        "run=soon",
        "run=inf",
        "ref=a/b",
        "ref=",
        "outcome=TIMEOUT:2",
        "ref=a ref=b",
        "lost",
    ],
)
def test_what_it_does_not_know_is_refused(words):
    with pytest.raises(UnknownFault):
        read(f"a fox [rehearse {words}]")


def test_an_open_bracket_is_refused():
    with pytest.raises(UnknownFault):
        read("a fox [rehearse ref=one")
