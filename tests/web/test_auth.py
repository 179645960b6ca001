import httpx
import pytest

from service.store import keys
from service.web.app import ENDPOINTS
from service.web.auth import Scope, make_key
from tests.databases import everything

OPEN = {"/health/live", "/health/ready", "/openapi.json"}


def test_every_endpoint_but_the_open_ones_declares_a_scope():
    assert OPEN == {endpoint.path for endpoint in ENDPOINTS if endpoint.scope is None}


@pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if one.scope], ids=lambda one: f"{one.method} {one.path}"
)
async def test_nobody_gets_in_without_a_key_or_the_scope(tools, base_url, endpoint):
    others = [scope for scope in (Scope.READ, Scope.SUBMIT) if scope is not endpoint.scope]
    _, weak = await make_key(tools, "weak", others[:1])
    path = endpoint.path.replace("{id}", "x").replace("{n}", "0")

    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as one:
        answers = [
            await one.request(endpoint.method, path, headers=headers, json={})
            for headers in (
                {},
                {"authorization": "Bearer wrong"},
                {"authorization": f"Basic {weak}"},
                {"authorization": f"Bearer {weak}"},
            )
        ]

    assert [401, 401, 401, 403] == [answer.status_code for answer in answers]
    assert ["key_missing", "key_invalid", "key_missing", "scope_missing"] == [
        answer.json()["code"] for answer in answers
    ]
    assert "Bearer" == answers[0].headers["www-authenticate"]


async def test_admin_includes_the_others_and_a_revoked_key_is_nobody(tools, base_url):
    key, text = await make_key(tools, "admin", [Scope.ADMIN])

    async with httpx.AsyncClient(
        base_url=base_url, headers={"authorization": f"bearer {text}"}, trust_env=False, verify=False
    ) as one:
        before = await one.get("/v1/generations")
        async with tools.store.transaction() as tx:
            await keys.revoke(tx, key.id, tools.now())
        after = await one.get("/v1/generations")

    assert [200, 401] == [before.status_code, after.status_code]


async def test_no_key_is_kept_as_text(tools):
    _, text = await make_key(tools, "any", [Scope.READ])

    kept = repr(await everything(tools.store))

    assert "any" in kept
    assert text not in kept
