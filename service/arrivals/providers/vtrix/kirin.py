"""Vtrix' Kirin models: flat tasks that may call back. What the callback holds is documented nowhere, so it is a hint.

It may be the task object of Vtrix, or the callback of Kling, whose models these are.
"""

from collections.abc import Mapping
from typing import Any

from arrivals.core.generation import Output, Status
from arrivals.core.http import HttpCall, InboundWebhook
from arrivals.core.observation import Reading
from arrivals.providers._shared.json_fields import identifier, part, post, record, standing, status_word, text
from arrivals.providers._shared.limits import at_most, media, one_of
from arrivals.providers._shared.results import results
from arrivals.providers._shared.tolerance import vocabulary
from arrivals.providers.contract import Account, Adapter, Order, Request, Route, Target, Trust
from arrivals.providers.vtrix.errors import task_failure
from arrivals.providers.vtrix.tasks import poll, read_polled, read_submitted, read_task

# https://app.klingai.com/global/dev/document-api (the upstream's callback)
# Kling's task_status: ours
KLING_STATUSES: Mapping[str, Status] = vocabulary(
    {
        "submitted": Status.SUBMITTED,
        "processing": Status.PROCESSING,
        "succeed": Status.COMPLETED,
        "failed": Status.FAILED,
    }
)


def submit(order: Order, account: Account) -> HttpCall:
    """`external_task_id` is unique per user; ours where the order has none.

    Source: https://doc.vtrix.ai/docs/api/vtrix/kirin-v2-6-i2v
    """
    reference = {"external_task_id": order.reference} if order.reference else {}
    callback = {"callback_url": order.callback_url} if order.callback_url else {}
    return post(account, "/model/v1/generation", {**reference, **order.input, **callback, "model": order.model})


def read_webhook(webhook: InboundWebhook, target: Target) -> Reading:
    """The task of Vtrix or the callback of Kling, told apart by `task_status`."""
    body = record(webhook.body)
    if "task_status" not in body and "task_id" not in body:
        return read_task(body, target, "webhook")
    word = status_word(body.get("task_status"))
    status = standing(word, KLING_STATUSES, "webhook")
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(body.get("task_id")),
        outputs=_outputs(body, target) if status is Status.COMPLETED else (),
        failure=task_failure({"error": text(body.get("task_status_msg"))}, "webhook")
        if status is Status.FAILED
        else None,
    )


def _outputs(body: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    result = part(body, "task_result")
    return tuple(
        output
        for name, kind in (("images", "image"), ("videos", "video"))
        for output in results(result.get(name), target.base_url, kind)
    )


KIRIN = Route(
    name="kirin",
    models=("kirin-*",),
    # the official command line polls every 5 s for 10 min
    documentation="https://doc.vtrix.ai/docs/api/vtrix/kirin-v2-6-i2v",
    kind="video",
    adapter=Adapter(
        submit=submit,
        read_submitted=read_submitted,
        poll=Request(build=poll, parse=read_polled),
        read_webhook=read_webhook,
    ),
    usual_duration_s=(60, 600),
    max_duration_s=1800,
    trust=Trust.HINT,
    # https://doc.vtrix.ai/docs/api/vtrix/kirin-v2-6-i2v
    limits=(
        at_most("prompt", 2500),
        one_of("duration", 5, 10),
        one_of("mode", "std", "pro"),
        media(("image", "image_tail"), ("jpeg", "png"), megabytes=10),
    ),
)
