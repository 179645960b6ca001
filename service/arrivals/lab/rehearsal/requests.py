"""The handling of a submission, a poll and a download, alike for every stand-in: the key, the faults, then the truth.

This module knows no provider: the wording comes from the `StandIn`. Anything that a fault hides is still kept in the
rehearsal's state. Most routes need only `submit` and `poll`; those with answers of their own call `admit` or `look_up`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
import hashlib
import math
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from arrivals.lab.rehearsal import callbacks, odd_answers
from arrivals.lab.rehearsal import faults as directives
from arrivals.lab.rehearsal.faults import FaultDirective, PollFault, SubmitFault, UnknownFault
from arrivals.lab.rehearsal.files import MP4, data_uri
from arrivals.lab.rehearsal.stand_in import StandIn, filled, strings
from arrivals.lab.rehearsal.state import Job, Order, Outcome, Phase, RehearsalState, Submission, View, Where

ODD_WORD = "warming_up"
BEHIND_S = 1.0
KEY_LETTERS = 6  # AiHubMix quotes the last six characters of a key
TID_DIGITS = 31


class CutShort(Response):
    """An answer that breaks off halfway: the server notices that it was never finished and hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the headers, which promise the whole body, and half of that body."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def reply(
    status: int, body: Any, headers: Mapping[str, str] | None = None, kind: type[Response] = Response
) -> Response:
    """A JSON answer."""
    return kind(msgspec.json.encode(body), status, dict(headers or {}), "application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An order that was accepted; with `cut`, the answer to it breaks off."""

    job: Job
    cut: bool = False


def read_directive(stand_in: StandIn, submission: Submission) -> tuple[FaultDirective, Outcome | None]:
    """The order's directive and the outcome that it names. Raises UnknownFault."""
    marked = next((text for text in strings(submission.body) if directives.MARK in text), submission.prompt)
    directive = directives.read(marked or msgspec.json.encode(submission.body).decode())
    return directive, _outcome(stand_in, directive)


def admit(
    rehearsal_state: RehearsalState, stand_in: StandIn, submission: Submission, authorization: str | None
) -> Admitted | Outcome:
    """Makes a job of the order, or returns the outcome that refuses it. Raises UnknownFault.

    `authorization` is the Authorization header that came with the order. No webhook has been sent for the job yet.
    """
    directive, outcome = read_directive(stand_in, submission)
    order = rehearsal_state.order(stand_in.provider, stand_in.route, directive.ref)
    fault = directive.submit_fault(order.refused + len(order.jobs) + 1)
    refused = unauthorized(stand_in, authorization) or _refused(stand_in, submission, outcome, fault)
    if refused is not None:
        order.refused += 1
        order.refused_with = refused
        return refused
    job = _job(rehearsal_state, stand_in, order, submission, directive, outcome)
    rehearsal_state.accept(order, job)
    cut = fault is SubmitFault.CUT
    order.answer_cut |= cut
    return Admitted(job=job, cut=cut)


async def submit(
    rehearsal_state: RehearsalState,
    stand_in: StandIn,
    request: Request,
    submission: Submission,
    *,
    authorization: str | None = None,
) -> Response:
    """Refuses or accepts the order, depending on its directive, its key and its content.

    `authorization` replaces the request's Authorization header, for routes that take the key elsewhere.
    """
    try:
        admitted = admit(
            rehearsal_state,
            stand_in,
            submission,
            request.headers.get("authorization") if authorization is None else authorization,
        )
    except UnknownFault as unknown:
        return unknown_fault(unknown)
    if isinstance(admitted, Outcome):
        return error(stand_in, admitted, request, submission)
    await callbacks.begin(rehearsal_state, admitted.job)
    body = stand_in.accepted(rehearsal_state, admitted.job)
    return reply(stand_in.accepted_status, body, kind=CutShort if admitted.cut else Response)


def poll(
    rehearsal_state: RehearsalState, stand_ins: Mapping[str, StandIn], request: Request, external_id: str
) -> Response:
    """Answers a poll. `stand_ins` are the provider's, by route; the first of them answers for an unknown id."""
    lookup = look_up(rehearsal_state, stand_ins, request, external_id)
    return (
        lookup
        if isinstance(lookup, Response)
        else lookup.answer(200, lookup.stand_in.state(rehearsal_state, lookup.job, lookup.view))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A job that was looked up, and the view of it that the caller gets."""

    stand_in: StandIn
    job: Job
    view: View
    fault: PollFault | None = None

    def answer(self, status: int, body: Any) -> Response:
        """The answer, altered as the fault demands."""
        return odd_answers.spelled(self.fault, status, body)


def look_up(
    rehearsal_state: RehearsalState,
    stand_ins: Mapping[str, StandIn],
    request: Request,
    external_id: str,
    *,
    shows: bool = True,
) -> Lookup | Response:
    """Finds a job for a caller, or answers with one of its faults. `shows`: whether the answer can hold the output."""
    fallback = next(iter(stand_ins.values()))
    job = rehearsal_state.jobs.get((fallback.provider, external_id))
    stand_in = fallback if job is None else stand_ins.get(job.route, fallback)
    rejection = unauthorized(stand_in, request.headers.get("authorization"))
    if rejection is not None:
        return error(stand_in, rejection, request, None)
    if job is None or job.route not in stand_ins:
        return error(stand_in, stand_in.faults["404"], request, None)
    redirected = odd_answers.MOVED in request.query_params
    job.polls += not redirected
    fault = None if redirected else job.directive.poll_fault(job.polls)
    odd = _odd(fault, request)
    if odd is not None:
        return odd
    refused = _poll_refused(rehearsal_state, stand_in, job, fault)
    if refused is not None:
        return error(stand_in, refused, request, job.submission)
    now = rehearsal_state.now() - (BEHIND_S if fault is PollFault.BEHIND else 0.0)
    if fault is PollFault.ODD:
        view = View(phase=Phase.RUNNING, progress=job.progress(now), odd=ODD_WORD)
    elif shows:
        view = job.view(job.phase(now), job.progress(now))
    else:
        view = View(phase=job.phase(now), progress=job.progress(now), shown=False)
    return Lookup(stand_in=stand_in, job=job, view=view, fault=fault)


def _odd(fault: PollFault | None, request: Request) -> Response | None:
    if fault is PollFault.MOVED:
        return odd_answers.moved(request)
    if fault is PollFault.PAGE:
        return odd_answers.page()
    return odd_answers.refused() if fault is PollFault.REFUSED else None


def content(rehearsal_state: RehearsalState, stand_in: StandIn, request: Request, external_id: str) -> Response:
    """The bytes of a finished job; they require the key."""
    rejection = unauthorized(stand_in, request.headers.get("authorization"))
    if rejection is not None:
        return error(stand_in, rejection, request, None)
    job = rehearsal_state.jobs.get((stand_in.provider, external_id))
    if job is None or job.route != stand_in.route or job.directive.gone or not job.has_output(rehearsal_state.now()):
        return error(stand_in, stand_in.faults["404"], request, None)
    return Response(MP4, media_type="video/mp4")


def authorized_job(
    rehearsal_state: RehearsalState, stand_in: StandIn, request: Request, external_id: str
) -> Job | Response:
    """The job of this id if the key is right, or the answer that refuses it."""
    rejection = unauthorized(stand_in, request.headers.get("authorization"))
    if rejection is not None:
        return error(stand_in, rejection, request, None)
    job = rehearsal_state.jobs.get((stand_in.provider, external_id))
    return error(stand_in, stand_in.faults["404"], request, None) if job is None or job.deleted else job


def unknown_fault(unknown: UnknownFault) -> Response:
    """The answer to a directive that cannot be read."""
    return reply(400, {"rehearsal": str(unknown)})


def _outcome(stand_in: StandIn, directive: FaultDirective) -> Outcome | None:
    if not directive.dialects <= stand_in.dialects:
        raise UnknownFault(f"unknown fault dialect={directive.dialect}")
    if directive.outcome == "completed":
        return None
    outcome = stand_in.outcomes.get(directive.outcome)
    if outcome is None:
        raise UnknownFault(
            f"unknown fault outcome={directive.outcome}; {stand_in.provider} {stand_in.route} knows "
            f"{', '.join(['completed', 'empty', *stand_in.outcomes])}"
        )
    return outcome


def unauthorized(stand_in: StandIn, authorization: str | None) -> Outcome | None:
    """The refusal of this Authorization header, unless it is the right one."""
    return (
        None
        if authorization in {f"{scheme} {stand_in.key}" for scheme in stand_in.schemes}
        else stand_in.unauthorized(authorization)
    )


def _refused(
    stand_in: StandIn, submission: Submission, outcome: Outcome | None, fault: SubmitFault | None
) -> Outcome | None:
    if fault is SubmitFault.PAGE:
        return Outcome(where=Where.SUBMIT, status=503, body=None)
    if fault is not None and fault is not SubmitFault.CUT:
        return stand_in.faults[fault]
    if outcome is not None and outcome.where is Where.SUBMIT:
        return outcome
    return stand_in.check(submission)


def _poll_refused(
    rehearsal_state: RehearsalState, stand_in: StandIn, job: Job, fault: PollFault | None
) -> Outcome | None:
    ended = rehearsal_state.now() >= job.ends_at
    if job.deleted or fault is PollFault.LAG or (job.directive.gone and ended):
        return stand_in.faults["404"]
    if fault is PollFault.FAIL:
        return stand_in.faults["500" if job.polls % 2 else "503"]
    if fault is PollFault.LIMITED:
        return stand_in.faults["429"]
    return job.outcome if ended and job.outcome is not None and job.outcome.where is Where.POLL else None


def error(stand_in: StandIn, outcome: Outcome, request: Request, submission: Submission | None) -> Response:
    """The HTTP answer of an outcome, its {placeholders} filled; without a body it is a page of the provider's front."""
    if outcome.body is None:
        return odd_answers.page()
    key = request.headers.get("authorization", "")[-KEY_LETTERS:]
    tid = f"{int(hashlib.sha256(f'{request.url.path} {outcome.body}'.encode()).hexdigest(), 16)}"[:TID_DIGITS]
    words = {"model": submission.model if submission else stand_in.route, "key": key, "tid": tid}
    return reply(outcome.status, filled(outcome.body, words), outcome.headers)


def _job(
    rehearsal_state: RehearsalState,
    stand_in: StandIn,
    order: Order,
    submission: Submission,
    directive: FaultDirective,
    outcome: Outcome | None,
) -> Job:
    rng = order.rng
    external_id = stand_in.identity(submission, rng)
    if stand_in.answers_once and directive.empty:
        directive = replace(directive, empty=math.inf)
    run_s = rehearsal_state.run_s(directive, rng)
    shape, coins = rng.randrange(3), (rng.choice((True, False)), rng.choice((True, False)))
    files = stand_in.files(rehearsal_state, submission, external_id, shape)
    return Job(
        provider=stand_in.provider,
        route=stand_in.route,
        external_id=external_id,
        submission=submission,
        directive=directive,
        outcome=outcome,
        accepted_at=rehearsal_state.now(),
        run_s=run_s,
        files=(data_uri(external_id).rstrip("="),) if directive.inline else files,  # as some write it
        tally=order.tally,
        voice=stand_in.voice if submission.callback_url else None,
        shape=shape,
        coins=coins,
    )
