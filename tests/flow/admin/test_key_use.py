"""The last use of API keys: exact to the minute, and nearly free."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from arrivals.core.api_key import ApiKey, Scope
from arrivals.flow.admin import key_use
from arrivals.flow.admin.key_use import note_older_use, note_use, record_all
from arrivals.flow.admin.keys import make_key, rotate_key
from arrivals.flow.batch import Batch
from arrivals.store import keys
from arrivals.store.engine.base import Unavailable

SECOND = 1_000_000


@pytest.fixture
def written(context):
    """Every batch of uses that was written."""
    batches = []

    async def write(uses):
        batches.append(list(uses))
        return await record_all(context, uses)

    object.__setattr__(context.batches, "key_uses", Batch(write))
    return batches


async def settled(context):
    """Whatever was noted has been written: uses are written in their order."""
    await context.batches.key_uses.add(("key_none", 0))


async def stored(context):
    """Every key, by its id."""
    async with context.store.reading() as tx:
        return {key.id: key for key in await keys.listed(tx)}


async def test_a_key_is_noted_at_its_first_use_and_then_at_most_once_a_minute(context, clock, written):
    key, _ = await make_key(context, "app", [Scope.READ])
    first = clock()
    for wait_s in (0, 30, 29.9):
        clock.advance(wait_s)
        note_use(context, key)
    await settled(context)
    assert 0 == ((await stored(context))[key.id].last_used_at - first) // SECOND

    clock.advance(0.1)
    note_use(context, key)
    await settled(context)

    assert 60 == ((await stored(context))[key.id].last_used_at - first) // SECOND
    assert [key.id] * 2 == [key_id for batch in written for key_id, at in batch if at]


async def test_what_another_process_noted_is_not_noted_again(context, clock, written):
    key, _ = await make_key(context, "app", [Scope.READ])

    note_use(context, replace(key, last_used_at=clock() - 59 * SECOND))
    await settled(context)

    assert (await stored(context))[key.id].last_used_at is None


async def test_keys_used_at_one_moment_are_written_together(context, written):
    made = [(await make_key(context, "app", [Scope.READ]))[0] for _ in range(3)]
    for key in [made[0], *made[::-1]]:
        note_use(context, key)
    await settled(context)

    assert {key.id for key in made} == {key.id for key in (await stored(context)).values() if key.last_used_at}
    assert 1 == len(written)


async def test_a_use_that_cannot_be_written_is_logged_and_noted_again_a_minute_later(context, clock, monkeypatch):
    lines = []
    monkeypatch.setattr(key_use, "log", SimpleNamespace(warning=lambda event, **facts: lines.append((event, facts))))
    failing = True

    async def write(uses):
        if failing:
            raise Unavailable("the disk is full")
        return await record_all(context, uses)

    object.__setattr__(context.batches, "key_uses", Batch(write))
    key, _ = await make_key(context, "app", [Scope.READ])
    note_use(context, key)
    with pytest.raises(Unavailable):
        await settled(context)
    failing = False
    clock.advance(60)
    note_use(context, key)
    await settled(context)

    assert [("key_use_not_recorded", {"reason": "Unavailable"})] == lines
    assert 0 == (clock() - (await stored(context))[key.id].last_used_at) // SECOND


async def test_a_new_key_in_the_place_of_another_was_never_used(context, written):
    old, _ = await make_key(context, "app", [Scope.READ])
    note_use(context, old)
    await settled(context)
    new, text = await rotate_key(context, old.id, 60)

    shown = (await stored(context))[new.id]
    assert (text[:10], None) == (shown.prefix, shown.last_used_at)


async def test_an_older_key_of_the_settings_is_logged_at_most_once_a_minute(context, clock, monkeypatch):
    lines = []
    monkeypatch.setattr(
        key_use, "log", SimpleNamespace(info=lambda event, **facts: lines.append((event, facts["key_id"])))
    )
    key = ApiKey(id="key_settings_older", name="ARRIVALS_API_KEY", scopes=(), created_at=0)
    for wait_s in (0, 59, 1):
        clock.advance(wait_s)
        note_older_use(context, key)

    assert [("older_api_key_used", "key_settings_older")] * 2 == lines
