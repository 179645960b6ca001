"""LaoZhang's `/v1/videos`: five routes with one path, different bodies, and different ways of handing the file out.

A completed poll may tell the file's URL, or nothing; then `/content` is asked, and its Content-Type says whether it is
the file itself or JSON that tells the URL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from arrivals.core.generation import Output, Status
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.moments import any_moment, moment
from arrivals.core.observation import Reading
from arrivals.core.wire import SECOND, Micros
from arrivals.providers._shared.forms import file_urls, multipart
from arrivals.providers._shared.json_fields import (
    get,
    identifier,
    outputs,
    post,
    record,
    share,
    standing,
    status_word,
    text,
)
from arrivals.providers._shared.limits import Limit, between, count, media, note, one_of
from arrivals.providers._shared.tolerance import file_in, meaning
from arrivals.providers.contract import Account, Adapter, Order, Refused, Request, Route, Target, Unreadable
from arrivals.providers.laozhang.errors import STATUSES, reply_failure, task_failure

KEPT_S = 24 * 3600  # tasks and files: https://docs.laozhang.ai/en/api-capabilities/sora2/async-api
KIND = "video"
FILE_FIELDS = ("input_reference",)
ALWAYS_FORMS = ("sora-forward", "veo-forward")  # the other routes take JSON, and a form only to carry a file
NEVER_FORMS = ("seedance",)


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward, …/sora2/async-api."""
    fields = {**order.input, "model": order.model.removeprefix("reverse/")}
    if order.route in NEVER_FORMS or (order.route not in ALWAYS_FORMS and not order.input.get("input_reference")):
        return post(account, "/v1/videos", fields)
    body, content_type = multipart(fields, order.files, FILE_FIELDS)
    headers = {**account.bearer(), "content-type": content_type}
    return HttpCall(method="POST", url=f"{account.base_url}/v1/videos", headers=headers, body=body)


def files(order: Order) -> Sequence[str]:
    """A form carries the file itself; Seedance fetches its inputs."""
    return () if order.route in NEVER_FORMS else file_urls(order.input, FILE_FIELDS)


def poll(target: Target, account: Account) -> HttpCall:
    """https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward."""
    return get(account, f"/v1/videos/{quote(target.known_id, safe='')}")


def fetch_result(target: Target, account: Account) -> HttpCall:
    """https://docs.laozhang.ai/en/api-capabilities/veo/veo-31-async-api."""
    return get(account, f"/v1/videos/{quote(target.known_id, safe='')}/content")


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """The first status word differs by route."""
    reading = _read(reply, target, "submit")
    if reading.external_id is None:
        raise Unreadable("an accepted submission without an id")
    return reading


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """Completed without outputs where only `/content` has them."""
    return _read(reply, target, "poll")


def _read(reply: HttpReply, target: Target, origin: str) -> Reading:
    body = record(reply.body) if reply.ok else {}
    word, external_id = status_word(body.get("status")), identifier(body.get("id"))
    unnamed = (external_id if origin == "submit" else word) is None
    if not reply.ok or body.get("success") is False or (body.get("error") and unnamed):
        raise Refused(reply_failure(reply, origin))
    status = standing(word, STATUSES, origin)
    return Reading(
        status=status,
        provider_status=word,
        external_id=external_id,
        progress=share(body.get("progress"), 100),
        outputs=_outputs(body, target) if status is Status.COMPLETED else (),
        failure=task_failure(body, origin) if status is Status.FAILED else None,
        kept_until=_kept_until(body),
        ended_at=any_moment(body.get("completed_at")),
    )


def _outputs(body: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    """The URL in the body, unless it is `/content`, which may be JSON."""
    url = text(body.get("video_url")) or text(body.get("url"))
    listed = outputs([url], target.base_url, "video", expires_at=moment(body.get("expires_at")))
    return tuple(
        output for output in listed if not (output.requires_auth and output.url.rstrip("/").endswith("/content"))
    )


def _kept_until(body: Mapping[str, Any]) -> Micros | None:
    """The moment in the body, or 24 hours after the task was created (`created` in the older queue)."""
    created = moment(body.get("created_at")) or moment(body.get("created"))
    return moment(body.get("expires_at")) or (created + KEPT_S * SECOND if created else None)


def read_content(reply: HttpReply, target: Target) -> Reading:
    """The file itself stays where it is: its URL is the output."""
    content = f"{target.base_url}/v1/videos/{quote(target.known_id, safe='')}/content"
    if not reply.ok:
        raise Refused(reply_failure(reply, "poll"))
    media = file_in(reply)
    if media is not None:
        content_type = media if media.startswith(KIND) else None  # some call every file binary/octet-stream
        file = Output(kind=KIND, url=content, content_type=content_type, requires_auth=True)
        return Reading(status=Status.COMPLETED, outputs=(file,))
    return _read_content_json(reply, target, content)


def _read_content_json(reply: HttpReply, target: Target, content: str) -> Reading:
    """The file's URL in JSON; or, like a poll, that there is none yet."""
    body = record(reply.body)
    word, url = status_word(body.get("status")), text(body.get("url")) or text(body.get("video_url"))
    if word is not None and meaning(word, STATUSES) is not Status.COMPLETED:
        return _read(reply, target, "poll")
    listed = outputs([url], target.base_url, "video", expires_at=moment(body.get("expires_at")))
    if not listed or listed[0].url == content:
        if body.get("error"):
            raise Refused(reply_failure(reply, "poll"))
        raise Unreadable("neither a file nor a URL")
    return Reading(
        status=Status.COMPLETED,
        provider_status=word,
        external_id=identifier(body.get("id")),
        outputs=listed,
        kept_until=_kept_until(body),
    )


VIDEOS = Adapter(
    submit=submit,
    read_submitted=read_submitted,
    poll=Request(build=poll, parse=read_polled),
    fetch_result=Request(build=fetch_result, parse=read_content),
    files=files,
)
KEPT = note("output", "kept 24 hours")
REFERENCE = media("input_reference", ("jpeg", "png", "webp"))
FRAMES = count("input_reference", 3)  # a first frame, a last one, and what no page rules out

BASIC_SIZES, PRO_SIZES = ("720x1280", "1280x720"), ("720x1280", "1280x720", "1024x1792", "1792x1024")

PAGES = "https://docs.laozhang.ai/en/api-capabilities"


def _route(
    name: str,
    models: tuple[str, ...],
    page: str,
    pace: tuple[float, float, tuple[float, float]],
    limits: tuple[Limit, ...],
) -> Route:
    """`pace`: first poll, poll every, usual durations, in seconds. No page says what LaoZhang gives up after."""
    initial_poll_delay_s, poll_every_s, usual_duration_s = pace
    return Route(
        name=name,
        models=models,
        documentation=f"{PAGES}/{page}",
        kind="video",
        adapter=VIDEOS,
        initial_poll_delay_s=initial_poll_delay_s,
        poll_every_s=poll_every_s,
        usual_duration_s=usual_duration_s,
        max_duration_s=3600,
        limits=(*limits, KEPT),
    )


FORWARD = (20, 15, (120, 300))  # poll every 15-20 s, 2-5 min
ROUTES = (
    _route(
        "sora-forward",
        ("sora-2", "sora-2-pro"),
        "sora2/official-forward",
        FORWARD,
        (
            replace(one_of("size", *BASIC_SIZES), models=("sora-2",)),
            replace(one_of("size", *PRO_SIZES), models=("sora-2-pro",)),
            one_of("seconds", 4, 8, 12),
            REFERENCE,
            FRAMES,
        ),
    ),
    # Its page gives no figures; those of the sibling route.
    _route(
        "veo-forward",
        ("veo-3.1-generate-preview", "veo-3.1-fast-generate-preview"),
        "veo/official-forward",
        FORWARD,
        (FRAMES,),
    ),
    # poll every 20 s
    _route(
        "seedance",
        ("doubao-seedance-2-0-*",),
        "seedance2-video-generation",
        (20, 20, (90, 480)),
        (between("duration", 4, 15),),
    ),
    # poll every 3-5 s here, every 30 s on a white label's page
    _route(
        "sora-reverse",
        ("reverse/sora-2", "reverse/sora-2-pro"),
        "sora2/async-api",
        (10, 3, (120, 600)),
        (one_of("duration", 10, 15), one_of("seconds", 10, 15), FRAMES),
    ),
    _route("veo-reverse", ("veo-3.1*",), "veo/veo-31-async-api", (15, 10, (90, 480)), (FRAMES,)),
)
