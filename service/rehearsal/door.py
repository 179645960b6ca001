"""What every stand-in does with a submission, a poll and a download: the key, the directive's faults, then the truth.

It knows no provider: the words come from the desk. What a fault hides is still written down in the world.
"""

from collections.abc import Mapping
from dataclasses import replace
import hashlib
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.rehearsal import calls
from service.rehearsal import directive as directives
from service.rehearsal.desk import Desk, filled, strings
from service.rehearsal.directive import Directive, PollFault, SubmitFault, UnknownFault
from service.rehearsal.files import MP4
from service.rehearsal.world import Asked, Job, Order, Outcome, Phase, Where, World

ODD_WORD = "warming_up"
KEY_LETTERS = 6  # AiHubMix quotes the last six of a key
TID_DIGITS = 31


class CutShort(Response):
    """An answer that breaks off in its middle: the server sees that it was never finished and hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the head, which promises the whole body, and half of it."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def reply(
    status: int, body: Any, headers: Mapping[str, str] | None = None, kind: type[Response] = Response
) -> Response:
    """A JSON answer."""
    return kind(msgspec.json.encode(body), status, dict(headers or {}), "application/json")


async def submit(world: World, desk: Desk, request: Request, asked: Asked) -> Response:
    """Refuses the order or accepts it, as its directive, its key and its content have it."""
    spoken = next((said for said in strings(asked.body) if directives.MARK in said), asked.prompt)
    try:
        directive = directives.read(spoken or msgspec.json.encode(asked.body).decode())
        outcome = _outcome(desk, directive)
    except UnknownFault as unknown:
        return reply(400, {"rehearsal": str(unknown)})
    order = world.order(desk.provider, desk.route, directive.ref)
    fault = directive.submit_fault(order.refused + len(order.jobs) + 1)
    refused = _unauthorized(desk, request) or _refused(desk, asked, outcome, fault)
    if refused is not None:
        order.refused += 1
        order.refused_with = refused
        return _error(desk, refused, request, asked)
    job = _job(world, desk, order, asked, directive, outcome)
    world.accept(order, job)
    await calls.begin(world, job)
    cut = fault is SubmitFault.CUT
    order.answer_cut |= cut
    return reply(desk.accepted_status, desk.accepted(world, job), kind=CutShort if cut else Response)


def poll(world: World, desks: Mapping[str, Desk], request: Request, external_id: str) -> Response:
    """Answers a poll. `desks` are the provider's, by route; the first of them answers for an id that nobody knows."""
    stranger = next(iter(desks.values()))
    job = world.jobs.get((stranger.provider, external_id))
    desk = stranger if job is None else desks.get(job.route, stranger)
    unauthorized = _unauthorized(desk, request)
    if unauthorized is not None:
        return _error(desk, unauthorized, request, None)
    if job is None or job.route not in desks:
        return _error(desk, desk.faults["404"], request, None)
    job.polls += 1
    fault = job.directive.poll_fault(job.polls)
    refused = _poll_refused(world, desk, job, fault)
    if refused is not None:
        return _error(desk, refused, request, job.asked)
    now = world.now()
    if fault is PollFault.ODD:
        view = replace(job.view(Phase.RUNNING, job.progress(now)), odd=ODD_WORD)
    else:
        view = job.view(job.phase(now), job.progress(now))
    return reply(200, desk.state(world, job, view))


def content(world: World, desk: Desk, request: Request, external_id: str) -> Response:
    """The bytes of a finished job, behind the key."""
    unauthorized = _unauthorized(desk, request)
    if unauthorized is not None:
        return _error(desk, unauthorized, request, None)
    job = world.jobs.get((desk.provider, external_id))
    if job is None or job.route != desk.route or job.directive.gone or not job.has_output(world.now()):
        return _error(desk, desk.faults["404"], request, None)
    return Response(MP4, media_type="video/mp4")


def held(world: World, desk: Desk, request: Request, external_id: str) -> Job | Response:
    """The job of an order that names it with the right key, or the answer that there is none."""
    unauthorized = _unauthorized(desk, request)
    if unauthorized is not None:
        return _error(desk, unauthorized, request, None)
    job = world.jobs.get((desk.provider, external_id))
    return _error(desk, desk.faults["404"], request, None) if job is None or job.deleted else job


def _outcome(desk: Desk, directive: Directive) -> Outcome | None:
    if directive.dialect is not None and directive.dialect not in desk.dialects:
        raise UnknownFault(f"unknown fault dialect={directive.dialect}")
    if directive.outcome == "completed":
        return None
    known = desk.outcomes.get(directive.outcome)
    if known is None:
        raise UnknownFault(
            f"unknown fault outcome={directive.outcome}; {desk.provider} {desk.route} knows "
            f"{', '.join(['completed', 'empty', *desk.outcomes])}"
        )
    return known


def _unauthorized(desk: Desk, request: Request) -> Outcome | None:
    given = request.headers.get("authorization")
    return None if given == f"Bearer {desk.key}" else desk.unauthorized(given)


def _refused(desk: Desk, asked: Asked, outcome: Outcome | None, fault: SubmitFault | None) -> Outcome | None:
    if fault is not None and fault is not SubmitFault.CUT:
        return desk.faults[fault]
    if outcome is not None and outcome.where is Where.SUBMIT:
        return outcome
    return desk.check(asked)


def _poll_refused(world: World, desk: Desk, job: Job, fault: PollFault | None) -> Outcome | None:
    ended = world.now() >= job.ends_at
    if job.deleted or fault is PollFault.LAG or (job.directive.gone and ended):
        return desk.faults["404"]
    if fault is PollFault.FAIL:
        return desk.faults["500" if job.polls % 2 else "503"]
    if fault is PollFault.LIMITED:
        return desk.faults["429"]
    return job.outcome if ended and job.outcome is not None and job.outcome.where is Where.POLL else None


def _error(desk: Desk, outcome: Outcome, request: Request, asked: Asked | None) -> Response:
    key = request.headers.get("authorization", "")[-KEY_LETTERS:]
    tid = f"{int(hashlib.sha256(f'{request.url.path} {outcome.body}'.encode()).hexdigest(), 16)}"[:TID_DIGITS]
    words = {"model": asked.model if asked else desk.route, "key": key, "tid": tid}
    return reply(outcome.status, filled(outcome.body, words), outcome.headers)


def _job(world: World, desk: Desk, order: Order, asked: Asked, directive: Directive, outcome: Outcome | None) -> Job:
    dice = order.dice
    external_id = desk.identity(asked, dice)
    run_s = world.run_s(directive, dice)
    shape, coins = dice.randrange(3), (dice.choice((True, False)), dice.choice((True, False)))
    return Job(
        provider=desk.provider,
        route=desk.route,
        external_id=external_id,
        asked=asked,
        directive=directive,
        outcome=outcome,
        accepted_at=world.now(),
        run_s=run_s,
        files=desk.files(world, asked, external_id, shape),
        tally=order.tally,
        voice=desk.voice if asked.callback_url else None,
        shape=shape,
        coins=coins,
    )
