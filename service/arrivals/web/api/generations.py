"""Generations: submit, read, list, timeline, poll, cancel, outputs."""

from contextlib import suppress
from typing import Any

import anyio
import msgspec
from starlette.responses import Response
import structlog

from arrivals.core.api_key import Scope
from arrivals.core.event import public
from arrivals.core.generation import Generation
from arrivals.core.ids import BEYOND, ENTROPY_BYTES, make_id
from arrivals.core.shorten import shortened
from arrivals.core.wire import SECOND, Micros, from_json, read_rfc3339
from arrivals.flow.admin.timeline import BEGINNING, read_place, timeline
from arrivals.flow.context import Context
from arrivals.flow.observation.poll import AskedLately, claim_one, poll
from arrivals.flow.off_loop import run_off_loop
from arrivals.flow.submission.cancel import cancel
from arrivals.flow.submission.order import OrderRequest, order, order_bulk, stored
from arrivals.store import generations
from arrivals.store.generation_lists import GenerationQuery, listed
from arrivals.store.generations import LAST, NEVER
from arrivals.web.api.lookup_schemas import GenerationsQuery, GenerationWithInputSchema, OrderInputSchema
from arrivals.web.api.schemas import (
    BulkBody,
    GenerationPage,
    GenerationSchema,
    OrderBody,
    TimelineQuery,
    TimelineSchema,
    WaitQuery,
)
from arrivals.web.endpoint import Call, Endpoint, json_response, page_response
from arrivals.web.errors import Problem, invalid
from arrivals.web.preferences import preferred_wait
from arrivals.web.request_body import FILES_MAX_BYTES

log = structlog.get_logger()

SLACK: Micros = 60 * SECOND  # an id is generated a little before its order is stored
MAX_KEY_LENGTH = 255


async def submit_order(call: Call) -> Response:
    """Orders a generation: 202 as soon as it is stored; with `Prefer: wait=SECONDS`, 200 if it closes in time."""
    body: OrderBody = call.body
    generation = await order(call.context, _order_request(call, body, body.input))
    headers = call.location("generations", generation.id)
    wait_s = preferred_wait(call.request.headers.getlist("prefer"))
    if wait_s is not None:
        try:
            generation = await _held_until_closed(call, generation.id, wait_s)
            headers["preference-applied"] = f"wait={wait_s:.0f}"
        except Problem:  # a preference may be ignored; the order is taken
            log.info("wait_skipped", generation_id=generation.id, key_id=call.key.id)
    return json_response(public(generation), 200 if generation.closed else 202, headers)


async def submit_bulk(call: Call) -> Response:
    """Orders several generations: 202 with all, in the order of their inputs, as soon as they are stored."""
    body: BulkBody = call.body
    ordered = await order_bulk(call.context, _order_request(call, body, {}), body.inputs)
    return json_response({"data": [public(generation) for generation in ordered], "next": None}, 202)


def _order_request(call: Call, body: OrderBody | BulkBody, order_input: dict[str, Any]) -> OrderRequest:
    key = call.request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_KEY_LENGTH:
        raise invalid("Idempotency-Key", f"must have 1 to {MAX_KEY_LENGTH} characters")
    return OrderRequest(
        provider=body.provider,
        model=body.model,
        input=order_input,
        account=body.account,
        callback_url=body.callback_url,
        metadata=body.metadata,
        deadline_s=body.deadline_s,
        owner=call.key.owner,
        api_key=call.key.id,
        idempotency_key=key,
        size=int(call.request.headers.get("content-length") or FILES_MAX_BYTES),
    )


async def read_one(call: Call) -> Response:
    """Shows a generation as it is now, or as soon as it closes within `wait`."""
    query: WaitQuery = call.query
    generation = await _held_until_closed(call, call.path("id"), query.wait)
    async with call.context.store.read_inline() as tx:
        text = await generations.order_text(tx, generation.id)
    order_input = await run_off_loop(len(text), lambda: shortened(from_json(text)))
    return json_response({**public(generation), "input": order_input})


async def show_input(call: Call) -> Response:
    """Shows the input of an order, whole."""
    async with call.context.store.read_inline() as tx:
        text = await generations.order_text(tx, call.path("id"))
    return json_response({"input": msgspec.Raw(text.encode())})


async def _held_until_closed(call: Call, generation_id: str, wait_s: float) -> Generation:
    """The generation when it closes, or at the end of the wait. Raises Problem (429) where too many wait."""
    over = call.hold() if wait_s else None
    try:
        return await _until_closed(call.context, generation_id, wait_s)
    finally:
        if over is not None:
            over()


async def _until_closed(context: Context, generation_id: str, wait_s: float) -> Generation:
    if wait_s:
        with context.process.waiters.waiting_for(context.store, generation_id) as ended, anyio.move_on_after(wait_s):
            if not (await stored(context, generation_id)).ended and not context.process.ending.is_set():
                await ended.wait()
    return await stored(context, generation_id)


async def list_page(call: Call) -> Response:
    """Lists generations, newest first."""
    query: GenerationsQuery = call.query
    since, until = moment(query.since, 0), moment(query.until, NEVER)
    listing = GenerationQuery(
        statuses=tuple(dict.fromkeys(query.status)),
        provider=query.provider,
        model=query.model,
        external_id=query.external_id,
        api_key=query.api_key,
        metadata=query.metadata,
        since=since,
        until=until,
        before=min(query.after or LAST, _id_at(until + SLACK)),
        not_before=_id_at(since - SLACK),
        limit=query.limit,
    )
    async with call.context.store.reading() as tx:
        page = await listed(tx, listing)
    return page_response(page, public)


def _id_at(at: Micros) -> str:
    """The first id of a moment; ids begin with their time."""
    return LAST if at >= BEYOND else make_id("gen", max(0, at), bytes(ENTROPY_BYTES))


def moment(text: str | None, default: Micros) -> Micros:
    """A moment of a query or a body, which was validated with it."""
    return default if text is None else read_rfc3339(text)


async def show_timeline(call: Call) -> Response:
    """Shows every webhook, observation, event, delivery, attempt and call, in order, page by page."""
    query: TimelineQuery = call.query
    behind = read_place(query.after) if query.after is not None else BEGINNING
    return json_response(await timeline(call.context, call.path("id"), behind, query.limit))


async def poll_now(call: Call) -> Response:
    """Polls the provider now, whatever the schedule; after a very recent poll, shows the stored generation."""
    generation = await stored(call.context, call.path("id"))
    if generation.external_id is None:  # one that only a hint named is good enough
        raise Problem(
            409, "not_pollable", "the provider has not named this generation yet; there is nothing to ask about"
        )
    if not generation.closed or generation.cost is None:  # some providers report the cost in polls alone
        with suppress(AskedLately):
            await poll(call.context, await claim_one(call.context, generation.id))
    return json_response(public(await stored(call.context, generation.id)))


async def cancel_one(call: Call) -> Response:
    """Withdraws a generation from our queue, or cancels it at its provider where that is possible."""
    await cancel(call.context, call.path("id"))
    return json_response(public(await stored(call.context, call.path("id"))))


WAIT = {"Prefer": "`wait=SECONDS`, at most 300, holds the answer until the generation closes (RFC 7240)"}
IDEMPOTENCY = {
    "Idempotency-Key": "the same key is the same order: it is stored and submitted once; 255 characters at most"
}

ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1/generations", operation="createGeneration",
        tag="Generations", summary="Order a generation",
        description=(
            "The order is stored, and the provider's work begins. The answer is 202 with the stored generation; "
            "with `Prefer: wait=SECONDS` it is held until the generation closes, and is 200 if that happened in "
            "time. An order that its provider would certainly refuse is answered 422 `refused_by_preflight`, with "
            "the `failure`."
        ),
        scope=Scope.SUBMIT, handle=submit_order, body=OrderBody, files=True,
        answers={202: GenerationSchema, 200: GenerationSchema},
        headers=WAIT | IDEMPOTENCY,
        answer_headers={
            "Location": "the path of the generation",
            "Preference-Applied": "the wait that was applied, if one was preferred",
        },
    ),
    Endpoint(
        method="POST", path="/v1/generations/bulk", operation="createGenerations",
        tag="Generations", summary="Order several generations of one model in one call",
        description=(
            "For providers that take several orders in one call. Each of the `inputs` becomes a generation of its "
            "own; all have the same `bulk_id`. The answer has them in the order of the inputs."
        ),
        scope=Scope.SUBMIT, handle=submit_bulk, body=BulkBody, files=True,
        answers={202: GenerationPage},
        headers=IDEMPOTENCY,
    ),
    Endpoint(
        method="GET", path="/v1/generations", operation="listGenerations",
        tag="Generations", summary="List generations",
        description="Newest first, filtered by what they are and by what was ordered.",
        scope=Scope.READ, handle=list_page, query=GenerationsQuery,
        answers={200: GenerationPage},
    ),
    Endpoint(
        method="GET", path="/v1/generations/{id}", operation="getGeneration",
        tag="Generations", summary="Show a generation",
        description="With `wait` the answer is held until the generation closes, or until the seconds are over.",
        scope=Scope.READ, handle=read_one, query=WaitQuery,
        answers={200: GenerationWithInputSchema},
    ),
    Endpoint(
        method="GET", path="/v1/generations/{id}/input", operation="getInput",
        tag="Generations", summary="Show the input of an order",
        description="The input as it came, whole. In the generation itself, long strings are cut to their beginning.",
        scope=Scope.READ, handle=show_input,
        answers={200: OrderInputSchema},
    ),
    Endpoint(
        method="GET", path="/v1/generations/{id}/timeline", operation="getTimeline",
        tag="Generations", summary="Show everything that happened to a generation",
        description=(
            "Every webhook, observation, event, delivery and attempt, and every call to the provider, in order, "
            "page by page."
        ),
        scope=Scope.READ, handle=show_timeline,
        query=TimelineQuery,
        answers={200: TimelineSchema},
    ),
    Endpoint(
        method="POST", path="/v1/generations/{id}/poll", operation="pollGeneration",
        tag="Generations", summary="Ask the provider now",
        description=(
            "Asks how the work is going, whatever the schedule, and answers with the generation as it is then. "
            "Within two seconds of a poll it answers without asking again. 409 if the provider has not named the "
            "generation yet."
        ),
        scope=Scope.SUBMIT, handle=poll_now,
        refuses=(409, 429), answers={200: GenerationSchema},
    ),
    Endpoint(
        method="POST", path="/v1/generations/{id}/cancel", operation="cancelGeneration",
        tag="Generations", summary="Cancel a generation",
        description=(
            "Withdraws an order that was not sent yet; otherwise asks the provider, where it documents a "
            "cancellation. 409 `not_cancelable` where it does not."
        ),
        scope=Scope.SUBMIT, handle=cancel_one,
        refuses=(409, 429), answers={200: GenerationSchema},
    ),
)  # fmt: skip
