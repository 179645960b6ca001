"""Outputs come from wherever a provider says: one that goes wrong is answered 502, or breaks off."""

from types import SimpleNamespace

import httpx
import pytest

from arrivals.web.api import outputs
from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET, run_worker
from tests.support.processes import Peer, listening

OK = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n"


@pytest.fixture
def made(client, context, upstream, ordered):
    """Makes a generation whose output is at this URL; returns the path under which we serve it."""

    async def make(url):
        generation = (await ordered())["id"]
        upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
        await run_worker(context, "submit")
        path = upstream.requests[-1].json["webhook_url"].removeprefix(PUBLIC_URL)
        body = {"exec_id": "el-1", "status": "succeeded", "output": [url], "error": ""}
        assert 200 == (await client.post(path, json=body, headers={"x-webhook-secret": WEBHOOK_SECRET})).status_code
        await run_worker(context, "read")
        return f"/v1/generations/{generation}/outputs/0"

    return make


@pytest.mark.parametrize(
    "location", ["http://[::1", "//[", "https://a\\b/", "file:///etc/passwd", "http://x:99999/", "javascript:alert(1)"]
)
async def test_a_redirect_to_nowhere_is_502(client, made, location):
    answer = f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()
    async with listening(Peer(answer)) as url:
        reply = await client.get(await made(f"{url}/1.png"))

    assert (502, "output_unavailable") == (reply.status_code, reply.json()["code"])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 300 Multiple Choices\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nab",
    ],
    ids=range(5),
)
async def test_what_is_no_output_is_502(client, made, answer):
    async with listening(Peer(answer)) as url:
        reply = await client.get(await made(f"{url}/1.png"))

    assert (502, "output_unavailable") == (reply.status_code, reply.json()["code"])


@pytest.mark.parametrize(("size", "content_range"), [(b"bytes */2", "bytes */2"), (b"\xe9", None)])
async def test_a_range_that_is_not_there_is_a_problem_like_any_other(client, made, size, content_range):
    answer = b"HTTP/1.1 416 No\r\ncontent-range: %s\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nno" % size
    async with listening(Peer(answer)) as url:
        refused = await client.get(await made(f"{url}/1.png"), headers={"range": "bytes=5-"})

    assert (416, "range_not_satisfiable") == (refused.status_code, refused.json()["code"])
    assert content_range == refused.headers.get("content-range")


async def test_headers_that_may_not_stand_in_ours_are_left_out(client, made):
    odd = b'etag: "a\x01b"\r\nlast-modified: \xe9\r\naccept-ranges: bytes\tx\r\nx-more: 1\r\nset-cookie: a=b\r\n'
    async with listening(Peer(OK + odd + b"content-length: 2\r\n\r\nab")) as url:
        reply = await client.get(await made(f"{url}/1.png"))

    assert (200, b"ab") == (reply.status_code, reply.content)
    assert not {"etag", "last-modified", "x-more", "set-cookie"} & {*reply.headers}


@pytest.mark.parametrize(
    ("header", "content_type"),
    [
        (b"content-type: video/mp4; codecs=avc1\r\n", "video/mp4; codecs=avc1"),
        (b"content-type: image/png, text/html\r\n", "application/octet-stream"),
        (b"content-type: html\r\n", "application/octet-stream"),
        (b"content-type: image/\xe9\r\n", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
async def test_what_an_output_is_goes_on_where_it_is_a_media_type(client, made, header, content_type):
    async with listening(Peer(b"HTTP/1.1 200 OK\r\n" + header + b"content-length: 2\r\n\r\nab")) as url:
        reply = await client.get(await made(f"{url}/1.png"))

    assert (200, b"ab", content_type) == (reply.status_code, reply.content, reply.headers["content-type"])


async def test_headers_of_an_output_that_repeat_our_key_are_masked(client, made):
    odd = b'etag: "key-of-eachlabs"\r\nlast-modified: key-of-eachlabs, then\r\ncontent-type: text/key-of-eachlabs\r\n'
    async with listening(Peer(b"HTTP/1.1 200 OK\r\n" + odd + b"content-length: 2\r\n\r\nab")) as url:
        reply = await client.get(await made(f"{url}/1.png"))

    assert ('"********"', "********, then", "text/********") == (
        reply.headers["etag"], reply.headers["last-modified"], reply.headers["content-type"],
    )  # fmt: skip


async def test_an_output_that_breaks_off_breaks_off_here_too(client, made, monkeypatch):
    """The client must not take it for whole, and it is no mistake of ours."""
    logged = []
    monkeypatch.setattr(outputs, "log", SimpleNamespace(info=lambda event, **_: logged.append(event)))
    async with listening(Peer(OK + b"content-length: 100\r\n\r\nhalf")) as url:
        path = await made(f"{url}/1.png")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(path)

    assert ["output_interrupted"] == logged
