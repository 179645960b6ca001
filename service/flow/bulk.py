"""Whose webhook it is, where several generations were ordered with one callback URL."""

from collections.abc import Mapping, Sequence

from service.core.generation import Generation
from service.flow.tools import Tools
from service.providers.base import Unreadable
from service.store import generations
from service.store.base import Tx
from service.store.observations import StoredWebhook

Members = Mapping[str, Sequence[tuple[Generation, Mapping[str, object]]]]  # by bulk_id: each with its order's input


async def members_of(tx: Tx, about: Mapping[str, Generation]) -> Members:
    """Every bulk order that one of these generations belongs to."""
    bulks = await generations.of_bulks(tx, sorted({one.bulk_id for one in about.values() if one.bulk_id}))
    return {
        bulk_id: [(known.generation, await generations.order_input(tx, known.generation.id)) for known in members]
        for bulk_id, members in bulks.items()
    }


def addressee(tools: Tools, stored: StoredWebhook, about: Generation, members: Members) -> Generation:
    """The generation that a webhook speaks of: by its external id, or before that is known, by what was asked for.

    Raises Unreadable when it is none of them.
    """
    bulk = tools.dialect(about).bulk
    if about.bulk_id is None or bulk is None:
        return about
    read = tools.dialect(about).read_webhook
    named = read(stored.webhook, tools.target(about)).external_id if read else None
    siblings = members.get(about.bulk_id, ())
    for sibling, _ in siblings:
        if named is not None and sibling.external_id == named:
            return sibling
    nameless = [(sibling, given) for sibling, given in siblings if sibling.external_id is None]
    place = bulk.whose(stored.webhook.body, [given for _, given in nameless])
    if place is None:
        raise Unreadable(f"no generation of {about.bulk_id} is known as {named}")
    return nameless[place][0]
