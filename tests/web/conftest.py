"""The service over real HTTP, with a client that has every scope."""

import anyio
import httpx
import pytest

from arrivals.web.app import make_app
from arrivals.web.server.front_door import front_door
from tests.conftest import run_worker
from tests.support.serving import served

KEY = "the-key-of-the-tests"


@pytest.fixture
def way():
    """The way by which small webhooks come in."""
    return "fast"


@pytest.fixture
def places():
    """The most connections there may be; None is as many as the service itself allows."""
    return


@pytest.fixture
async def base_url(context, way, places):
    app = make_app(context, KEY)
    door = front_door(app.handler if way == "fast" else None, places)
    async with served(lambda _: app, http=door, ws="none") as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(base_url):
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, verify=False) as session:
        yield session


@pytest.fixture
async def connected(base_url):
    """Connects peers that have sent these bytes; they are closed with the test."""
    made, own = [], int(base_url.rpartition(":")[2])

    async def connect(said=b"", port=own):
        made.append(await anyio.connect_tcp("127.0.0.1", port))
        if said:
            await made[-1].send(said)
        return made[-1]

    yield connect
    for stream in made:
        await stream.aclose()


@pytest.fixture
def ordered(client):
    """Orders something over HTTP; returns the answer's JSON."""

    async def order(**changed):
        body = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}, **changed}
        answer = await client.post("/v1/generations", json=body)
        assert 202 == answer.status_code, answer.text
        return answer.json()

    return order


@pytest.fixture
def submitted(context, upstream, ordered):
    """Orders something over HTTP and submits it; returns the generation's id."""

    async def submit(**changed):
        order = await ordered(**changed)
        upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
        await run_worker(context, "submit")
        return order["id"]

    return submit
