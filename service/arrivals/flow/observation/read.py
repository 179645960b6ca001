"""Stored webhooks → observations, settled in one batch."""

from collections.abc import Sequence

import structlog

from arrivals.core.generation import GenerationKey, Origin, VerifiedBy
from arrivals.core.observation import Observation, Reading
from arrivals.flow.context import Context, NotConfigured
from arrivals.flow.observation.match import Members, addressee, members_of
from arrivals.flow.settlement.observe import hold_until
from arrivals.flow.settlement.settle import set_aside, settle_each
from arrivals.providers._shared.reading import read_message
from arrivals.providers.contract import Refused, Unreadable
from arrivals.store import generations, observations
from arrivals.store.engine.base import Unavailable
from arrivals.store.observations import StoredWebhook

log = structlog.get_logger()


async def claim(context: Context, limit: int) -> list[StoredWebhook]:
    """Webhooks that nobody has read yet. No lease is needed: a second reading of one is noticed when it is settled."""
    async with context.store.read_inline() as tx:
        return await observations.unread(tx, limit)


async def read(context: Context, stored: Sequence[StoredWebhook]) -> None:
    """Reads and settles them all; one that cannot be settled is flagged, and stops no other."""
    async with context.store.read_inline() as tx:
        about = await generations.keys_of(tx, [webhook.generation_id for webhook in stored])
        members = await members_of(tx, about)
    seen = [observation_of(context, webhook, about.get(webhook.generation_id), members) for webhook in stored]
    for webhook, result in zip(stored, await settle_each(context, seen), strict=True):
        if isinstance(result, Exception):
            log.error("webhook_settle_failed", webhook_id=webhook.id, exc_info=result)


async def fail(context: Context, stored: Sequence[StoredWebhook], _reason: Exception) -> None:
    """Reads each alone after all together failed; a webhook that fails alone is flagged and not read again."""
    for webhook in stored:
        try:
            await read(context, [webhook])
        except Unavailable:
            raise
        except Exception as error:
            log.exception("webhook_settle_failed", webhook_id=webhook.id)
            await set_aside(context, webhook.id, f"it could not be read: {type(error).__name__}")


def observation_of(
    context: Context, stored: StoredWebhook, about: GenerationKey | None, members: Members
) -> Observation:
    """The observation of a webhook, believed as far as it is authenticated. An unreadable one still causes a poll."""
    reading, unreadable = Reading(status=None), None
    if about is not None:
        try:
            about = addressee(context, stored, about, members)
            reading = _read(context, stored, about)
        except (Unreadable, NotConfigured, Refused) as error:
            unreadable = str(error)
            log.warning("webhook_unreadable", **_subject(stored, about))
        except Exception as error:  # a reader's mistake: the webhook is flagged, kept, and keeps nobody waiting
            unreadable = f"its reader failed: {type(error).__name__}"
            log.exception("webhook_reader_failed", **_subject(stored, about))
    verified_by = stored.verified_by
    if verified_by is None and about is not None and unreadable is None and not context.route(about).polls:
        verified_by = VerifiedBy.TOKEN  # nothing else can ever confirm it
    generation_id = about.id if about is not None else stored.generation_id
    return Observation(
        generation_id=generation_id,
        origin=Origin.WEBHOOK,
        at=stored.received_at,
        reading=reading,
        believed=verified_by is not None and unreadable is None,
        verified_by=verified_by,
        webhook_id=stored.id,
        unreadable_reason=unreadable,
        hold_until=hold_until(context, stored.received_at),
    )


def _subject(stored: StoredWebhook, about: GenerationKey) -> dict[str, str]:
    return {
        "webhook_id": stored.id, "generation_id": about.id, "provider": about.provider, "model": about.model,
    }  # fmt: skip


def _read(context: Context, stored: StoredWebhook, about: GenerationKey) -> Reading:
    read = context.adapter(about).read_webhook
    if read is None:
        raise Unreadable(f"the route {about.route} documents no webhooks")
    return read_message(read, stored.webhook, context.target(about))
