"""A submission whose answer is a stream: each event that says something new is observed, until one closes.

A stream that breaks off is picked up by polling, where an event named what can be asked about.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from msgspec.structs import replace
import structlog

from arrivals.core import sse
from arrivals.core.acceptance import Acceptance, acceptance_of
from arrivals.core.generation import CLOSED, Generation, Origin, Output, Status, VerifiedBy, text_output
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.observation import Reading
from arrivals.core.wire import SECOND
from arrivals.flow.context import Context
from arrivals.flow.exchange.pace import note_pace
from arrivals.flow.log_fields import about
from arrivals.flow.observation.expire import expired_observation
from arrivals.flow.settlement.observe import observe
from arrivals.flow.settlement.settle import settle_one
from arrivals.flow.until_stored import until_stored
from arrivals.outbound.transport import REPLY_MAX_BYTES, NoAnswer, NotSent, Reason, Streamed
from arrivals.providers._shared.reading import read_stream_event
from arrivals.providers.contract import Refused, Target
from arrivals.store import generations
from arrivals.store.engine.signals import Signal

log = structlog.get_logger()

EVENT_MAX_BYTES = 1024 * 1024
FIRST_REFUSAL = 300
READ_AHEAD = 1000  # events
EVENT_STREAM = "text/event-stream"


@dataclass(slots=True)
class _StreamState:
    """The state of a stream: what its events have said so far."""

    target: Target
    last: Reading | None = None
    outputs: dict[str, Output] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    begun: bool = False

    def news(self, reading: Reading) -> Reading | None:
        """The reading with the facts of earlier events; None if it only repeats the last one."""
        self.outputs |= {output.url: output for output in reading.outputs}
        self.begun |= reading.begun or bool(reading.external_id or reading.outputs)
        if reading.words:
            self.words.append(reading.words)
        reading = replace(reading, words=None, begun=False)
        if reading.external_id:
            self.target = replace(self.target, external_id=reading.external_id)
        if reading.status in CLOSED:
            ended = reading.status is Status.COMPLETED and not reading.outputs
            return replace(reading, outputs=self._final_outputs()) if ended else reading
        if reading.status is Status.PROCESSING and not self.begun:
            return None  # talk: later events say whether the work begins
        news = replace(
            reading,
            outputs=tuple(self.outputs.values()),
            provider_status=reading.provider_status if reading.status is None else None,
        )
        if news == self.last:
            return None
        self.last = news
        return replace(reading, outputs=news.outputs)

    def _final_outputs(self) -> tuple[Output, ...]:
        """The outputs of earlier events; where no work began, the answer in words."""
        words = "" if self.begun else "".join(self.words).strip()
        return tuple(self.outputs.values()) or ((text_output(words),) if words else ())


@dataclass(slots=True)
class _Ending:
    """The outcome of the reading side, beside events."""

    whole: HttpReply | None = None
    error: NotSent | NoAnswer | None = None
    accepted: bool = False


async def listen(context: Context, generation: Generation, call: HttpCall) -> HttpReply | None:
    """Follows the stream to its end. An answer that is not a stream is returned whole.

    Raises Refused for a "not now" before anything was begun, NotSent, and NoAnswer while it was not accepted.
    """
    state, ending = _StreamState(context.target(generation)), _Ending()
    refused: Refused | None = None
    closed = False
    # Read in a task of its own: what has arrived when a connection breaks is lost if its reader is busy just then.
    send, receive = anyio.create_memory_object_stream[bytes | None](READ_AHEAD)
    async with anyio.create_task_group() as group:
        group.start_soon(_read, context, generation, call, send, ending)
        async with receive:
            async for event in receive:
                try:
                    closed = await _handle_event(context, generation, state, event)
                except Refused as error:
                    refused = error
                if closed or refused:
                    break
        group.cancel_scope.cancel()
    if refused is not None:
        raise refused
    if ending.error is not None and not ending.accepted:
        raise ending.error
    if ending.whole is None and not closed:
        log.info("stream_broken", **about(generation), reason=str(ending.error or "it ended"))
        await _broken_off(context, generation, state)
    return ending.whole


async def _read(
    context: Context,
    generation: Generation,
    call: HttpCall,
    send: MemoryObjectSendStream[bytes | None],
    ending: _Ending,
) -> None:
    """The reading side: None when the stream has begun, then every event."""
    route = context.route(generation)
    left_s = max(0.0, (generation.deadline_at - context.now()) / SECOND)
    async with send:
        try:
            async with context.transport.stream(call, route.answer_s, route.stream_idle_s) as reply:
                await until_stored(context, partial(note_pace, context, generation, reply.headers))
                if reply.http_status >= FIRST_REFUSAL or EVENT_STREAM not in reply.headers.get("content-type", ""):
                    ending.whole = await _whole(reply)
                    return
                ending.accepted = True
                await send.send(None)
                with anyio.move_on_after(left_s):
                    async for event in _events(reply.body):
                        await send.send(event)
        except (NotSent, NoAnswer) as error:
            ending.error = error


async def _handle_event(context: Context, generation: Generation, state: _StreamState, event: bytes | None) -> bool:
    """True if the event closed the generation. `event` None: it was accepted. Raises Refused for a "not now"."""
    if event is None:
        await _observe(context, generation, Reading(status=Status.SUBMITTED))
        log.info("generation_submitted", **about(replace(generation, status=Status.SUBMITTED)), external_id=None)
        return False
    read = context.adapter(generation).read_event
    reading = read_stream_event(read, event, state.target) if read else None
    nothing_begun = not state.begun
    news = state.news(reading) if reading else None
    if news is None:
        return False
    if news.failure is not None and acceptance_of(news.failure) is Acceptance.LATER and nothing_begun:
        raise Refused(news.failure)
    await _observe(context, generation, news)
    return news.status in CLOSED


async def _observe(context: Context, generation: Generation, reading: Reading) -> None:
    seen = observe(context, generation.id, Origin.STREAM, reading, VerifiedBy.SUBMIT)
    await until_stored(context, partial(settle_one, context, seen))


async def _broken_off(context: Context, generation: Generation, state: _StreamState) -> None:
    """Continues by polling where the stream ended; where nothing can be polled, settles what came."""
    if state.target.external_id is None and state.outputs:
        # Its outputs are there; more may have been to come, and nothing can be polled.
        notes = ("the stream broke off after these outputs",)
        reading = Reading(status=Status.COMPLETED, outputs=tuple(state.outputs.values()), notes=notes)
        await _observe(context, generation, reading)
        return
    if state.target.external_id is None:
        await until_stored(
            context, partial(settle_one, context, expired_observation(generation, context.now(), streamed=True))
        )
        return
    await until_stored(context, partial(_ask_now, context, generation))
    context.store.notify(Signal.POLL)


async def _ask_now(context: Context, generation: Generation) -> None:
    async with context.store.transaction() as tx:
        await generations.poll_now(tx, generation.id, context.now())


async def _events(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each event, up to the end or to the event that marks it.

    Raises NoAnswer for an event that never ends, and for a stream larger than any answer: what is read ahead, and its
    outputs, stay in memory.
    """
    parser, came = sse.Parser(EVENT_MAX_BYTES), 0
    async for chunk in body:
        came += len(chunk)
        try:
            for event in parser.feed(chunk):
                if event.data is None:
                    continue
                if event.data.strip() == sse.DONE:
                    return
                yield event.data
        except sse.TooLong as error:
            raise NoAnswer(Reason.TOO_LARGE, str(error)) from error
        if came > REPLY_MAX_BYTES:
            raise NoAnswer(Reason.TOO_LARGE, f"the stream is larger than {REPLY_MAX_BYTES} bytes")


async def _whole(reply: Streamed) -> HttpReply:
    body = bytearray()
    async for chunk in reply.body:
        body += chunk
        if len(body) > REPLY_MAX_BYTES:
            raise NoAnswer(Reason.TOO_LARGE, f"the answer is larger than {REPLY_MAX_BYTES} bytes")
    return HttpReply(http_status=reply.http_status, headers=reply.headers, body=bytes(body))
