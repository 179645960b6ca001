"""Vtrix' tasks in two wire forms: the flat one of the model pages, and the older enveloped one of its command line."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from arrivals.core.generation import CLOSED, Output, Status
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.moments import any_moment
from arrivals.core.observation import Reading
from arrivals.providers._shared.json_fields import (
    get,
    identifier,
    part,
    post,
    price,
    record,
    share,
    standing,
    status_word,
)
from arrivals.providers._shared.results import typed_outputs
from arrivals.providers._shared.tolerance import meaning, vocabulary
from arrivals.providers.contract import Account, Adapter, Order, Refused, Request, Target, Unreadable
from arrivals.providers.vtrix.errors import reply_failure, task_failure

# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i, https://doc.vtrix.ai/docs/api/anthropic/model_api_documentation_extra
# Vtrix' status: ours
STATUSES: Mapping[str, Status] = vocabulary(
    {
        "in_queue": Status.SUBMITTED,
        "pending": Status.SUBMITTED,
        "queued": Status.SUBMITTED,
        "in_progress": Status.PROCESSING,
        "processing": Status.PROCESSING,
        "completed": Status.COMPLETED,
        "success": Status.COMPLETED,
        "failed": Status.FAILED,
    }
)


def submit(order: Order, account: Account) -> HttpCall:
    """https://doc.vtrix.ai/docs/api/qwen/wan26-t2i: the model page's fields at the top."""
    return post(account, "/model/v1/generation", {**order.input, "model": order.model})


def submit_enveloped(order: Order, account: Account) -> HttpCall:
    """The same fields as `input: [{"params"}]`: https://doc.vtrix.ai/docs/api/anthropic/model_api_documentation_extra."""
    model = order.model.removeprefix("enveloped/")
    return post(account, "/model/v1/generation", {"model": model, "input": [{"params": dict(order.input)}]})


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """An answer that speaks of an error and names no id is a refusal, whatever its HTTP status."""
    reading = _read(reply, target, "submit")
    if reading.external_id is None:
        raise Unreadable("an accepted submission without an id")
    return reading


def poll(target: Target, account: Account) -> HttpCall:
    """https://github.com/VtrixAI/vtrix-cli."""
    return get(account, f"/model/v1/generation/task/{quote(target.known_id, safe='')}")


def poll_enveloped(target: Target, account: Account) -> HttpCall:
    """https://doc.vtrix.ai/docs/api/anthropic/model_api_documentation_extra."""
    return get(account, f"/api/v1/multi-models-generate/{quote(target.known_id, safe='')}")


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """A task in either form, told apart by the shape."""
    return _read(reply, target, "poll")


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    if not reply.ok:
        raise Refused(reply_failure(reply, origin))
    body = record(reply.body)
    work = part(body, "data") if isinstance(body.get("status"), dict) else body
    essential = identifier(work.get("id")) if origin == "submit" else status_word(work.get("status"))
    if _spoke_of_error(body, work) and essential is None:
        raise Refused(reply_failure(reply, origin))
    return read_task(work, target, origin)


def read_task(work: Mapping[str, Any], target: Target, origin: str) -> Reading:
    """A task object, whichever envelope it came in."""
    word = status_word(work.get("status"))
    status = standing(word, STATUSES, origin)
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(work.get("id")),
        progress=share(work.get("progress")),
        outputs=_outputs(work, target) if status is Status.COMPLETED else (),
        failure=task_failure(work, origin) if status is Status.FAILED else None,
        cost=price(part(work, "usage").get("cost")),
        ended_at=any_moment(work.get("updated_at")) if status in CLOSED else None,
    )


def _spoke_of_error(body: Mapping[str, Any], work: Mapping[str, Any]) -> bool:
    failed = meaning(status_word(work.get("status")), STATUSES) is Status.FAILED
    named = part(body, "status").get("error_code") or failed
    return bool(named or any(level.get(name) for level in (body, work) for name in ("error", "message")))


def _outputs(work: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    """`output[].content[]` in the flat form, `output[]` itself in the older one."""
    items = work.get("output")
    flat: list[Any] = []
    for item in items if isinstance(items, list) else []:
        content = item.get("content") if isinstance(item, dict) else None
        flat += content if isinstance(content, list) else [item]
    return typed_outputs(flat, target.base_url)


FLAT = Adapter(submit=submit, read_submitted=read_submitted, poll=Request(build=poll, parse=read_polled))
ENVELOPED = Adapter(
    submit=submit_enveloped, read_submitted=read_submitted, poll=Request(build=poll_enveloped, parse=read_polled)
)
