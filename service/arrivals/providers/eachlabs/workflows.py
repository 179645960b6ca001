"""each::labs workflows: triggered alone or up to ten at once; polls and webhooks show the same execution."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from arrivals.core.failure import Failure, FailureCode, make_failure
from arrivals.core.generation import Output, Status
from arrivals.core.http import HttpCall, HttpReply, InboundWebhook
from arrivals.core.moments import any_moment
from arrivals.core.observation import Reading
from arrivals.core.wire import to_json
from arrivals.providers._shared.json_fields import (
    get,
    identifier,
    loose_record,
    part,
    post,
    price,
    record,
    standing,
    status_word,
    text,
)
from arrivals.providers._shared.limits import note
from arrivals.providers._shared.reading import with_details
from arrivals.providers._shared.results import results_or_words
from arrivals.providers._shared.tolerance import meaning, vocabulary
from arrivals.providers.contract import (
    Account,
    Adapter,
    Bulk,
    Order,
    Refused,
    Request,
    Route,
    Target,
    Trust,
    Unreadable,
)
from arrivals.providers.eachlabs.errors import reply_failure, task_failure

MAX_IN_BULK, PUBLIC_STEPS = 10, 3
NOT_BILLED = frozenset({FailureCode.RATE_LIMITED, FailureCode.CONCURRENCY_LIMITED})

# https://docs.eachlabs.ai/workflows/get-execution (older pages add `pending`)
# an execution's or step's status: ours
STATUSES: Mapping[str, Status] = vocabulary(
    {
        "queued": Status.SUBMITTED,
        "pending": Status.SUBMITTED,
        "running": Status.PROCESSING,
        "processing": Status.PROCESSING,
        "completed": Status.COMPLETED,
        "failed": Status.FAILED,
        "cancelled": Status.CANCELED,
        "canceled": Status.CANCELED,
    }
)


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/workflows/trigger; a public workflow takes the key in the body instead of a header."""
    body = {"inputs": _inputs(order.input), **_webhook(order)}
    steps = [quote(step, safe="@") for step in order.model.split("/")[1:]]
    if not steps[0].startswith("@"):
        return post(account, f"/v1/workflows/trigger/{'/'.join(steps)}", body)
    if len(steps) != PUBLIC_STEPS:
        message = "name a public workflow as workflows/@nickname/slug/version"
        raise Refused(make_failure(FailureCode.MODEL_NOT_FOUND, message, origin="preflight", billed=False))
    nickname, slug, version = steps
    return HttpCall(
        method="POST",
        url=f"{account.base_url}/v1/public/{nickname}/workflows/{slug}/versions/{version}/trigger",
        headers={"content-type": "application/json"},
        body=to_json({"api_key": account.api_key, **body}).encode(),
    )


def _inputs(order_input: Mapping[str, Any]) -> Mapping[str, Any]:
    """The order's input is the workflow's, or the whole `{"inputs": {…}}`."""
    inputs = order_input.get("inputs")
    return inputs if isinstance(inputs, Mapping) else order_input


def _webhook(order: Order) -> dict[str, Any]:
    if order.callback_url is None:
        return {}
    return {"webhook_url": order.callback_url, "webhook_secret": order.webhook_secret}


def submit_bulk(orders: Sequence[Order], account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/workflows/bulk-trigger: one webhook URL for all, called once for each execution."""
    first = orders[0]
    steps = [quote(step, safe="") for step in first.model.split("/")[1:]]
    if first.model.startswith("workflows/@"):
        message = "public workflows are triggered one at a time"
        raise Refused(make_failure(FailureCode.INVALID_REQUEST, message, origin="preflight", billed=False))
    body = {"inputs": [_inputs(order.input) for order in orders], **_webhook(first)}
    return post(account, f"/v1/workflows/bulk-trigger/{'/'.join(steps)}", body)


def read_submitted(reply: HttpReply, target: Target) -> Reading:  # noqa: ARG001 - the form of a reader
    """202 `{"execution_id", "status": "queued"}`."""
    body = _ok(reply, "submit")
    reading = _accepted(body)
    if reading is None:
        if body.get("error") or meaning(status_word(body.get("status")), STATUSES) is Status.FAILED:
            raise Refused(reply_failure(reply, "submit"))
        raise Unreadable("an accepted submission without an id")
    return reading


def read_bulk(reply: HttpReply, target: Target) -> list[Reading | Refused]:  # noqa: ARG001 - the form of a reader
    """202 `{"bulk_id", "executions": [{"execution_id", "status"} | {"status": "failed", "message"}]}`, in order."""
    executions = _ok(reply, "submit").get("executions")
    if not isinstance(executions, list) or not executions:
        raise Unreadable("no executions")
    return [_accepted(part(execution)) or _refused(part(execution)) for execution in executions]


def _refused(execution: Mapping[str, Any]) -> Refused:
    """Only what was rejected for its pace is documented to bill nothing."""
    failure = with_details(task_failure(execution, "submit"), execution)
    return Refused(failure if failure.code in NOT_BILLED else replace(failure, billed=None))


def match_input(body: bytes, orders: Sequence[Mapping[str, Any]]) -> int | None:
    """The first order whose inputs the execution repeats; orders alike are alike to their caller too."""
    inputs = loose_record(body).get("inputs")
    return next((number for number, order in enumerate(orders) if _inputs(order) == inputs), None)


def _accepted(body: Mapping[str, Any]) -> Reading | None:
    external_id, word = identifier(body.get("execution_id")), status_word(body.get("status"))
    if external_id is None:
        return None
    return Reading(status=Status.SUBMITTED, provider_status=word, external_id=external_id)


def poll(target: Target, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/workflows/get-execution."""
    return get(account, f"/v1/workflows/executions/{quote(target.known_id, safe='')}")


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """An execution."""
    return _execution(_ok(reply, "poll"), target, "poll")


def read_webhook(webhook: InboundWebhook, target: Target) -> Reading:
    """The same body as a poll's; in bulk with a `bulk_id`."""
    return _execution(record(webhook.body), target, "webhook")


def _ok(reply: HttpReply, origin: str) -> dict[str, Any]:
    if not reply.ok:
        raise Refused(reply_failure(reply, origin))
    return record(reply.body)


def _execution(body: Mapping[str, Any], target: Target, origin: str) -> Reading:
    word = status_word(body.get("status"))
    status = standing(word, STATUSES, origin)
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(body.get("execution_id")),
        progress=_progress(body),
        outputs=_outputs(body, target) if status is Status.COMPLETED else (),
        failure=_failure(body, origin) if status is Status.FAILED else None,
        cost=price(body.get("total_cost")),
        ended_at=any_moment(body.get("completed_at")),
        notes=_notes(body),
    )


def _progress(body: Mapping[str, Any]) -> float | None:
    """The completed share of the steps reported so far."""
    steps = part(body, "step_outputs")
    words = (status_word(part(steps, name).get("status")) for name in steps)
    done = [meaning(word, STATUSES) is Status.COMPLETED for word in words]
    return sum(done) / len(done) if done else None


def _notes(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Which steps used their fallback model, and why: https://docs.eachlabs.ai/workflows/get-execution."""
    steps = part(body, "step_outputs")
    steps_metadata = {name: part(steps, name, "metadata") for name in steps}
    return tuple(
        f"{name} used its fallback model: {text(metadata.get('primary_error')) or 'no reason was told'}"
        for name, metadata in steps_metadata.items()
        if metadata.get("fallback_used") is True
    )


def _outputs(body: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    candidates = (results_or_words(body.get(name), target.base_url) for name in ("output", "workflow_output"))
    return next((outputs for outputs in candidates if outputs), ())


def _failure(body: Mapping[str, Any], origin: str) -> Failure:
    """`error` is a machine's word (`ExecutionFailed`), `error_cause` the reason."""
    word = text(body.get("error"))
    envelope = {
        "error_message": text(body.get("error_cause")) or word,
        "error_code": word if word and " " not in word else None,
    }
    return task_failure(envelope, origin, FailureCode.PROVIDER_ERROR)


WORKFLOWS = Route(
    name="workflows",
    models=("workflows/*/*",),
    # at most 15 min
    documentation="https://docs.eachlabs.ai/workflows/trigger",
    kind=None,
    adapter=Adapter(
        submit=submit,
        read_submitted=read_submitted,
        poll=Request(build=poll, parse=read_polled),
        read_webhook=read_webhook,
        bulk=Bulk(most=MAX_IN_BULK, submit=submit_bulk, read_submitted=read_bulk, match_input=match_input),
    ),
    usual_duration_s=(20, 600),
    max_duration_s=900,
    answer_s=300,  # https://docs.eachlabs.ai/sense/edge-cases (HTTP request)
    trust=Trust.BODY,
    limits=(note("inputs", f"1-{MAX_IN_BULK} in bulk"),),
)
