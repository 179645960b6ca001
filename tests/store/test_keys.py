"""API keys are found by digest, until they are revoked."""

import pytest

from service.store import keys
from service.store.base import Missing
from service.store.keys import ApiKey
from tests.store.examples import T0

pytestmark = pytest.mark.timeout(30)

KEY = ApiKey(id="key_1", name="a ☂", scopes=("read", "submit"), created_at=T0)


async def test_key_is_found_by_its_digest_alone(database):
    async with database.transaction() as tx:
        await keys.insert(tx, KEY, "digest-1")
        assert KEY == await keys.by_digest(tx, "digest-1")
        assert await keys.by_digest(tx, "key_1") is None


async def test_revoked_key_opens_nothing_and_is_still_listed(database):
    other = ApiKey(id="key_2", name="other", scopes=(), created_at=T0)
    async with database.transaction() as tx:
        await keys.insert(tx, other, "digest-2")
        await keys.insert(tx, KEY, "digest-1")
        await keys.revoke(tx, "key_1", T0 + 5)
        assert await keys.by_digest(tx, "digest-1") is None
        assert [("key_1", T0 + 5), ("key_2", None)] == [(key.id, key.revoked_at) for key in await keys.listed(tx)]


@pytest.mark.parametrize("key_id", ["key_1", "key_none"])
async def test_revoking_what_is_not_there_or_revoked_already_is_said(database, key_id):
    async with database.transaction() as tx:
        await keys.insert(tx, KEY, "digest-1")
        await keys.revoke(tx, "key_1", T0)
        with pytest.raises(Missing, match="revoke_key"):
            await keys.revoke(tx, key_id, T0)
