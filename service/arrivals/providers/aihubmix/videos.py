"""AiHubMix's `/v1/videos`: one path, and a body as each vendor wants it."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from arrivals.core.generation import Output, Status
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.media import is_inline
from arrivals.core.moments import any_moment, moment
from arrivals.core.observation import Reading
from arrivals.providers._shared.forms import multipart
from arrivals.providers._shared.json_fields import (
    get,
    identifier,
    outputs,
    part,
    post,
    record,
    share,
    standing,
    status_word,
    text,
)
from arrivals.providers._shared.limits import Limit, absent, count, note, one_of
from arrivals.providers._shared.results import inline as inlined
from arrivals.providers._shared.tolerance import vocabulary
from arrivals.providers.aihubmix.errors import reply_failure, task_failure
from arrivals.providers.contract import Account, Adapter, Order, Refused, Request, Route, Target, Unreadable

PAGE = "https://docs.aihubmix.com/en/api/Video-Gen"

# https://docs.aihubmix.com/en/api/Video-Gen (the first four; public clients of this API meet the others too)
# AiHubMix's status: ours
STATUSES: Mapping[str, Status] = vocabulary(
    {
        "queued": Status.SUBMITTED,
        "in_progress": Status.PROCESSING,
        "completed": Status.COMPLETED,
        "failed": Status.FAILED,
        "pending": Status.SUBMITTED,
        "submitted": Status.SUBMITTED,
        "processing": Status.PROCESSING,
        "running": Status.PROCESSING,
        "succeeded": Status.COMPLETED,
        "success": Status.COMPLETED,
        "done": Status.COMPLETED,
        "finished": Status.COMPLETED,
        "error": Status.FAILED,
        "cancelled": Status.CANCELED,
        "canceled": Status.CANCELED,
    }
)


def _seconds_as_text(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Sora takes `seconds` as text only."""
    seconds = fields.get("seconds")
    numeric = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return {**fields, **({"seconds": str(seconds).removesuffix(".0")} if numeric else {})}


def _seconds_as_number(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Veo takes `seconds` as a number only."""
    seconds = fields.get("seconds")
    return {**fields, **({"seconds": int(seconds)} if isinstance(seconds, str) and seconds.isdecimal() else {})}


# https://github.com/AIhubmix/aihubmix-media-adapters (the video page says that seconds are always text)
BY_OBJECT = frozenset(
    {"sora", "videos"}
)  # a bare string is refused: https://github.com/AIhubmix/aihubmix-media-adapters
# route: how its vendor wants the body written
VENDOR_FIELDS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "sora": _seconds_as_text,
    "veo": _seconds_as_number,
}


def submit(order: Order, account: Account) -> HttpCall:
    """The order's own fields, in the vendor's types; a reference as a URL in an object, or as a file in a form."""
    fields = {**VENDOR_FIELDS.get(order.route, dict)(order.input), "model": order.model}
    reference = fields.get("input_reference")
    if isinstance(reference, str) and reference.startswith("data:"):
        body, content_type = multipart(fields, {}, ("input_reference",))
        headers = {**account.bearer(), "content-type": content_type}
        return HttpCall(method="POST", url=f"{account.base_url}/v1/videos", headers=headers, body=body)
    if isinstance(reference, str) and order.route in BY_OBJECT:
        fields["input_reference"] = {"image_url": reference}
    return post(account, "/v1/videos", fields)


def poll(target: Target, account: Account) -> HttpCall:
    """The id is long and opaque; it is kept as it is."""
    return get(account, f"/v1/videos/{quote(target.known_id, safe='')}")


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """OpenAI's video object, as a poll has it."""
    return _read(reply, target, "submit")


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """OpenAI's video object, loosely."""
    return _read(reply, target, "poll")


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    body = record(reply.body) if reply.ok else {}
    word, external_id = status_word(body.get("status")), identifier(body.get("id"))
    if not reply.ok or (body.get("error") and (external_id if origin == "submit" else word) is None):
        raise Refused(reply_failure(reply, origin))
    if origin == "submit" and external_id is None:
        raise Unreadable("an accepted submission without an id")
    status = standing(word, STATUSES, origin)
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        progress=share(body.get("progress"), 100),
        outputs=_outputs(body, target, external_id) if status is Status.COMPLETED else (),
        failure=task_failure(body, origin) if status is Status.FAILED else None,
        ended_at=any_moment(body.get("completed_at")),
    )


def _outputs(body: Mapping[str, Any], target: Target, external_id: str | None) -> tuple[Output, ...]:
    """The output, inline under one of four names or behind `/content`; on AiHubMix's own origin it needs the key."""
    items = body.get("data")
    first = items[0] if isinstance(items, list) and items else None
    url = next(
        (value for name in ("video_url", "url", "output_url") if (value := text(body.get(name)))),
        text(part({"first": first}, "first").get("url")),
    )
    content = f"{target.base_url}/v1/videos/{quote(external_id or target.known_id, safe='')}/content"
    if url is not None and is_inline(url.strip()):
        return inlined(url)
    return outputs([url or content], target.base_url, "video", expires_at=moment(body.get("expires_at")))


# DELETE removes a task and is not documented to stop it: no cancel.
VIDEOS = Adapter(submit=submit, read_submitted=read_submitted, poll=Request(build=poll, parse=read_polled))
REFERENCE = note("input_reference", "a URL, or a data URI, which goes out as a file")
NO_ASPECT_RATIO = absent("aspect_ratio", message="sora takes size, not aspect_ratio", says="not for sora")
AS_THE_VENDOR = note("body", "passed through as the model's vendor wants it")


def _vendor(name: str, models: tuple[str, ...], *limits: Limit) -> Route:
    """Polled every 15 s; durations are not stated."""
    return Route(
        name=name,
        models=models,
        documentation=PAGE,
        kind="video",
        adapter=VIDEOS,
        initial_poll_delay_s=15,
        poll_every_s=15,
        usual_duration_s=(60, 420),
        max_duration_s=3600,
        limits=limits or (AS_THE_VENDOR,),
    )


ROUTES: tuple[Route, ...] = (
    _vendor("sora", ("sora-*",), REFERENCE, NO_ASPECT_RATIO),
    _vendor("veo", ("veo-*",), one_of("seconds", 4, 6, 8)),
    _vendor("seedance", ("doubao-seedance-*",)),
    _vendor("dashscope", ("happyhorse-*", "wan2.7-i2v*")),
    _vendor("kling", ("kling*",), count("image_list", 4)),
)
OTHERS = _vendor("videos", ("*",))
