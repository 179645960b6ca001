"""each::labs: what its fixtures cannot show by one message alone."""

import pytest

from arrivals.core.generation import Status
from arrivals.core.http import HttpReply
from arrivals.core.wire import to_json
from arrivals.providers.contract import Refused
from tests.support.requests import adapter_of, target

WORKFLOW = "workflows/wf-1/ver-1"
SENSE = "eachsense/beta"


def answered(body, http_status=200):
    """An answer of this JSON."""
    return HttpReply(http_status=http_status, body=to_json(body).encode())


# ---------------------------------------------------------------- whose webhook it is

CAT, DOG = {"prompt": "a cat"}, {"prompt": "a dog", "seed": 1}


@pytest.mark.parametrize(
    ("inputs", "orders", "place"),
    [
        (CAT, [CAT, DOG], 0),
        (DOG, [CAT, DOG], 1),
        ({"seed": 1, "prompt": "a dog"}, [CAT, DOG], 1),
        (DOG, [{"inputs": CAT}, {"inputs": DOG}], 1),
        (CAT, [DOG, CAT, CAT], 1),
        ({}, [CAT, {}], 1),
        ({"prompt": "a fox"}, [CAT, DOG], None),
        (CAT, [], None),
        (None, [CAT, DOG], None),
    ],
    ids=range(9),
)
def test_webhook_of_a_bulk_order_belongs_to_the_first_that_asked_for_the_same(inputs, orders, place):
    """Orders alike are alike to their caller too, so it does not matter which of them it is."""
    body = to_json({"execution_id": "1", "status": "completed", "inputs": inputs}).encode()

    assert place == adapter_of("eachlabs", WORKFLOW).bulk.match_input(body, orders)


@pytest.mark.parametrize("body", [b"", b"[]", b"not JSON", b"{}"])
def test_webhook_that_repeats_no_inputs_belongs_to_nobody(body):
    assert adapter_of("eachlabs", WORKFLOW).bulk.match_input(body, [CAT, DOG]) is None


# ---------------------------------------------------------------- fallback models

STEPS = {
    "draw": {"status": "completed", "metadata": {"fallback_used": True, "primary_error": "Model timeout after 30s"}},
    "paint": {"status": "completed", "metadata": {"fallback_used": True}},
    "frame": {"status": "completed", "metadata": {"fallback_used": False, "primary_error": "none"}},
    "hang": {"status": "completed", "metadata": {"fallback_used": "yes"}},
    "sign": {"status": "completed"},
    "sell": None,
}


def test_steps_that_used_their_fallback_model_are_noted():
    """The work is done and paid for; people still want to know that another model did it."""
    execution = {"execution_id": "1", "status": "running", "step_outputs": STEPS}

    read = adapter_of("eachlabs", WORKFLOW).poll.parse(answered(execution), target("eachlabs", WORKFLOW, "1"))

    assert (
        "draw used its fallback model: Model timeout after 30s",
        "paint used its fallback model: no reason was told",
    ) == read.notes


# ---------------------------------------------------------------- time-outs

TIMED_OUT = {"error_code": "TIMEOUT", "message": "Execution timed out"}


def submitted(body, http_status):
    """The reading of a submission's answer."""
    return adapter_of("eachlabs", SENSE).read_submitted(answered(body, http_status), target("eachlabs", SENSE, None))


@pytest.mark.parametrize("http_status", [408, 500, 504])
def test_time_out_that_names_its_execution_is_asked_about_and_not_lost(http_status):
    """The execution goes on without the answer; its poll decides."""
    read = submitted(TIMED_OUT | {"execution_id": "ex-1"}, http_status)

    assert (Status.PROCESSING, "TIMEOUT", "ex-1", None) == (
        read.status,
        read.provider_status,
        read.external_id,
        read.failure,
    )


@pytest.mark.parametrize("body", [TIMED_OUT, {"error_code": "CONTENT_FILTER", "execution_id": "ex-1"}, {}])
def test_refusal_that_leaves_nothing_to_ask_about_is_one(body):
    with pytest.raises(Refused):
        submitted(body, 504)


# ---------------------------------------------------------------- questions back


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"status": "clarification_needed"}, "clarification_needed"),
        ({"status": "awaiting_input"}, "awaiting_input"),
        ({"type": "clarification_needed"}, "clarification_needed"),
        ({"status": "ok", "type": "awaiting_input"}, "awaiting_input"),
        ({"status": "ok", "clarification_needed": True}, "clarification_needed"),
    ],
    ids=range(5),
)
def test_question_back_is_a_failure_that_asks_it(body, word):
    """Nobody will answer it: the caller reads it, and orders again."""
    question = {"question": "Which cat?", "options": ["Tom", "Felix"], "task_id": "t-1"}

    read = submitted(body | question, 200)

    assert (Status.FAILED, "t-1", "invalid_request", word, "Which cat?", ("Tom", "Felix")) == (
        read.status,
        read.external_id,
        read.failure.code,
        read.failure.provider_code,
        read.failure.message,
        read.failure.alternatives,
    )


@pytest.mark.parametrize("flag", [False, None, "true", 1])
def test_answer_that_needs_nothing_is_no_question(flag):
    body = {"status": "ok", "clarification_needed": flag, "generations": ["https://a.test/1.png"]}

    assert Status.COMPLETED is submitted(body, 200).status
