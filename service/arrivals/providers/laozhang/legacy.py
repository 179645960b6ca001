"""LaoZhang's legacy VEO interface: https://docs.laozhang.ai/en/api-capabilities/veo/api-reference."""

from urllib.parse import quote

from arrivals.core.generation import Status
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.observation import Reading
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
from arrivals.providers._shared.limits import characters, count, https_urls, media
from arrivals.providers.contract import Account, Adapter, Order, Refused, Request, Route, Target, Unreadable
from arrivals.providers.laozhang.errors import STATUSES, reply_failure, task_failure


def submit(order: Order, account: Account) -> HttpCall:
    """`prompt`, `model`, `images`, `enhance_prompt`."""
    return post(account, "/veo/v1/api/video/submit", {**order.input, "model": order.model})


def poll(target: Target, account: Account) -> HttpCall:
    """The id holds a colon, which the pages send as it is."""
    return get(account, "/veo/v1/api/video/status/" + quote(target.known_id, safe=":"))


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """`{"success", "data": {"taskId", "status"}}`."""
    reading = _read(reply, target, "submit")
    if reading.external_id is None:
        raise Unreadable("an accepted submission without an id")
    return reading


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """`progress` is an object without a percentage."""
    return _read(reply, target, "poll")


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    body = record(reply.body) if reply.ok else {}
    work = part(body, "data")
    external_id, word = identifier(work.get("taskId")), status_word(work.get("status"))
    unnamed = (external_id if origin == "submit" else word) is None
    if not reply.ok or body.get("success") is False or (body.get("error") and unnamed):
        raise Refused(reply_failure(reply, origin))
    status = standing(word, STATUSES, origin)
    progress = work.get("progress")
    video = text(part(work, "result").get("video_url"))
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        progress=None if isinstance(progress, dict) else share(progress, 100),
        outputs=outputs([video], target.base_url, "video") if status is Status.COMPLETED else (),
        failure=task_failure({**body, **work}, origin) if status is Status.FAILED else None,
    )


LEGACY = Route(
    name="legacy",
    models=("veo3", "veo3-fast", "veo3-pro", "veo3-pro-frames"),
    # poll every 10-15 s, 1-15 min by model, the task is ended after 30 min
    documentation="https://docs.laozhang.ai/en/api-capabilities/veo/api-reference",
    kind="video",
    adapter=Adapter(submit=submit, read_submitted=read_submitted, poll=Request(build=poll, parse=read_polled)),
    initial_poll_delay_s=15,
    poll_every_s=10,
    usual_duration_s=(180, 480),
    usual_duration_by_model={"veo3-fast": (60, 180), "veo3-pro*": (300, 900)},
    max_duration_s=1800,
    # https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting
    limits=(
        characters("prompt", 1, 2000, long="INVALID_PROMPT", missing="INVALID_PROMPT"),
        count("images", 5),
        https_urls("images", code="INVALID_IMAGE_URL"),
        media("images", ("jpeg", "png", "webp"), megabytes=10),
    ),
)
