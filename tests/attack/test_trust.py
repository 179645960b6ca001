"""No proof is believed for anybody else: another generation's token or secret, or another account's."""

from dataclasses import replace

import httpx
import pytest

from arrivals.providers.contract import Account
from tests.conftest import PUBLIC_URL, run_worker
from tests.web.conftest import base_url, client, ordered, places, way  # noqa: F401 - fixtures

OURS, TEAM_B = "secret-of-the-default-account", "secret-of-the-account-team-b"


@pytest.fixture
def context(context):
    """Two accounts of one provider, each with a webhook secret of its own."""
    default = context.upstreams["eachlabs", "default"]

    def with_secret(key, secret):
        account = Account(base_url=default.account.base_url, api_key=key, webhook_secrets=(secret,) if secret else ())
        return replace(default, account=replace(account, hosts=default.account.hosts))

    upstreams = {
        **context.upstreams,
        ("eachlabs", "default"): with_secret("key-of-default", OURS),
        ("eachlabs", "team_b"): with_secret("key-of-team-b", TEAM_B),
        ("eachlabs", "made_up"): with_secret("key-of-made-up", None),
    }
    return replace(context, upstreams=upstreams)


@pytest.fixture
async def provider(base_url):  # noqa: F811 - a fixture
    """A client that calls in a provider's name."""
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as caller:
        yield caller


@pytest.fixture
def submitted(context, upstream, ordered):  # noqa: F811 - a fixture
    """Submits a generation of this account; (its id, the path and the secret that the provider received)."""

    async def submit(number, account):
        generation = (await ordered(account=account))["id"]
        upstream.answers.append((200, {"status": "success", "predictionID": f"el-{number}"}))
        await run_worker(context, "submit")
        order = upstream.requests[-1].json
        return generation, order["webhook_url"].removeprefix(PUBLIC_URL), order["webhook_secret"]

    return submit


def completed(number):
    """A provider's closing word."""
    return {"exec_id": f"el-{number}", "status": "succeeded", "output": {"url": "https://storage.example.com/1.jpg"}}


async def test_a_secret_is_of_its_account_alone(provider, submitted):
    _, path, secret = await submitted(1, "team_b")
    assert TEAM_B == secret

    wrong = await provider.post(path, json=completed(1), headers={"x-webhook-secret": OURS})
    right = await provider.post(path, json=completed(1), headers={"x-webhook-secret": TEAM_B})

    assert [401, 200] == [wrong.status_code, right.status_code]


async def test_a_secret_that_we_made_up_is_of_its_generation_alone(provider, submitted):
    _, first, first_secret = await submitted(1, "made_up")
    _, second, second_secret = await submitted(2, "made_up")
    assert first_secret != second_secret

    answers = [
        await provider.post(path, json=completed(number), headers={"x-webhook-secret": secret})
        for path, number, secret in ((first, 1, second_secret), (second, 2, first_secret), (second, 2, second_secret))
    ]

    assert [401, 401, 200] == [answer.status_code for answer in answers]


async def test_a_token_opens_for_its_provider_and_as_it_was_minted(provider, submitted):
    _, path, secret = await submitted(1, "default")
    token = path.rpartition("/")[2]
    forged = [
        f"/callbacks/runblob/{token}",
        f"/callbacks/eachlabs/{token[:-1]}",
        f"/callbacks/eachlabs/{token}x",
        f"/callbacks/eachlabs/{token.replace('default', 'team_b')}",
        f"/callbacks/eachlabs/{token.partition('~')[0]}",
        f"/callbacks/nobody/{token}",
    ]

    answers = [
        await provider.post(forged_path, json=completed(1), headers={"x-webhook-secret": secret})
        for forged_path in forged
    ]

    assert {404} == {answer.status_code for answer in answers}


async def test_a_webhook_about_another_generation_closes_neither(client, context, provider, submitted):  # noqa: F811
    """Its token is right, its secret is right, and it speaks of something else."""
    first, path, secret = await submitted(1, "default")
    second, _, _ = await submitted(2, "default")

    assert 200 == (await provider.post(path, json=completed(2), headers={"x-webhook-secret": secret})).status_code
    await run_worker(context, "read")

    statuses = [
        (await client.get(f"/v1/generations/{generation_id}")).json()["status"] for generation_id in (first, second)
    ]
    assert ["submitted", "submitted"] == statuses
