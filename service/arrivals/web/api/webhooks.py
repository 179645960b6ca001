"""Stored webhooks: list, show. Signatures and secrets are never shown, wherever they are repeated."""

import base64
from functools import partial
from typing import Any

from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.core.wire import rfc3339
from arrivals.flow.exchange.masking import mask_about
from arrivals.flow.observation.receive import shown_headers
from arrivals.flow.off_loop import run_off_loop
from arrivals.store import observations, webhook_lists
from arrivals.store.generations import LAST, NEVER
from arrivals.store.observations import StoredWebhook
from arrivals.store.webhook_lists import WebhookFacts, WebhookQuery
from arrivals.web.api.generations import moment
from arrivals.web.api.schemas import WebhookPage, WebhooksQuery, WebhookWithBodySchema
from arrivals.web.endpoint import Call, Endpoint, json_response, page_response


async def list_page(call: Call) -> Response:
    """Lists stored webhooks, newest first, without headers and body."""
    query: WebhooksQuery = call.query
    listing = WebhookQuery(
        provider=query.provider,
        generation_id=query.generation,
        finding=query.finding,
        verification=None if query.verified is None else "yes" if query.verified else "no",
        since=moment(query.since, 0),
        until=moment(query.until, NEVER),
        before=query.after or LAST,
        limit=query.limit,
    )
    async with call.context.store.reading() as tx:
        page = await webhook_lists.listed(tx, listing)
    return page_response(page, lambda facts: _shown(facts, facts.size))


async def show(call: Call) -> Response:
    """Shows one webhook with its headers and its body."""
    async with call.context.store.reading() as tx:
        stored = await observations.webhook_by_id(tx, call.path("id"))
    raw = stored.webhook.body
    mask = mask_about(call.context, stored.provider, stored.account, stored.generation_id)
    body = await run_off_loop(len(raw), partial(mask.octets, raw))
    try:
        text, in_base64 = body.decode(), False
    except UnicodeDecodeError:
        text, in_base64 = base64.b64encode(body).decode(), True
    headers = {mask.text(name): mask.text(value) for name, value in shown_headers(stored.webhook).items()}
    return json_response(_shown(stored, len(raw)) | {"headers": headers, "body": text, "body_base64": in_base64})


def _shown(stored: StoredWebhook | WebhookFacts, size: int) -> dict[str, Any]:
    return {
        "id": stored.id,
        "provider": stored.provider,
        "account": stored.account,
        "generation_id": stored.generation_id,
        "received_at": rfc3339(stored.received_at),
        "verified_by": stored.verified_by,
        "quarantined_at": rfc3339(stored.quarantined_at),
        "refused_reason": stored.refused_reason,
        "read_at": rfc3339(stored.read_at),
        "finding": stored.finding,
        "unreadable_reason": stored.unreadable_reason,
        "bytes": size,
        "repeats": stored.repeats,
    }


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/webhooks", operation="listWebhooks",
        tag="Webhooks", summary="List stored webhooks",
        description=(
            "Newest first, without headers and bodies. Those that nothing verified are in quarantine and listed "
            "too."
        ),
        scope=Scope.READ, handle=list_page, query=WebhooksQuery,
        answers={200: WebhookPage},
    ),
    Endpoint(
        method="GET", path="/v1/webhooks/{id}", operation="getWebhook",
        tag="Webhooks", summary="Show a stored webhook",
        description="With its headers and body. Secrets and signatures are masked.",
        scope=Scope.READ, handle=show,
        answers={200: WebhookWithBodySchema},
    ),
)  # fmt: skip
