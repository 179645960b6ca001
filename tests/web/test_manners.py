"""The manners of every route, for every client: HEAD, a slash at the end of a path."""

import httpx
import pytest

from arrivals.web.app import ENDPOINTS
from arrivals.web.held_requests import HeldRequests

GETS = [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET"]
STREAMS = {"/v1/events/stream", "/v1/changes"}
MOVING = {"date", "content-length", "etag"}


@pytest.fixture
async def filled(ordered):
    """Fills the parameters of a path, where possible with the id of something that is there."""
    generation = await ordered()

    def fill(path):
        return (
            path.replace("{index}", "0").replace("generations/{id}", f"generations/{generation['id']}").format(id="x")
        )

    return fill


async def headers_of(client, path):
    """(status, headers) of a GET, whose body may have no end."""
    async with client.stream("GET", path) as answer:
        return answer.status_code, answer.headers


@pytest.mark.parametrize("path", GETS)
async def test_head_is_answered_with_the_headers_of_get_and_no_body(client, filled, path):
    """A stream, which has no end, is answered so too."""
    answer = await client.head(filled(path))
    status, headers = await headers_of(client, filled(path))

    assert (status, b"") == (answer.status_code, answer.content)
    assert {name for name in headers if name != "transfer-encoding"} == {*answer.headers}
    assert headers.get("content-type") == answer.headers.get("content-type")
    if path not in STREAMS | {"/metrics", "/health/ready", "/v1/providers"}:  # which differ from one moment to the next
        assert headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("path", sorted(STREAMS))
async def test_head_of_a_stream_holds_nothing(client, monkeypatch, path):
    over = []
    hold = HeldRequests.hold

    def counted(self, *who, **how):
        release = hold(self, *who, **how)
        over.append("held")
        return lambda: (release(), over.append("over"))

    monkeypatch.setattr(HeldRequests, "hold", counted)

    assert 200 == (await client.head(path)).status_code
    assert ["held", "over"] == over


@pytest.mark.parametrize("path", GETS)
async def test_slash_at_the_end_of_a_path_means_nothing(client, filled, path):
    status, headers = await headers_of(client, filled(path))

    assert (status, headers["content-type"]) == (
        (answer := await client.head(filled(path) + "/")).status_code,
        answer.headers["content-type"],
    )


async def test_order_at_a_path_with_a_slash_is_taken(client):
    body = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}

    assert 202 == (await client.post("/v1/generations/", json=body)).status_code
    assert 404 == (await client.post("/v1/generations//", json=body)).status_code


async def test_path_that_is_nothing_but_a_slash_leads_nowhere(base_url):
    async with httpx.AsyncClient(trust_env=False, verify=False) as session:
        for path in ("", "/", "//"):
            assert 404 == (await session.get(base_url + path)).status_code
