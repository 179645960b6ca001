"""The choice between webhooks that are stored and repeats that are only counted on a stored one.

The first few of a generation are stored whatever they are, without comparing. From then on one with the same content
and verification as a stored one is counted there. Of those that nothing verifies, a limited number is stored in a day;
beyond that they are counted on the last of them, and still cause a poll: it is the answer that is believed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import hashlib

from msgspec.structs import replace

from arrivals.core.generation import GenerationKey
from arrivals.core.wire import SECOND, Micros
from arrivals.flow.context import Context, NotConfigured
from arrivals.flow.settlement.schedule import ASK_AGAIN
from arrivals.store import generations, webhook_repeats
from arrivals.store.engine.base import Tx
from arrivals.store.observations import StoredWebhook
from arrivals.store.webhook_repeats import Hints

FEW = 8  # webhooks of one generation that are not compared with others
MAX_HINTS = 64  # beyond those few, of one generation in one day
MAX_HINT_BYTES = 4 * 1024 * 1024
DAY: Micros = 24 * 3600 * SECOND


@dataclass(slots=True, kw_only=True)
class Sifted:
    """Webhooks to store; the stored row of each, in the order in which they came; the generations to poll."""

    kept: list[StoredWebhook]
    became: list[StoredWebhook]
    repeats: Counter[str] = field(default_factory=Counter)
    asked_about: set[str] = field(default_factory=set)


async def sift(context: Context, tx: Tx, stored: Sequence[StoredWebhook]) -> Sifted:
    """Decides which of these webhooks are stored and which are counted."""
    frequent = {webhook.id for webhook in stored if context.process.frequency.count(webhook.generation_id) > FEW}
    if not frequent:
        return Sifted(kept=[*stored], became=[*stored])
    compared = [replace(webhook, digest=_digest(webhook)) for webhook in stored if webhook.id in frequent]
    marked = {webhook.id: webhook for webhook in compared}
    alike = await webhook_repeats.same_as(tx, compared)
    hints = await _hints(context, tx, compared)
    sifted = Sifted(kept=[], became=[])
    for arrived in stored:
        webhook = marked.get(arrived.id, arrived)
        original_id = _original_id(webhook, alike, hints)
        if original_id is None:
            sifted.kept.append(webhook)
            if webhook.digest is not None:
                alike[webhook.generation_id, webhook.digest] = webhook.id
        else:
            sifted.repeats[original_id] += 1
            if webhook.verified_by is None and webhook.generation_id in hints:
                sifted.asked_about.add(webhook.generation_id)
        sifted.became.append(webhook if original_id is None else replace(webhook, id=original_id))
    return sifted


async def keep(context: Context, tx: Tx, sifted: Sifted) -> None:
    """Counts what is not stored, and schedules the polls that it hints at.

    Generations are locked before webhooks, as settling does, or two would wait for each other.
    """
    await generations.hinted(tx, sorted(sifted.asked_about), context.now(), ASK_AGAIN)
    await webhook_repeats.count(tx, sifted.repeats)


def _original_id(stored: StoredWebhook, alike: Mapping[tuple[str, str], str], hints: dict[str, Hints]) -> str | None:
    """The id of the stored webhook that this one is counted on; None if it is stored itself."""
    if stored.digest is None:
        return None
    original_id = alike.get((stored.generation_id, stored.digest))
    if original_id is not None or stored.verified_by is not None or stored.generation_id not in hints:
        return original_id
    today = hints[stored.generation_id]
    if today.count >= MAX_HINTS or (today.count and today.size + len(stored.webhook.body) > MAX_HINT_BYTES):
        return today.last
    hints[stored.generation_id] = today.plus(stored)
    return None


async def _hints(context: Context, tx: Tx, compared: Sequence[StoredWebhook]) -> dict[str, Hints]:
    """Today's stored hints, by generation, of those that can be polled: only there is such a webhook a mere hint.

    Where nothing can be polled, a webhook that nothing verifies is all there will ever be.
    """
    unvouched = {webhook.generation_id for webhook in compared if webhook.verified_by is None}
    about = await generations.keys_of(tx, sorted(unvouched)) if unvouched else {}
    askable = {generation_id for generation_id in unvouched if _can_be_asked(context, about.get(generation_id))}
    now = context.now()
    hints = await webhook_repeats.hints_since(tx, askable, now - now % DAY) if askable else {}
    return {generation_id: hints.get(generation_id, Hints()) for generation_id in askable}


def _can_be_asked(context: Context, about: GenerationKey | None) -> bool:
    """True for a generation that can be polled, or that is gone and need not be."""
    try:
        return about is None or context.route(about).polls
    except NotConfigured:
        return False


def _digest(stored: StoredWebhook) -> str:
    """The digest of the bytes and of how they are verified; a newer signature does not make it another webhook."""
    digest = hashlib.sha256(f"{stored.verified_by}\n{stored.webhook.headers.get('content-type')}\n".encode())
    digest.update(stored.webhook.body)
    return digest.hexdigest()
