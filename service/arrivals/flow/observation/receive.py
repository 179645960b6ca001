"""An inbound webhook: open its token, verify it, keep the bytes, answer. Nothing is read before it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from arrivals.core.generation import VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.flow.batch import Batch, OnResult
from arrivals.flow.context import Context, NotConfigured, Upstream
from arrivals.flow.observation.repeats import keep, sift
from arrivals.providers.contract import SECRET_HEADERS, Unverified
from arrivals.store import observations
from arrivals.store.engine.signals import Signal
from arrivals.store.observations import StoredWebhook

log = structlog.get_logger()

HIDDEN = "********"


async def receive(context: Context, provider: str, token: str, webhook: InboundWebhook) -> StoredWebhook:
    """The webhook as it is now kept. Raises UnknownToken (bytes not kept), and what `receive_about` raises."""
    return await receive_about(context, provider, *context.callback_urls.open(provider, token), webhook)


async def receive_about(
    context: Context, provider: str, generation_id: str, account: str, webhook: InboundWebhook
) -> StoredWebhook:
    """The webhook as it is now kept, when its token was opened before its body was read.

    Raises Unverified (kept in the quarantine), and NotConfigured (the provider may repeat it: what it is verified by
    may be back by then).
    """
    batch, stored = _examined(context, provider, generation_id, account, webhook)
    return await batch.add(stored)


def receive_soon(
    context: Context,
    provider: str,
    generation_id: str,
    account: str,
    webhook: InboundWebhook,
    on_result: OnResult[StoredWebhook],
) -> None:
    """The same for a caller that cannot wait. Raises NotConfigured; `on_result` gets what `receive_about` returns."""
    batch, stored = _examined(context, provider, generation_id, account, webhook)
    batch.put(stored, on_result)


def _examined(
    context: Context, provider: str, generation_id: str, account: str, webhook: InboundWebhook
) -> tuple[Batch[StoredWebhook, StoredWebhook], StoredWebhook]:
    """The batch in which the webhook is stored, and the row."""
    upstream = context.upstreams.get((provider, account))
    if upstream is None:
        raise NotConfigured(f"{provider} has no account {account!r} in the settings")
    refusal: Unverified | None = None
    verified_by: VerifiedBy | None = None
    try:
        verified_by = _verified(context, upstream, generation_id, webhook)
    except Unverified as error:
        refusal = error
    now = context.now()
    stored = StoredWebhook(
        id=context.make_id("whk"),
        provider=provider,
        account=account,
        generation_id=generation_id,
        received_at=now,
        webhook=webhook,
        verified_by=verified_by,
        quarantined_at=now if refusal else None,
        refused_reason=str(refusal) if refusal else None,
    )
    return context.batches.quarantined if refusal else context.batches.webhooks, stored


async def keep_all(context: Context, stored: Sequence[StoredWebhook]) -> Sequence[StoredWebhook]:
    """Stores webhooks in one commit: all that came while the one before was at the disk."""
    async with context.store.transaction() as tx:
        sifted = await sift(context, tx, stored)
        await observations.insert_webhooks(tx, sifted.kept)
        if sifted.repeats:
            await keep(context, tx, sifted)
    context.store.notify(Signal.READ)
    if sifted.asked_about:
        context.store.notify(Signal.POLL)
    log.info("webhooks_stored", count=len(sifted.kept), counted=sifted.repeats.total())
    return sifted.became


async def quarantine_all(context: Context, stored: Sequence[StoredWebhook]) -> Sequence[Unverified]:
    """Stores webhooks that failed verification in the quarantine; they are refused once they are stored."""
    async with context.store.transaction() as tx:
        await observations.insert_webhooks(tx, stored)
        await observations.trim_quarantine(tx, context.policy.limits.quarantine_keep)
    for webhook in stored:
        log.warning(
            "webhook_unverified", webhook_id=webhook.id, generation_id=webhook.generation_id, provider=webhook.provider
        )
    return [Unverified(webhook.refused_reason) for webhook in stored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The proof that a webhook is the provider's; `verified_by` None where only its address says so."""

    verified_by: VerifiedBy | None


def verify_again(context: Context, stored: StoredWebhook) -> Verified | None:
    """The proof for a refused webhook by the current secrets; None if it still fails."""
    upstream = context.upstreams.get((stored.provider, stored.account))
    if upstream is None:
        return None
    try:
        return Verified(verified_by=_verified(context, upstream, stored.generation_id, stored.webhook))
    except Unverified:
        return None


def _verified(context: Context, upstream: Upstream, generation_id: str, webhook: InboundWebhook) -> VerifiedBy | None:
    """The proof of a webhook. Raises Unverified.

    Both the operator's secrets and those we generated count, so that setting one later refuses nothing under way.
    """
    secrets = upstream.account.webhook_secrets
    if secrets:
        try:
            return upstream.provider.verify(webhook, secrets)
        except Unverified:  # the generated secrets are computed only when they are needed
            pass
    return upstream.provider.verify(webhook, (*secrets, *context.callback_urls.webhook_secrets(generation_id)))


def shown_headers(webhook: InboundWebhook) -> dict[str, str]:
    """Headers with the secret ones hidden."""
    return {name: HIDDEN if name in SECRET_HEADERS else value for name, value in webhook.headers.items()}
