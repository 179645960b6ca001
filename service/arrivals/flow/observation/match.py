"""The match of a webhook to its generation, where several were ordered with one callback URL."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from arrivals.core.generation import Generation, GenerationKey
from arrivals.core.observation import Reading, same_id
from arrivals.flow.context import Context
from arrivals.providers._shared.reading import read_message
from arrivals.providers._shared.tolerance import mended
from arrivals.providers.contract import Refused, Unreadable
from arrivals.store import generations
from arrivals.store.engine.base import Tx
from arrivals.store.observations import StoredWebhook

Answer = Reading | Refused
Members = dict[str, list[tuple[Generation, Mapping[str, object]]]]  # by bulk_id: each with its order's input


async def members_of(tx: Tx, about: Mapping[str, GenerationKey]) -> Members:
    """Every bulk order that one of these generations belongs to."""
    bulks = await generations.of_bulks(tx, sorted({key.bulk_id for key in about.values() if key.bulk_id}))
    return {
        bulk_id: [(member.generation, await generations.order_input(tx, member.generation.id)) for member in members]
        for bulk_id, members in bulks.items()
    }


def addressee(context: Context, stored: StoredWebhook, about: GenerationKey, members: Members) -> GenerationKey:
    """The generation that a webhook is about: by its external id, or before that is known, by its input.

    A generation that is found by its input has that id from here on, also for the next webhook of the same batch.
    Raises Unreadable when it is none of them.
    """
    bulk = context.adapter(about).bulk
    bulk_id = about.bulk_id
    if bulk_id is None or bulk is None:
        return about
    read = context.adapter(about).read_webhook
    named = read_message(read, stored.webhook, context.target(about)).external_id if read else None
    siblings = members.get(bulk_id, [])
    for sibling, _ in siblings:
        if named is not None and sibling.external_id is not None and same_id(sibling.external_id, named):
            return sibling
    nameless = [index for index, (sibling, _) in enumerate(siblings) if sibling.external_id is None]
    body = mended(stored.webhook.body) or stored.webhook.body
    position = bulk.match_input(body, [siblings[index][1] for index in nameless])
    if position is None:
        raise Unreadable(f"no generation of {bulk_id} is known as {named}")
    sibling, order_input = siblings[nameless[position]]
    siblings[nameless[position]] = (replace(sibling, external_id=named), order_input)
    return sibling


def shared_out(answers: Sequence[Answer], group: Sequence[Generation]) -> list[Answer]:
    """Each generation's part of the answer: its own place's, unless a webhook has already given that id to a twin."""
    owners = {generation.external_id: place for place, generation in enumerate(group) if generation.external_id}
    parts: dict[int, Answer] = {}
    free: list[tuple[int, Answer]] = []
    for place, answer in enumerate(answers):
        owner = owners.get(answer.external_id or "") if isinstance(answer, Reading) else None
        if owner is None:
            free.append((place, answer))
        else:
            parts[owner] = answer
    left = [place for place in range(len(answers)) if place not in parts]
    for place, answer in free:
        taken = place if place in left else left[0]
        left.remove(taken)
        parts[taken] = answer
    return [parts[place] for place in range(len(answers))]
