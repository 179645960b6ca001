"""each::labs predictions. The words of its channels clash: `success` first means accepted, later finished."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from arrivals.core.failure import Failure
from arrivals.core.generation import Status
from arrivals.core.http import HttpCall, HttpReply, InboundWebhook
from arrivals.core.observation import Reading
from arrivals.providers._shared.json_fields import (
    get,
    identifier,
    part,
    post,
    price,
    record,
    standing,
    status_word,
    text,
)
from arrivals.providers._shared.limits import note
from arrivals.providers._shared.results import results_or_words
from arrivals.providers._shared.tolerance import folded, meaning, vocabulary
from arrivals.providers.contract import Account, Adapter, Order, Refused, Request, Route, Target, Trust, Unreadable
from arrivals.providers.eachlabs.errors import reply_failure, task_failure

# https://docs.eachlabs.ai/api/predictions (the OpenAPI file beside it still lists `failed`)
# https://docs.eachlabs.ai/api/webhooks (`succeeded`, `failed`; `success` is the older payload's word)
# word of a poll or a webhook (not of the submit answer): ours
STATUSES: Mapping[str, Status] = vocabulary(
    {
        "created": Status.SUBMITTED,
        "queued": Status.SUBMITTED,
        "starting": Status.PROCESSING,
        "processing": Status.PROCESSING,
        "running": Status.PROCESSING,
        "success": Status.COMPLETED,
        "succeeded": Status.COMPLETED,
        "error": Status.FAILED,
        "failed": Status.FAILED,
        "cancelled": Status.CANCELED,
        "canceled": Status.CANCELED,
    }
)


CANCELED = frozenset({"cancelled", "canceled", "success"})  # words of the answer to a cancellation


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/api/predictions. `version` goes only if the order has one: OpenAPI ignores it.

    The order's input is the model's, or the whole `{"input": {…}, "version"}`.
    """
    fields = order.input
    enclosed = isinstance(fields.get("input"), Mapping)
    body = {"model": order.model, "input": fields["input"] if enclosed else fields}
    if enclosed and "version" in fields:
        body["version"] = fields["version"]
    if order.callback_url:
        body["webhook_url"] = order.callback_url
        body["webhook_secret"] = order.webhook_secret
    return post(account, "/v1/prediction", body)


def read_submitted(reply: HttpReply, target: Target) -> Reading:  # noqa: ARG001 - the protocol's form
    """`success` here says that the order was accepted."""
    body = _ok(reply, "submit")
    external_id = identifier(body.get("predictionID")) or identifier(body.get("id"))
    word = status_word(body.get("status"))
    if external_id is None:
        if body.get("error") or meaning(word, STATUSES) is Status.FAILED:
            raise Refused(reply_failure(reply, "submit"))
        raise Unreadable("an accepted submission without an id")
    return Reading(status=Status.SUBMITTED, provider_status=word, external_id=external_id)


def poll(target: Target, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/api/predictions."""
    return get(account, f"/v1/prediction/{quote(target.known_id, safe='')}")


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """A failed prediction has its envelope in `output`."""
    body = _ok(reply, "poll")
    word = status_word(body.get("status"))
    status = standing(word, STATUSES, "poll")
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(body.get("id")),
        outputs=results_or_words(body.get("output"), target.base_url) if status is Status.COMPLETED else (),
        failure=_work_failure(body, "poll") if status is Status.FAILED else None,
        cost=price(part(body, "metrics").get("cost")),
    )


def cancel(target: Target, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/api/predictions."""
    return post(account, f"/v1/prediction/{quote(target.known_id, safe='')}/cancel", {})


def read_canceled(reply: HttpReply, target: Target) -> Reading:
    """Two pages answer `cancelled` and `success`; both mean that it was canceled, and no webhook will say so."""
    body = _ok(reply, "cancel")
    word = status_word(body.get("status"))
    if folded(word or "") not in CANCELED:
        raise Refused(reply_failure(reply, "cancel"))
    return Reading(status=Status.CANCELED, provider_status=word, external_id=target.external_id)


def read_webhook(webhook: InboundWebhook, target: Target) -> Reading:
    """The payload of today (`exec_id`) and the older one (`id`). A failure's code stands only in polls."""
    body = record(webhook.body)
    word = status_word(body.get("status"))
    status = standing(word, STATUSES, "webhook")
    failure = _work_failure(body, "webhook") if status is Status.FAILED else None
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(body.get("exec_id")) or identifier(body.get("id")),
        outputs=results_or_words(body.get("output"), target.base_url) if status is Status.COMPLETED else (),
        failure=failure,
        cost=price(part(body, "metrics").get("cost")),
        awaits_detail=failure is not None and failure.provider_code is None,
    )


def _ok(reply: HttpReply, origin: str) -> dict[str, Any]:
    if not reply.ok:
        raise Refused(reply_failure(reply, origin))
    return record(reply.body)


def _work_failure(body: Mapping[str, Any], origin: str) -> Failure:
    output = body.get("output")
    first = output[0] if isinstance(output, list) and output else output
    envelope = first if isinstance(first, dict) else {"error": first}
    if not text(envelope.get("error")) and not text(envelope.get("error_message")):
        envelope = {**envelope, "error": text(body.get("error")) or text(body.get("logs"))}
    return task_failure(envelope, origin)


PREDICTIONS = Route(
    name="predictions",
    models=("*",),
    # image 10-60 s, video 60-600 s, at most 15 min
    documentation="https://docs.eachlabs.ai/api/predictions",
    kind=None,
    adapter=Adapter(
        submit=submit,
        read_submitted=read_submitted,
        poll=Request(build=poll, parse=read_polled),
        cancel=Request(build=cancel, parse=read_canceled),
        read_webhook=read_webhook,
    ),
    usual_duration_s=(5, 300),
    max_duration_s=900,
    answer_s=300,  # https://docs.eachlabs.ai/sense/edge-cases (HTTP request)
    trust=Trust.BODY,
    limits=(note("input", "as the model's page says"),),
)
