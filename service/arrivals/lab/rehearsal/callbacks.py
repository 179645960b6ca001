"""Webhooks to the callback URL of an order, with whatever faults its directive asks for.

Posting never raises: a receiver that is absent, slow or broken is counted, and retried as often as the provider would.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import anyio
import httpx
import msgspec

from arrivals.lab.rehearsal.faults import WebhookFault
from arrivals.lab.rehearsal.state import QUEUED_SHARE, Job, Phase, RehearsalState, View, Voice, Where

HUGE_BYTES = 12 * 1024 * 1024
FORGED_SHARE = 0.5  # a forgery comes in the middle of the run
PIECE_BYTES = 256 * 1024
UNREADABLE = b"<html><body>502 Bad Gateway</body></html>"
_ALTERED = 4  # the last letter alone may carry unused bits, and two spellings of one token be equal


class Sender(StrEnum):
    """The sender of a webhook, for the tally."""

    PROVIDER = "provider"
    FORGER = "forger"
    HUGE = "huge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One body to one URL."""

    body: bytes
    url: str
    sender: Sender = Sender.PROVIDER


async def begin(rehearsal_state: RehearsalState, job: Job) -> None:
    """Starts the job's webhooks in the background; an early one is sent and answered before this returns."""
    url = job.submission.callback_url
    if job.voice is None or not url or (job.outcome and job.outcome.where is Where.POLL):
        return
    faults = job.directive.webhook
    early = WebhookFault.EARLY in faults and WebhookFault.LOST not in faults
    delivered = early and _accepted(await _post(rehearsal_state, job, job.voice, _closing_post(job, job.voice, url)))
    rehearsal_state.tasks.start_soon(partial(_send_all, rehearsal_state, job, job.voice, url, delivered=delivered))


async def resend(rehearsal_state: RehearsalState, job: Job) -> int | None:
    """Sends the closing webhook again, now. Returns the receiver's HTTP status, or None without an answer."""
    url = job.submission.callback_url
    return (
        await _post(rehearsal_state, job, job.voice, _closing_post(job, job.voice, url))
        if job.voice is not None and url
        else None
    )


async def _send_all(rehearsal_state: RehearsalState, job: Job, voice: Voice, url: str, *, delivered: bool) -> None:
    if voice.tells_start and job.run_s and WebhookFault.LOST not in job.directive.webhook:
        await sleep_until(rehearsal_state, job.accepted_at + job.run_s * QUEUED_SHARE)
        await _post(
            rehearsal_state,
            job,
            voice,
            Post(body=_encoded(job, voice, View(phase=Phase.RUNNING, progress=QUEUED_SHARE)), url=url),
        )
    if WebhookFault.FORGED in job.directive.webhook:
        await sleep_until(rehearsal_state, job.accepted_at + job.run_s * FORGED_SHARE)
        lie = _encoded(job, voice, _opposite(job))
        for target in (url, _wrong_url(url))[: 1 + job.coins[0]]:
            await _deliver(rehearsal_state, job, voice, Post(body=lie, url=target, sender=Sender.FORGER))
    await sleep_until(rehearsal_state, job.ends_at)
    if job.canceled_at is not None:
        return  # no provider here calls back for a canceled job
    for post in _closing_sequence(job, voice, url, delivered=delivered):
        if post is None:
            await anyio.sleep(rehearsal_state.tempo.late_s * job.directive.late)
        else:
            await _deliver(rehearsal_state, job, voice, post)


def _closing_sequence(job: Job, voice: Voice, url: str, *, delivered: bool) -> list[Post | None]:
    """Everything to post after the job's end, in order; None is the pause before a late webhook."""
    faults = job.directive.webhook
    posts: list[Post | None] = []
    if WebhookFault.UNREADABLE in faults:
        posts.append(Post(body=UNREADABLE, url=url))
    if WebhookFault.HUGE in faults:
        posts.append(
            Post(body=_encoded(job, voice, View(phase=job.end)).ljust(HUGE_BYTES), url=url, sender=Sender.HUGE)
        )
    if WebhookFault.LOST in faults:
        return posts
    if not delivered:
        if WebhookFault.LATE in faults:
            posts.append(None)
        posts.append(_closing_post(job, voice, url))
    if WebhookFault.TWICE in faults or (WebhookFault.REORDERED in faults and not voice.tells_running):
        posts.append(_closing_post(job, voice, url))
    if WebhookFault.REORDERED in faults and voice.tells_running:
        posts.append(Post(body=_encoded(job, voice, View(phase=Phase.RUNNING)), url=url))
    if WebhookFault.CONTRADICTION in faults:
        posts.append(Post(body=_encoded(job, voice, _opposite(job)), url=url))
    return posts


def _closing_post(job: Job, voice: Voice, url: str) -> Post:
    return Post(body=_encoded(job, voice, job.view(job.end)), url=url)


def _opposite(job: Job) -> View:
    return View(phase=Phase.FAILED if job.end is Phase.COMPLETED else Phase.COMPLETED)


def _encoded(job: Job, voice: Voice, view: View) -> bytes:
    return msgspec.json.encode(voice.write(job, view))


def _wrong_url(url: str) -> str:
    """The same callback URL with the end of its path altered."""
    parts = urlsplit(url)
    altered = "".join("A" if letter != "A" else "B" for letter in parts.path[-_ALTERED:])
    return urlunsplit(parts._replace(path=parts.path[:-_ALTERED] + altered))


async def sleep_until(rehearsal_state: RehearsalState, until: float) -> None:
    """Waits for this moment of the rehearsal's clock."""
    await anyio.sleep(max(0.0, until - rehearsal_state.now()))


async def _deliver(rehearsal_state: RehearsalState, job: Job, voice: Voice, post: Post) -> None:
    """Posts until the webhook is accepted or the tries are used up; refused forgeries and huge bodies have one try."""
    for attempt in range(1, voice.tries + 1):
        status = await _post(rehearsal_state, job, voice, post)
        insists = post.sender is Sender.PROVIDER or (post.sender is Sender.FORGER and not _refused(status))
        if _accepted(status) or not insists or attempt == voice.tries:
            return
        await anyio.sleep(rehearsal_state.tempo.retry_s)


async def _post(rehearsal_state: RehearsalState, job: Job, voice: Voice, post: Post) -> int | None:
    signed = voice.sign(job, post.body, forged=post.sender is Sender.FORGER)
    headers = {"content-type": "application/json", **signed}
    try:
        content = _pieces(post.body) if WebhookFault.CHUNKED in job.directive.webhook else post.body
        answer = await rehearsal_state.client.post(post.url, content=content, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL):
        status = None  # nobody listens there, or the connection broke
    else:
        status = answer.status_code
    _count(job, post.sender, status)
    return status


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """The body in pieces, so that the request has no Content-Length."""
    size = min(PIECE_BYTES, len(body) // 2 + 1)
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _count(job: Job, sender: Sender, status: int | None) -> None:
    tally = job.tally
    if sender is Sender.FORGER:
        tally.forged_sent += 1
        tally.forged_refused += _refused(status)
        return
    tally.sent += 1
    tally.answers["none" if status is None else str(status)] += 1
    tally.answered_2xx += _accepted(status)
    if sender is Sender.HUGE:
        # A receiver may hang up on a huge body before it has read all of it: that is a refusal as well.
        tally.huge_refused += status is None or _refused(status)
    else:
        tally.refused_4xx += _refused(status)


def _accepted(status: int | None) -> bool:
    return status is not None and httpx.codes.is_success(status)


def _refused(status: int | None) -> bool:
    return status is not None and httpx.codes.is_client_error(status)
