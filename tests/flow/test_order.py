from dataclasses import replace

import pytest

from service.core.generation import Status
from service.flow.order import Asked, KeyReused, Unorderable, order
from service.store import generations
from tests.flow.conftest import ASKED


async def test_an_order_is_stored_before_it_is_answered(tools):
    generation = await order(tools, Asked(**ASKED, metadata={"order": "42"}))

    async with tools.store.reading() as tx:
        stored = (await generations.by_id(tx, generation.id)).generation
        asked = await generations.order_input(tx, generation.id)

    assert stored == generation
    assert Status.PENDING == stored.status
    assert {"prompt": "a red fox"} == asked


async def test_the_same_key_is_the_same_order(tools):
    first = await order(tools, Asked(**ASKED, owner="key_1", idempotency_key="k"))
    second = await order(tools, Asked(**ASKED, owner="key_1", idempotency_key="k"))
    of_another = await order(tools, Asked(**ASKED, owner="key_2", idempotency_key="k"))

    assert first == second
    assert first.id != of_another.id


async def test_a_key_cannot_be_used_for_another_order(tools):
    await order(tools, Asked(**ASKED, idempotency_key="k"))

    with pytest.raises(KeyReused):
        await order(tools, Asked(**{**ASKED, "model": "another"}, idempotency_key="k"))


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"provider": "nobody"}, "provider", "ARRIVALS_NOBODY_API_KEY"),
        ({"account": "team_b"}, "account", "it has default"),
        ({"provider": "runblob", "model": "sora-9"}, "model", "gemini, kling/o3-photo"),
        ({"callback_url": "ftp://example.com"}, "callback_url", "https://"),
        ({"callback_url": "https://user:pass@example.com/x"}, "callback_url", "credentials"),
        ({"deadline_s": 0.0}, "deadline_s", "more than 0"),
        ({"deadline_s": 1e9}, "deadline_s", "at most"),
    ],
)
async def test_what_cannot_be_ordered_is_refused_by_field(tools, changed, field, says):
    with pytest.raises(Unorderable, match=says) as refused:
        await order(tools, Asked(**{**ASKED, **changed}))

    assert field == refused.value.field


async def test_without_a_public_url_no_webhook_is_expected(tools):
    alone = replace(tools, callbacks=replace(tools.callbacks, public_url=None))

    generation = await order(alone, Asked(**ASKED))

    assert generation.webhook_expected is False
    assert alone.callbacks.url("eachlabs", "default", generation.id) is None
