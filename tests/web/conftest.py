"""The service over real HTTP, with a client that has every scope."""

import httpx
import pytest

from service.web.app import make_app
from service.web.connections import guarded
from tests.serving import served

KEY = "the-key-of-the-tests"


@pytest.fixture
def protocol():
    """What the service itself is served with."""
    return guarded()


@pytest.fixture
async def base_url(tools, protocol):
    async with served(lambda _: make_app(tools, KEY), http=protocol) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(base_url):
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, verify=False) as one:
        yield one


@pytest.fixture
def ordered(client):
    """Orders something over HTTP; the answer's JSON."""

    async def order(**changed):
        body = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}, **changed}
        answer = await client.post("/v1/generations", json=body)
        assert 202 == answer.status_code, answer.text
        return answer.json()

    return order
