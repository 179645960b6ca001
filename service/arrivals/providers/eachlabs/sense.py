"""each::sense: a chat that generates. Its answer is a stream of events, or on request one body.

Where an event names an execution, that can be polled as a workflow's if the stream breaks off; nothing else can.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace as replace_broken
from typing import Any

from msgspec.structs import replace

from arrivals.core.failure import Failure, FailureCode, make_failure
from arrivals.core.generation import Output, Status, text_output
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.observation import Reading
from arrivals.core.wire import to_json
from arrivals.providers._shared.json_fields import (
    identifier,
    loose_record,
    part,
    post,
    record,
    share,
    status_word,
    text,
    texts,
)
from arrivals.providers._shared.limits import Broken, Limit, at_most, count, media, note, pixels, wrong_size
from arrivals.providers._shared.results import results
from arrivals.providers._shared.tolerance import folded, meaning, vocabulary
from arrivals.providers.contract import Account, Adapter, Order, Refused, Request, Route, Target, Unreadable
from arrivals.providers.eachlabs.errors import reply_failure
from arrivals.providers.eachlabs.workflows import poll, read_polled

# https://docs.eachlabs.ai/sense/edge-cases
MAX_PROMPT_CHARACTERS, MAX_IMAGES, MIN_PIXELS, MAX_PIXELS = 10_000, 4, 64, 8192
STREAM_IDLE_S, ANSWER_S = 900.0, 300.0

# Events that show the work going on and nothing else: https://docs.eachlabs.ai/sense/streaming
TALK = frozenset(
    {
        "thinking_delta", "text_response", "status", "tool_call", "message", "web_search_query", "web_search_citations",
        "workflow_created", "workflow_fetched", "workflow_built", "workflow_updated",
    }
)  # fmt: skip
STREAMED = {"accept": "text/event-stream", "accept-encoding": "identity"}
NEEDS_INPUT = frozenset(map(folded, ("clarification_needed", "awaiting_input")))
ANSWER = "text_response"  # its `content` is the answer where nothing is generated
WORK = frozenset({"tool_call", "workflow_created", "workflow_fetched", "workflow_built", "workflow_updated"})


def submit(order: Order, account: Account) -> HttpCall:
    """https://docs.eachlabs.ai/sense/chat-completions: streamed unless the order says `"stream": false`."""
    body = {**order.input, "model": order.model}
    prompt = body.pop("prompt", None)
    if not body.get("messages") and prompt is not None:
        body["messages"] = [{"role": "user", "content": prompt}]
    streamed = body.setdefault("stream", True) is not False
    headers = {**account.bearer(), "content-type": "application/json"}
    # The same key gets the same, cached answer: https://github.com/eachlabs/mintlify-docs (sense_api, EDGE_CASES.md)
    headers |= STREAMED if streamed else {"x-idempotency-key": order.reference}
    call = post(account, "/v1/chat/completions", body, host="sense")
    return HttpCall(method=call.method, url=call.url, headers=headers, body=call.body, streamed=streamed)


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """The answer that is not streamed: an OpenAI completion with `generations` and `task_id` beside it."""
    if not reply.ok:
        failure = reply_failure(reply, "submit")
        execution_id = identifier(loose_record(reply.body).get("execution_id"))
        if failure.provider_code == "TIMEOUT" and execution_id is not None:
            return Reading(status=Status.PROCESSING, provider_status="TIMEOUT", external_id=execution_id)
        raise Refused(failure)
    body = record(reply.body)
    external_id = identifier(body.get("task_id"))
    word = status_word(body.get("status"))
    input_word = next(
        (name for name in (word, status_word(body.get("type"))) if folded(name or "") in NEEDS_INPUT), None
    )
    if input_word is None and body.get("clarification_needed") is True:
        input_word = "clarification_needed"
    if input_word is not None:
        question = _needs_input(body, input_word, "submit")
        return Reading(status=Status.FAILED, provider_status=input_word, external_id=external_id, failure=question)
    if Status.FAILED in (meaning(word, {}), meaning(status_word(body.get("type")), {})) or body.get("error"):
        raise Refused(reply_failure(reply, "submit"))
    outputs = results(body.get("generations"), target.base_url) or _text_answer(body)
    if external_id is None and not outputs:
        raise Unreadable("neither a generation nor an id")
    if not outputs:  # and nobody can be asked: the id names no execution
        raise Refused(make_failure(FailureCode.OUTPUT_MISSING, origin="submit"))
    return Reading(status=Status.COMPLETED, provider_status=word, external_id=external_id, outputs=outputs)


def _text_answer(body: Mapping[str, Any]) -> tuple[Output, ...]:
    """An answer in words, where nothing was generated."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    words = text(part({"first": first}, "first", "message").get("content"))
    if words is None:
        return ()
    return (text_output(words),)


def read_event(event: bytes, target: Target) -> Reading | None:
    """One event, alone or inside an OpenAI chunk under `eachlabs`; a chunk without one says nothing of its own."""
    body = loose_record(event)
    data = part(body, "eachlabs") or body
    word = folded_type(data)
    if word is None:
        delta = _delta(body)
        return Reading(status=Status.PROCESSING, words=delta) if delta else None
    if word == "error":
        return _error(data, target)
    if word == "complete":
        return _complete(data, target)
    if word == "clarification_needed":
        return Reading(status=Status.FAILED, provider_status=word, failure=_needs_input(data, word, "stream"))
    return Reading(
        status=Status.PROCESSING if word in TALK or word in GOING_ON else None,
        provider_status=word,
        external_id=identifier(data.get("execution_id"))
        if word in ("execution_started", "execution_completed")
        else None,
        progress=_progress(word, data),
        outputs=results([data.get(name) for name in GOING_ON.get(word, ())], target.base_url),
        words=text(data.get("content")) if word == ANSWER else None,
        begun=word in GOING_ON or word in WORK,
    )


def folded_type(event: Mapping[str, Any]) -> str | None:
    """The type of an event, in the spelling of its page."""
    word = status_word(event.get("type"))
    return None if word is None else next((name for name in TYPES if folded(name) == folded(word)), word)


def _delta(chunk: Mapping[str, Any]) -> str | None:
    """A piece of an answer in words, of a chunk that wraps no event."""
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    content = part({"first": first}, "first", "delta").get("content")
    return content if isinstance(content, str) and content else None


# https://docs.eachlabs.ai/sense/streaming
# event of a running generation: the fields that hold outputs
GOING_ON: Mapping[str, tuple[str, ...]] = {
    "progress": (),
    "generation_response": ("url", "generations"),
    "execution_started": (),
    "execution_progress": (),
    "execution_completed": ("output", "all_outputs"),
}


TYPES = (*TALK, *GOING_ON, "complete", "error", "clarification_needed")


def _progress(word: str, event: Mapping[str, Any]) -> float | None:
    if word == "execution_completed":
        return 1.0 if meaning(status_word(event.get("status")), {}) is Status.COMPLETED else None
    return share(event.get("percent") if word == "progress" else event.get("progress_percent"), 100)


# https://docs.eachlabs.ai/sense/streaming
# status of the event that ends a stream: ours
ENDS: Mapping[str, Status] = vocabulary({"ok": Status.COMPLETED, "error": Status.FAILED})


def _complete(event: Mapping[str, Any], target: Target) -> Reading:
    """`ok`, `error`, or a question that nobody will answer: https://docs.eachlabs.ai/sense/streaming."""
    word = status_word(event.get("status"))
    if folded(word or "") in NEEDS_INPUT:
        return Reading(status=Status.FAILED, provider_status=word, failure=_needs_input(event, word, "stream"))
    status = meaning(word, ENDS)
    if status is Status.FAILED:
        return Reading(status=status, provider_status=word, failure=_stream_failure(event))
    outputs = results(event.get("generations"), target.base_url)
    return Reading(status=status, provider_status=word, outputs=outputs)


def _error(event: Mapping[str, Any], target: Target) -> Reading:
    """An error ends the stream. After a time-out the execution goes on, and its poll decides."""
    failure = _stream_failure(event)
    execution_id = identifier(event.get("execution_id"))
    if failure.provider_code == "TIMEOUT" and (execution_id or target.external_id):
        return Reading(status=Status.PROCESSING, provider_status="TIMEOUT", external_id=execution_id)
    return Reading(status=Status.FAILED, provider_status="error", failure=failure)


def _stream_failure(event: Mapping[str, Any]) -> Failure:
    return reply_failure(HttpReply(http_status=200, body=to_json(event).encode()), "stream")


def _needs_input(event: Mapping[str, Any], word: str | None, origin: str) -> Failure:
    """A generation cannot answer questions; the caller reads it and orders again."""
    question = text(event.get("question")) or text(event.get("message"))
    failure = make_failure(FailureCode.INVALID_REQUEST, question, origin=origin)
    return replace(failure, provider_code=word, alternatives=texts(event.get("options")))


def _messages(values: Mapping[str, Any]) -> Broken | None:
    if values.get("messages") or values.get("prompt"):
        return None
    return Broken(message="field required")


def _long(values: Mapping[str, Any]) -> Broken | None:
    for number, content in _contents(values):
        words = content if isinstance(content, str) else "".join(_texts(content))
        if len(words) > MAX_PROMPT_CHARACTERS:
            message = f"a message of {len(words)} characters; at most {MAX_PROMPT_CHARACTERS} are allowed"
            return Broken(message=message, code=FailureCode.PROMPT_TOO_LONG, param=f"messages[{number}].content")
    return None


def _contents(values: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    """The content of the user's messages, by their place: a text, or parts of texts and images."""
    messages = values.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else []):
        fields = part(message)
        if fields.get("role") == "user":
            yield number, fields.get("content")


def _texts(content: Any) -> Iterator[str]:
    for content_part in content if isinstance(content, list) else []:
        words = part(content_part).get("text")
        if isinstance(words, str):
            yield words


def _small_or_large(values: Mapping[str, Any]) -> Broken | None:
    for number, content in _contents(values):
        for part_number, content_part in enumerate(content if isinstance(content, list) else []):
            image = part(content_part).get("image_url")
            url = image.get("url") if isinstance(image, Mapping) else image
            broken = wrong_size(url, MIN_PIXELS, MAX_PIXELS)
            if broken is not None:
                return replace_broken(broken, param=f"messages[{number}].content[{part_number}]")
    return None


SENSE = Route(
    name="sense",
    models=("eachsense/*",),
    # image 10-60 s, video 60-600 s, at most 15 min
    documentation="https://docs.eachlabs.ai/sense/edge-cases",
    kind=None,
    adapter=Adapter(
        submit=submit,
        read_submitted=read_submitted,
        poll=Request(build=poll, parse=read_polled),
        read_event=read_event,
    ),
    usual_duration_s=(10, 600),
    max_duration_s=900,
    answer_s=ANSWER_S,
    stream_idle_s=STREAM_IDLE_S,
    rate_headers=True,
    limits=(
        Limit(param="messages", says="required, or prompt", check=_messages),
        Limit(param="messages", says=f"{MAX_PROMPT_CHARACTERS} characters each", check=_long),
        at_most("prompt", MAX_PROMPT_CHARACTERS),
        count("image_urls", MAX_IMAGES, message="Maximum 4 images allowed per request"),
        media("image_urls", ("jpeg", "png", "webp", "gif"), megabytes=20),
        pixels("image_urls", MIN_PIXELS, MAX_PIXELS),
        Limit(param="messages", says=f"images of {MIN_PIXELS} to {MAX_PIXELS} pixels a side", check=_small_or_large),
        note("session_id", "50 messages; one request at a time; ends after 15 minutes idle"),
    ),
)
