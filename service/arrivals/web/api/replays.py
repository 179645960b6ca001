"""Replays: start, list, show, cancel; one webhook at once."""

from dataclasses import asdict
from typing import Any

from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.core.wire import rfc3339
from arrivals.flow.admin.replay import cancel, replay_one, start
from arrivals.flow.submission.order import stored
from arrivals.store import observations, replays, subscribers
from arrivals.store.engine.base import Missing
from arrivals.store.generations import LAST, NEVER
from arrivals.store.replays import Filters, Replay, ReplayKind
from arrivals.web.api.delivery_schemas import (
    ReplayBody,
    ReplayOneBody,
    ReplaysQuery,
)
from arrivals.web.api.generations import moment
from arrivals.web.api.replay_schemas import ReplayedSchema, ReplayPage, ReplaySchema
from arrivals.web.endpoint import Call, Endpoint, json_response, page_response
from arrivals.web.errors import FieldError, refused

# kind: the filters that apply to it
CONCERNED = {
    ReplayKind.WEBHOOKS: {"provider", "generation", "finding"},
    ReplayKind.QUARANTINE: {"provider", "generation"},
    ReplayKind.EVENTS: {"provider", "model", "generation", "type", "subscriber", "missed"},
}


async def start_one(call: Call) -> Response:
    """Starts a replay: 202. A worker takes it up at once, and continues it after a restart."""
    body: ReplayBody = call.body
    requested, kind = body.filters, ReplayKind(body.kind)
    filters = Filters(
        provider=requested.provider,
        model=requested.model,
        generation=requested.generation,
        finding=requested.finding,
        type=requested.type,
        subscriber=requested.subscriber,
        since=moment(requested.since, 0),
        until=moment(requested.until, NEVER),
        missed=requested.missed,
    )
    _check(kind, filters)
    if filters.subscriber is not None:
        async with call.context.store.reading() as tx:
            await subscribers.by_id(tx, filters.subscriber)
    replay = await start(call.context, kind, filters, dry_run=body.dry_run, rate_per_s=body.rate_per_s)
    return json_response(shown(replay), 202, call.location("replays", replay.id))


def _check(kind: ReplayKind, filters: Filters) -> None:
    named = {name for name in ("provider", "model", "generation", "finding", "type", "subscriber", "missed")
             if getattr(filters, name)}  # fmt: skip
    detail = f"means nothing for {kind}; leave it out"
    wrong = [FieldError(f"filters.{name}", detail) for name in sorted(named - CONCERNED[kind])]
    if wrong:
        raise refused(wrong)


async def list_page(call: Call) -> Response:
    """Lists replays, newest first."""
    query: ReplaysQuery = call.query
    async with call.context.store.reading() as tx:
        page = await replays.listed(tx, query.limit, query.after or LAST)
    return page_response(page, shown)


async def show(call: Call) -> Response:
    """Shows the progress of a replay."""
    async with call.context.store.reading() as tx:
        return json_response(shown(await replays.by_id(tx, call.path("id"))))


async def cancel_one(call: Call) -> Response:
    """Cancels a replay; what it did stays."""
    return json_response(shown(await cancel(call.context, call.path("id"))))


async def replay_webhook(call: Call) -> Response:
    """Replays one stored webhook, now."""
    body: ReplayOneBody = call.body
    webhook_id = call.path("id")
    finding = await replay_one(call.context, webhook_id, dry_run=body.dry_run)
    async with call.context.store.reading() as tx:
        webhook = await observations.webhook_by_id(tx, webhook_id)
    try:
        status = (await stored(call.context, webhook.generation_id)).status
    except Missing:
        status = None  # its generation was pruned
    payload = {"webhook_id": webhook_id, "finding": finding, "status": status, "dry_run": body.dry_run}
    return json_response(payload)


def shown(replay: Replay) -> dict[str, Any]:
    """A replay as the API shows it."""
    filters = {name: value for name, value in asdict(replay.filters).items() if value not in (None, False)}
    moments = {"since": rfc3339(replay.filters.since or None), "until": rfc3339(replay.filters.until)}
    return {
        "id": replay.id,
        "kind": replay.kind,
        "filters": filters | moments,
        "dry_run": replay.dry_run,
        "rate_per_s": replay.rate_per_s,
        "status": replay.status,
        "failed_reason": replay.failed_reason,
        "total": replay.total,
        "done": replay.done,
        "findings": dict(replay.findings),
        "created_at": rfc3339(replay.created_at),
        "finished_at": rfc3339(replay.finished_at),
    }


ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1/replays", operation="createReplay",
        tag="Replays", summary="Start a replay",
        description=(
            "Reads stored webhooks again, verifies those in quarantine, or sends events again. A worker takes it "
            "up at once, and continues it after a restart. 404 if there is no such subscriber."
        ),
        scope=Scope.ADMIN, handle=start_one, body=ReplayBody,
        answers={202: ReplaySchema}, answer_headers={"Location": "the path of the replay"},
        refuses=(404,),
    ),
    Endpoint(
        method="GET", path="/v1/replays", operation="listReplays",
        tag="Replays", summary="List replays",
        description="Newest first.",
        scope=Scope.READ, handle=list_page, query=ReplaysQuery,
        answers={200: ReplayPage},
    ),
    Endpoint(
        method="GET", path="/v1/replays/{id}", operation="getReplay",
        tag="Replays", summary="Show a replay",
        description="With its progress and its findings.",
        scope=Scope.READ, handle=show,
        answers={200: ReplaySchema},
    ),
    Endpoint(
        method="POST", path="/v1/replays/{id}/cancel", operation="cancelReplay",
        tag="Replays", summary="Cancel a replay",
        description="What it did stays. 409 if it has ended.",
        scope=Scope.ADMIN, handle=cancel_one,
        refuses=(409,), answers={200: ReplaySchema},
    ),
    Endpoint(
        method="POST", path="/v1/webhooks/{id}/replay", operation="replayWebhook",
        tag="Webhooks", summary="Read a stored webhook again",
        description="Reads the webhook as if it came now, and answers with the finding. 409 if it is in quarantine.",
        scope=Scope.ADMIN, handle=replay_webhook, body=ReplayOneBody,
        refuses=(409,), answers={200: ReplayedSchema},
    ),
)  # fmt: skip
