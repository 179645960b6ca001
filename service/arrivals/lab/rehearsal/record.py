"""The record: what truly happened to every order, to compare with. It reads the rehearsal's state and changes nothing,
except that a closing webhook can be sent again, and orders that were compared can be forgotten.
"""

import math
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arrivals.lab.rehearsal import callbacks
from arrivals.lab.rehearsal.faults import WebhookFault
from arrivals.lab.rehearsal.state import Job, Order, Phase, RehearsalState


class ForgetRequest(msgspec.Struct):
    """The orders to forget, by provider and ref."""

    orders: list[tuple[str, str]]


def entry(order: Order, now: float) -> dict[str, Any]:
    """The truth about one order. Of several jobs the latest counts; polls and webhooks are summed over all of them."""
    job = order.jobs[-1] if order.jobs else None
    refused = order.refused_with if job is None else None
    webhooks = {
        "answers": dict(order.tally.answers),
        "sent": order.tally.sent,
        "answered_2xx": order.tally.answered_2xx,
        "refused_4xx": order.tally.refused_4xx,
        "lost": job is not None and job.voice is not None and WebhookFault.LOST in job.directive.webhook,
        "forged_sent": order.tally.forged_sent,
        "forged_refused": order.tally.forged_refused,
        "huge_refused": order.tally.huge_refused,
    }
    return {
        "provider": order.provider,
        "route": order.route,
        "ref": order.ref,
        "external_id": None if job is None else job.external_id,
        "submits": len(order.jobs),
        "refused": order.refused,
        "accepted_at": None if job is None else job.accepted_at,
        "ends_at": None if job is None else job.ends_at,
        "outcome": "failed" if job is None else _outcome(job, now),
        "code": _code(order, job, now),
        "outputs": list(job.files) if job is not None and _has_output(job, now) else [],
        "has_output": job is not None and _has_output(job, now),
        "refused_with": None if refused is None else {"http_status": refused.status, "code": refused.code},
        "answer_cut": order.answer_cut,
        "polls": sum(accepted.polls for accepted in order.jobs),
        "webhooks": webhooks,
    }


def _outcome(job: Job, now: float) -> str:
    phase = job.phase(now)
    return "running" if phase in {Phase.QUEUED, Phase.RUNNING} else phase.value


def _code(order: Order, job: Job | None, now: float) -> str | None:
    if job is None:
        return None if order.refused_with is None else order.refused_with.code
    return job.outcome.code if job.outcome is not None and job.phase(now) is Phase.FAILED else None


def _has_output(job: Job, now: float) -> bool:
    return job.phase(now) is Phase.COMPLETED and job.directive.empty != math.inf


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The record's paths."""

    async def all_orders(_request: Request) -> Response:
        now = rehearsal_state.now()
        jobs = [entry(order, now) for order in rehearsal_state.orders.values()]
        return JSONResponse(
            {"jobs": jobs, "keys_leaked": rehearsal_state.keys_leaked, "unknown_paths": rehearsal_state.unknown_paths}
        )

    def requested_order(request: Request) -> Order | None:
        return rehearsal_state.orders.get((request.path_params["provider"], request.path_params["ref"]))

    async def one_order(request: Request) -> Response:
        order = requested_order(request)
        if order is None:
            return JSONResponse({"rehearsal": "no such order"}, 404)
        return JSONResponse(entry(order, rehearsal_state.now()))

    async def forget(request: Request) -> Response:
        named = msgspec.json.decode(await request.body(), type=ForgetRequest).orders
        orders = [rehearsal_state.forget(provider, ref) for provider, ref in named]
        now = rehearsal_state.now()
        return JSONResponse({"jobs": [entry(order, now) for order in orders if order is not None]})

    async def resend(request: Request) -> Response:
        order = requested_order(request)
        job = order.jobs[-1] if order is not None and order.jobs else None
        if job is None or job.voice is None:
            return JSONResponse({"rehearsal": "no such order, or none that is called back"}, 404)
        if job.phase(rehearsal_state.now()) is not job.end:
            return JSONResponse({"rehearsal": "the job has not ended, or was canceled"}, 409)
        return JSONResponse({"answered": await callbacks.resend(rehearsal_state, job)})

    return [
        Route("/rehearsal/record", all_orders),
        Route("/rehearsal/record/forget", forget, methods=["POST"]),
        Route("/rehearsal/record/{provider}/{ref}", one_order),
        Route("/rehearsal/webhooks/{provider}/{ref}", resend, methods=["POST"]),
    ]
