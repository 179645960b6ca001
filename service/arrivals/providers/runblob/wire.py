"""RunBlob's wire form, one for all its families, with the field names of each family accepted in all.

Nothing signs its webhooks, so they are hints and the poll decides. Some polls never say why a generation failed; only
the webhook does. Such a failure awaits its detail.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from arrivals.core.generation import Output, Status
from arrivals.core.http import HttpCall, HttpReply, InboundWebhook
from arrivals.core.moments import any_moment
from arrivals.core.observation import Reading
from arrivals.providers._shared.json_fields import (
    get,
    identifier,
    outputs,
    part,
    position,
    post,
    price,
    record,
    share,
    standing,
    status_word,
    text,
)
from arrivals.providers._shared.tolerance import vocabulary
from arrivals.providers.contract import Account, Adapter, Order, Refused, Request, Target, Unreadable
from arrivals.providers.runblob.errors import failure

# https://docs.runblob.io/api-reference/kling/o3-photo-status
# RunBlob's status: ours
STATUSES: Mapping[str, Status] = vocabulary(
    {
        "pending": Status.SUBMITTED,
        "processing": Status.PROCESSING,
        "completed": Status.COMPLETED,
        "failed": Status.FAILED,
    }
)
OLD_HOST_NAME = "legacy"  # the older brand's host: https://docs.runblob.com


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.runblob.io/api-reference/kling/o3-photo-generate and its siblings."""
    return post(account, f"/v1/{order.route}/generate", _body(order))


def submit_old(order: Order, account: Account) -> HttpCall:
    """https://docs.runblob.com (the older brand's Veo API)."""
    return post(account, "/api/veo/generate", _body(order), host=OLD_HOST_NAME)


def _body(order: Order) -> dict[str, Any]:
    return {**order.input, **({"callback_url": order.callback_url} if order.callback_url else {})}


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """201 with the id under a name of the family's own; only here does the price appear."""
    reading = _read(reply, target, "submit")
    if reading.external_id is None:
        raise Unreadable("an accepted submission without an id")
    return reading


def poll(target: Target, account: Account) -> HttpCall:
    """https://docs.runblob.io/api-reference/kling/o3-photo-status; Sora's page has a slash at the end."""
    slash = "/" if target.route == "sora" else ""
    return get(account, f"/v1/{target.route}/generations/{quote(target.known_id, safe='')}{slash}")


def poll_old(target: Target, account: Account) -> HttpCall:
    """https://docs.runblob.com."""
    return get(account, f"/api/veo/status/{quote(target.known_id, safe='')}", host=OLD_HOST_NAME)


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """A failure without its reason, which some families tell only in the webhook, awaits it."""
    reading = _read(reply, target, "poll")
    return replace(reading, awaits_detail=reading.failure is not None and reading.failure.message is None)


def read_webhook(webhook: InboundWebhook, target: Target) -> Reading:
    """The poll body, plus the reason of a failure."""
    return _read(HttpReply(http_status=200, body=webhook.body), target, "webhook")


def read_old_webhook(webhook: InboundWebhook, target: Target) -> Reading:
    """`{"success", "message", "task_id", "video_url"}`: https://docs.runblob.com."""
    body = record(webhook.body)
    succeeded = body.get("success")
    if not isinstance(succeeded, bool):
        raise Unreadable("it says neither success nor failure")
    reply = HttpReply(http_status=200, body=webhook.body)
    return Reading(
        status=Status.COMPLETED if succeeded else Status.FAILED,
        external_id=_external_id(body),
        outputs=_outputs(body, target) if succeeded else (),
        failure=None if succeeded else failure(reply, "webhook"),
    )


def _external_id(body: Mapping[str, Any]) -> str | None:
    return next(
        (value for name in ("generation_id", "task_uuid", "task_id") if (value := identifier(body.get(name)))), None
    )


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    body = record(reply.body) if reply.ok else {}
    word, external_id = status_word(body.get("status")), _external_id(body)
    unnamed = origin == "submit" and external_id is None
    if not reply.ok or body.get("success") is False or (unnamed and (body.get("message") or body.get("detail"))):
        raise Refused(failure(reply, origin))
    status = standing(word, STATUSES, origin)
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        progress=share(body.get("progress_pct"), 100),
        queue_position=position(body.get("progress_pos_in_queue")),
        outputs=_outputs(body, target) if status is Status.COMPLETED else (),
        failure=failure(reply, origin) if status is Status.FAILED else None,
        cost=price(body.get("price")),
        ended_at=any_moment(body.get("completed_at")),
    )


def _outputs(body: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    """One URL under the family's own name; Seedance lists videos, and the last frame beside them."""
    url = text(body.get("image_url")) or text(body.get("video_url")) or text(body.get("result_image_url"))
    nested = part(body, "output")
    videos = nested.get("video_urls")
    video_urls = [text(video) for video in videos] if isinstance(videos, list) else []
    kind = "image" if body.get("image_url") or body.get("result_image_url") else "video"
    listed = outputs([url, *video_urls], target.base_url, kind)
    if not listed:  # a last frame alone is no video: the rest is not told yet
        return ()
    return (*listed, *outputs([text(nested.get("last_frame_url"))], target.base_url, "image"))


FAMILY = Adapter(
    submit=submit,
    read_submitted=read_submitted,
    poll=Request(build=poll, parse=read_polled),
    read_webhook=read_webhook,
)
OLD_HOST = Adapter(
    submit=submit_old,
    read_submitted=read_submitted,
    poll=Request(build=poll_old, parse=read_polled),
    read_webhook=read_old_webhook,
)
