"""API keys are found by digest, until they are revoked."""

from dataclasses import replace

import pytest

from arrivals.core.api_key import ApiKey
from arrivals.store import keys
from arrivals.store.engine.base import Missing
from tests.support.examples import T0

pytestmark = pytest.mark.timeout(30)

KEY = ApiKey(id="key_1", name="a ☂", scopes=("read", "submit"), created_at=T0)


async def test_key_is_found_by_its_digest_alone(database):
    async with database.transaction() as tx:
        await keys.insert(tx, KEY, "digest-1")
        assert KEY == await keys.by_digest(tx, "digest-1", T0)
        assert await keys.by_digest(tx, "key_1", T0) is None


async def test_revoked_key_opens_nothing_and_is_still_listed(database):
    other = ApiKey(id="key_2", name="other", scopes=(), created_at=T0)
    async with database.transaction() as tx:
        await keys.insert(tx, other, "digest-2")
        await keys.insert(tx, KEY, "digest-1")
        await keys.revoke(tx, "key_1", T0 + 5)
        assert await keys.by_digest(tx, "digest-1", T0) is None
        assert [("key_1", T0 + 5), ("key_2", None)] == [(key.id, key.revoked_at) for key in await keys.listed(tx)]


async def test_last_use_only_moves_forward(database):
    async with database.transaction() as tx:
        await keys.insert(tx, replace(KEY, prefix="arr_abcdef"), "digest-1")
        before = await keys.by_digest(tx, "digest-1", T0)
        await keys.record_uses(tx, [("key_1", T0 + 9), ("key_none", T0)])
        await keys.record_uses(tx, [("key_1", T0 + 5)])
        after = await keys.by_digest(tx, "digest-1", T0)

    assert ("arr_abcdef", None) == (before.prefix, before.last_used_at)
    assert replace(before, last_used_at=T0 + 9) == after


async def test_key_that_took_anothers_place_keeps_the_line(database):
    """Lineage stays when the key is shown or ends; the first of a line has none, like keys of older releases."""
    later = ApiKey(id="key_2", name="a ☂", scopes=("read",), created_at=T0 + 1, lineage="key_1")
    async with database.transaction() as tx:
        await keys.insert(tx, KEY, "digest-1")
        await keys.insert(tx, later, "digest-2")
        assert [(None, "key_1"), ("key_1", "key_1")] == [(key.lineage, key.owner) for key in await keys.listed(tx)]
        assert later == await keys.by_digest(tx, "digest-2", T0)
        assert replace(later, expires_at=T0 + 5) == await keys.expire(tx, "key_2", T0 + 5)


@pytest.mark.parametrize("key_id", ["key_1", "key_none"])
async def test_revoking_what_is_not_there_or_revoked_already_is_said(database, key_id):
    async with database.transaction() as tx:
        await keys.insert(tx, KEY, "digest-1")
        await keys.revoke(tx, "key_1", T0)
        with pytest.raises(Missing, match="no API key has the id"):
            await keys.revoke(tx, key_id, T0)


async def test_key_ends_at_its_moment(database):
    async with database.transaction() as tx:
        await keys.insert(tx, replace(KEY, expires_at=T0 + 5), "digest-1")
        assert await keys.by_digest(tx, "digest-1", T0 + 4) is not None
        assert await keys.by_digest(tx, "digest-1", T0 + 5) is None


async def test_key_that_is_to_end_never_ends_later_than_before(database):
    async with database.transaction() as tx:
        await keys.insert(tx, KEY, "digest-1")
        assert T0 + 5 == (await keys.expire(tx, "key_1", T0 + 5)).expires_at
        assert T0 + 3 == (await keys.expire(tx, "key_1", T0 + 3)).expires_at
        with pytest.raises(Missing, match="no API key has the id"):
            await keys.expire(tx, "key_1", T0 + 4)
        await keys.revoke(tx, "key_1", T0)
        with pytest.raises(Missing, match="no API key has the id"):
            await keys.expire(tx, "key_1", T0)
