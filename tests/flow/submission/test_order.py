from dataclasses import replace
from typing import Any

import anyio
import pytest

from arrivals.core.generation import Status
from arrivals.flow.submission.order import InvalidOrder, KeyReused, OrderRequest, RefusedByPreflight, order, order_bulk
from arrivals.providers import eachlabs
from arrivals.providers._shared.limits import between, required
from arrivals.providers.eachlabs.workflows import WORKFLOWS
from arrivals.store import generations
from arrivals.store.generation_lists import GenerationQuery, listed
from tests.flow.conftest import ORDER


async def test_an_order_is_stored_before_it_is_answered(context):
    generation = await order(context, OrderRequest(**ORDER, metadata={"order": "42"}))

    async with context.store.reading() as tx:
        stored = (await generations.by_id(tx, generation.id)).generation
        stored_input = await generations.order_input(tx, generation.id)

    assert stored == generation
    assert Status.PENDING == stored.status
    assert {"prompt": "a red fox"} == stored_input


async def test_the_same_key_is_the_same_order(context):
    first = await order(context, OrderRequest(**ORDER, owner="key_1", idempotency_key="k"))
    second = await order(context, OrderRequest(**ORDER, owner="key_1", idempotency_key="k"))
    of_another = await order(context, OrderRequest(**ORDER, owner="key_2", idempotency_key="k"))

    assert first == second
    assert first.id != of_another.id


async def test_a_key_cannot_be_used_for_another_order(context):
    await order(context, OrderRequest(**ORDER, idempotency_key="k"))

    with pytest.raises(KeyReused):
        await order(context, OrderRequest(**{**ORDER, "model": "another"}, idempotency_key="k"))


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"provider": "nobody"}, "provider", "there are aihubmix, eachlabs"),
        ({"provider": "runblb"}, "provider", "did you mean runblob"),
        ({"account": "team_b"}, "account", "it has default"),
        ({"provider": "runblob", "model": "sora-9"}, "model", "gemini, kling, kling/o1-photo"),
        ({"callback_url": "ftp://example.com"}, "callback_url", "https://"),
        ({"callback_url": "https://user:pass@example.com/x"}, "callback_url", "credentials"),
        ({"deadline_s": 0.0}, "deadline_s", "more than 0"),
        ({"deadline_s": 1e9}, "deadline_s", "at most"),
    ],
)
async def test_what_cannot_be_ordered_is_refused_by_field(context, changed, field, says):
    with pytest.raises(InvalidOrder, match=says) as refused:
        await order(context, OrderRequest(**{**ORDER, **changed}))

    assert [field] == [*refused.value.mistakes]


async def test_every_mistake_of_an_order_is_named_at_once(context):
    wrong = {"provider": "runblob", "model": "sora-9", "callback_url": "ftp://a", "deadline_s": -1.0}

    with pytest.raises(InvalidOrder) as refused:
        await order(context, OrderRequest(**{**ORDER, **wrong}))

    assert ["model", "callback_url", "deadline_s"] == [*refused.value.mistakes]


async def test_every_limit_that_an_order_breaks_is_named_at_once(context, monkeypatch):
    limits = (required("prompt"), between("steps", 1, 50), required("prompt"))
    monkeypatch.setattr(eachlabs, "ROUTES", (replace(WORKFLOWS, limits=limits),))
    request = OrderRequest(provider="eachlabs", model="workflows/wf-1/v1", input={"steps": 99})

    with pytest.raises(RefusedByPreflight) as refused:
        await order(context, request)

    expected = [("input.prompt", "prompt is required"), ("input.steps", "steps must be from 1 to 50")]
    assert expected == refused.value.mistakes
    assert "prompt" == refused.value.failure.param


async def test_a_provider_without_an_account_is_told_how_to_get_one(context):
    upstreams = {key: upstream for key, upstream in context.upstreams.items() if key[0] != "runblob"}
    alone = replace(context, upstreams=upstreams)

    with pytest.raises(InvalidOrder, match="set ARRIVALS_RUNBLOB_API_KEY"):
        await order(alone, OrderRequest(**{**ORDER, "provider": "runblob", "model": "gemini"}))


async def test_without_a_public_url_no_webhook_is_expected(context):
    alone = replace(context, callback_urls=replace(context.callback_urls, public_url=None))

    generation = await order(alone, OrderRequest(**ORDER))

    assert generation.webhook_expected is False
    assert alone.callback_urls.url("eachlabs", "default", generation.id) is None


async def test_the_order_of_its_fields_does_not_make_another_order(context):
    prompt_first = {"prompt": "a red fox", "seed": 1}
    seed_first = {"seed": 1, "prompt": "a red fox"}

    first = await order(context, OrderRequest(**{**ORDER, "input": prompt_first}, idempotency_key="k"))
    second = await order(context, OrderRequest(**{**ORDER, "input": seed_first}, idempotency_key="k"))

    assert first.id == second.id


async def test_a_repeated_key_is_answered_also_when_the_account_is_gone(context):
    first = await order(context, OrderRequest(**ORDER, idempotency_key="k"))

    second = await order(replace(context, upstreams={}), OrderRequest(**ORDER, idempotency_key="k"))

    assert first.id == second.id


async def test_two_requests_with_one_key_at_one_moment_make_one_order(context):
    """Each of them has found the key free."""
    ids = []

    async def send():
        ids.append((await order(context, OrderRequest(**ORDER, idempotency_key="k"))).id)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(send)

    assert 5 == len(ids)
    assert 1 == len(set(ids))


async def test_an_order_that_its_provider_would_refuse_is_not_stored(context):
    """The refusal is the failure it would become, and says where in the input its reason stands."""
    veo: dict[str, Any] = {
        "provider": "aihubmix",
        "model": "veo-3.1-generate-preview",
        "input": {"prompt": "a fox", "seconds": 5},
    }

    with pytest.raises(RefusedByPreflight, match="must be one of 4, 6, 8") as refused:
        await order(context, OrderRequest(**veo, idempotency_key="k"))

    assert ("input.seconds", "invalid_request", "preflight", False) == (
        refused.value.mistakes[0][0],
        refused.value.failure.code,
        refused.value.failure.origin,
        refused.value.failure.billed,
    )  # fmt: skip
    async with context.store.reading() as tx:
        assert [] == (await listed(tx, GenerationQuery())).items


async def test_one_that_would_be_refused_keeps_the_whole_bulk_order_out(context, monkeypatch):
    monkeypatch.setattr(eachlabs, "ROUTES", (replace(WORKFLOWS, limits=(required("prompt"),)),))
    request = OrderRequest(provider="eachlabs", model="workflows/wf-1/v1", input={})

    with pytest.raises(RefusedByPreflight) as refused:
        await order_bulk(context, request, [{"prompt": "a fox"}, {}])

    assert [("inputs[1].prompt", "prompt is required")] == refused.value.mistakes
    async with context.store.reading() as tx:
        assert [] == (await listed(tx, GenerationQuery())).items
