"""each::sense: a chat that makes media, answered in a stream, or in one piece where the caller wants no stream."""

from collections.abc import Mapping
from dataclasses import replace
import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal import callbacks, requests
from arrivals.lab.rehearsal.eachlabs import execution, sense_events, workflows
from arrivals.lab.rehearsal.eachlabs.sense_outcomes import (
    MAX_IMAGES,
    MAX_PROMPT,
    OUTCOMES,
    WITHOUT_STREAM,
    rate_limited,
)
from arrivals.lab.rehearsal.eachlabs.stream import EventStream
from arrivals.lab.rehearsal.faults import UnknownFault
from arrivals.lab.rehearsal.stand_in import StandIn, outputs, read_json, text, token, uuid
from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, Where

__all__ = ["EXECUTIONS", "OUTCOMES", "STAND_IN", "routes"]

MODEL = "eachsense/beta"
GIVES_UP = 0.5  # the share of a run after which a stream that gives up does so
PER_MINUTE = 60


def _files(rehearsal_state: RehearsalState, submission: Submission, external_id: str, shape: int) -> tuple[str, ...]:
    ending = "mp4" if "video" in submission.prompt else "png"
    return tuple(
        f"{rehearsal_state.cdn_origin}/cdn/eachlabs/{external_id}-{number}.{ending}" for number in range(1 + shape % 2)
    )


def _check(submission: Submission) -> Outcome | None:
    messages, images = submission.body.get("messages"), submission.body.get("image_urls")
    if not isinstance(messages, list) or not messages or not submission.prompt:
        return OUTCOMES["messages_missing"]
    if len(submission.prompt) > MAX_PROMPT:
        return OUTCOMES["prompt_too_long"]
    return OUTCOMES["too_many_images"] if isinstance(images, list) and len(images) > MAX_IMAGES else None


STAND_IN = StandIn(
    provider="eachlabs",
    route="sense",
    outcomes=OUTCOMES,
    faults={
        "402": OUTCOMES["INSUFFICIENT_BALANCE"],
        "404": OUTCOMES["not_found"],
        "429": rate_limited(1),
        "500": OUTCOMES["server_error"],
        "503": OUTCOMES["unavailable"],
    },
    unauthorized=lambda authorization: OUTCOMES["key_required" if authorization is None else "invalid_key"],
    identity=lambda submission, rng: f"{'chat' if _streams(submission) else 'task'}_{token(rng, 12)}",
    files=_files,
    accepted=lambda _, job: _completion(job),
    state=lambda _, job, view: execution.payload(job, view),
    check=_check,
    dialects=frozenset({"raw", "chunk", "execution", "plain"}),
)
# An execution that sense has started is polled on the other host, which refuses in its own words.
EXECUTIONS = replace(STAND_IN, faults=workflows.STAND_IN.faults, unauthorized=workflows.STAND_IN.unauthorized)


def _streams(submission: Submission) -> bool:
    return submission.body.get("stream", True) is not False


def _gives_up(job: Job) -> bool:
    return job.outcome is not None and job.outcome.where is Where.STREAM


def _stream(rehearsal_state: RehearsalState, job: Job, *, cut: bool) -> Response:
    shown = outputs(job, job.view(Phase.COMPLETED)) if job.end is Phase.COMPLETED else ()
    events = list(sense_events.sequence(job, shown))
    lasts = job.run_s * (GIVES_UP if _gives_up(job) else 1.0)
    pause = lasts / max(1, len(events) - 1)
    started = [number for number, event in enumerate(events) if event["type"] == "execution_started"]
    timed = [(job.accepted_at + pause * number, _wrapped(job, event)) for number, event in enumerate(events)]
    middle = started[0] + 1 if started else len(events) // 2
    return EventStream(rehearsal_state, timed, cut_after=middle if cut else None, headers=_named(job))


def _wrapped(job: Job, event: dict[str, Any]) -> Any:
    """The event as it is, or an OpenAI chunk with the event beside it."""
    dialects = job.directive.dialects & {"raw", "chunk"}
    if "raw" in dialects or (not dialects and job.coins[1]):
        return event
    words = event["type"] == "text_response"
    delta = {"content": event["content"]} if words else {}
    last = event["type"] in {"complete", "error"}
    return {
        "id": f"chatcmpl-{job.external_id[-8:]}",
        "object": "chat.completion.chunk",
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": "stop" if last else None}],
        "eachlabs": {"type": "text_response"} if words else event,
    }


def _named(job: Job) -> dict[str, str]:
    return {"x-request-id": f"req_{job.external_id[-8:]}"}


def _completion(job: Job, **more: Any) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{job.external_id[-8:]}",
        "object": "chat.completion",
        "created": int(job.accepted_at),
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": more.pop("content", "Here's your generated picture!")},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 15, "completion_tokens": 25, "total_tokens": 40},
        "generations": [],
        "task_id": sense_events.task_id(job),
        "session_id": text(job.submission.body.get("session_id"), "session_abc123"),
        **more,
    }


def _whole(job: Job) -> tuple[int, Any]:
    """The answer without a stream: HTTP status and body."""
    if job.outcome is None:
        shown = outputs(job, job.view(Phase.COMPLETED))
        return 200, _completion(job, generations=list(shown))
    event = job.outcome.body
    status = event.get("status")
    if event["type"] == "clarification_needed":
        session = {"session_id": text(job.submission.body.get("session_id"), "session_abc123")}
        asks = {name: event[name] for name in ("question", "options")}
        if job.coins[1]:
            return 200, {"success": True, "clarification_needed": True, **asks, **session}
        return 200, _completion(job, content=event["question"], status="clarification_needed", **asks)
    if event["type"] == "complete" and status != "error":
        return 200, _completion(job, content="What style would you like?", status=status)
    started = {"execution_id": job.external_id} if _gives_up(job) else {}
    return _without_stream(job.outcome, **started)


def _without_stream(outcome: Outcome, **more: str) -> tuple[int, Any]:
    """The HTTP answer that says what an event would say."""
    event = {name: value for name, value in outcome.body.items() if name not in {"type", "status", "message"}}
    status = WITHOUT_STREAM.get(outcome.code or "", 500 if outcome.body["type"] == "complete" else 400)
    return status, {"detail": outcome.body.get("message", "Task failed"), **event, **more}


def _refused(rehearsal_state: RehearsalState, request: Request, submission: Submission, outcome: Outcome) -> Response:
    if outcome.status == OUTCOMES["RATE_LIMITED"].status:
        reset = int(rehearsal_state.now()) + outcome.body["retry_after"]
        limits = {"Limit": PER_MINUTE, "Remaining": 0, "Reset": reset}
        headers = {f"X-RateLimit-{name}": f"{value}" for name, value in limits.items()}
        return requests.error(STAND_IN, replace(outcome, headers={**outcome.headers, **headers}), request, submission)
    if outcome.body is None or "type" not in outcome.body:
        return requests.error(STAND_IN, outcome, request, submission)
    if not _streams(submission):
        return requests.reply(*_without_stream(outcome))
    before = [] if outcome.code == "SESSION_BUSY" else [{"type": "status", "message": "Generating image..."}]
    return EventStream(rehearsal_state, [(0.0, event) for event in (*before, outcome.body)])


def _submission(body: Mapping[str, Any]) -> Submission:
    messages = body.get("messages")
    entries = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    prompts = [text(message.get("content")) for message in entries if message.get("role") == "user"]
    return Submission(prompt=prompts[-1] if prompts else "", model=text(body.get("model"), MODEL), body=body)


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The path of the sense host."""
    answered: dict[str, Job] = {}  # by X-Idempotency-Key, which only those who want no stream may send

    async def chat(request: Request) -> Response:
        body = read_json(await request.body())
        submission = _submission(body if isinstance(body, dict) else {})
        authorization = request.headers.get("authorization")
        name = None if _streams(submission) else request.headers.get("x-idempotency-key")
        previous = (
            answered.get(name) if name is not None and requests.unauthorized(STAND_IN, authorization) is None else None
        )
        if previous is not None:
            return await whole(previous, cut=False)
        try:
            admitted = requests.admit(rehearsal_state, STAND_IN, submission, authorization)
        except UnknownFault as unknown:
            return requests.unknown_fault(unknown)
        if isinstance(admitted, Outcome):
            return _refused(rehearsal_state, request, submission, admitted)
        job = admitted.job
        if sense_events.runs_workflow(job) and (_streams(submission) or _gives_up(job)):
            rehearsal_state.rename(
                job, uuid(rehearsal_state.order(STAND_IN.provider, STAND_IN.route, job.directive.ref).rng)
            )
        elif job.directive.empty:
            job.directive = replace(job.directive, empty=math.inf)  # nobody can ask again
        if name is not None:
            answered[name] = job
        return (
            _stream(rehearsal_state, job, cut=admitted.cut)
            if _streams(submission)
            else await whole(job, cut=admitted.cut)
        )

    async def whole(job: Job, *, cut: bool) -> Response:
        await callbacks.sleep_until(rehearsal_state, job.ends_at)
        status, answer = _whole(job)
        return requests.reply(status, answer, _named(job), requests.CutShort if cut else Response)

    return [Route("/v1/chat/completions", chat, methods=["POST"])]
