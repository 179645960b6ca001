"""Outputs that we keep ourselves: served whole or in part, as RFC 9110 has it."""

import base64

from msgspec import structs
import pytest

from arrivals.store import generations, outputs
from arrivals.store.outputs import InlineOutput
from tests.conftest import PUBLIC_URL, run_worker

CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(92))
PICTURE = {"provider": "aihubmix", "model": "gpt-image-1", "input": {"prompt": "a red fox"}}


@pytest.fixture
async def painted(client, context, upstream, ordered):
    """A completed picture, which came inside the answer: 100 bytes of PNG."""
    generation_id = (await ordered(**PICTURE))["id"]
    upstream.answers.append((200, {"created": 1, "data": [{"b64_json": base64.b64encode(CONTENT).decode()}]}))
    assert await run_worker(context, "submit") == 1
    upstream.requests.clear()
    return (await client.get(f"/v1/generations/{generation_id}")).json()


@pytest.fixture
def served(client, painted):
    """Asks for the picture with these headers."""

    async def get(method="GET", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, f"/v1/generations/{painted['id']}/outputs/0", headers=named)

    return get


async def test_the_generation_tells_where_its_output_is(client, painted):
    """The URL is ours and opens with a key of ours."""
    (output,) = painted["outputs"]

    answer = await client.get(output["url"].removeprefix(PUBLIC_URL))
    stranger = await client.get(output["url"].removeprefix(PUBLIC_URL), headers={"authorization": ""})

    assert ("image", "image/png", True) == (output["kind"], output["content_type"], output["requires_auth"])
    assert (200, CONTENT, 401) == (answer.status_code, answer.content, stranger.status_code)


async def test_a_kept_output_is_served_whole_without_asking_anybody(served, upstream):
    answer = await served()

    assert (200, CONTENT) == (answer.status_code, answer.content)
    assert ("image/png", "100", "bytes", "nosniff", "sandbox") == tuple(
        answer.headers[name]
        for name in (
            "content-type", "content-length", "accept-ranges", "x-content-type-options", "content-security-policy",
        )
    )  # fmt: skip
    assert [] == upstream.requests


async def test_its_head_tells_how_much_there_is(served):
    answer = await served("HEAD")

    assert (200, b"", "100") == (answer.status_code, answer.content, answer.headers["content-length"])


async def test_a_head_has_no_range(served):
    """Ranges are defined for GET alone: RFC 9110 section 14.2."""
    answer = await served("HEAD", range="bytes=0-9")

    assert (200, "100") == (answer.status_code, answer.headers["content-length"])


@pytest.mark.parametrize(
    ("requested", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=0-99", 0, 99),
        ("bytes=90-", 90, 99),
        ("bytes=0-", 0, 99),
        ("bytes=90-1000", 90, 99),
        ("bytes=99-99", 99, 99),
        ("bytes=-10", 90, 99),
        ("bytes=-100", 0, 99),
        ("bytes=-1000", 0, 99),
        ("bytes=007-0010", 7, 10),
    ],
)
async def test_a_range_is_served_alone(served, requested, first, last):
    answer = await served(range=requested)

    assert (206, CONTENT[first : last + 1], f"bytes {first}-{last}/100") == (
        answer.status_code, answer.content, answer.headers["content-range"],
    )  # fmt: skip
    assert str(last - first + 1) == answer.headers["content-length"]


@pytest.mark.parametrize(
    "requested", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=20-10", "bytes=999999999999999999-"]
)
async def test_a_range_behind_the_end_is_416_and_told_how_much_there_is(served, requested):
    answer = await served(range=requested)

    assert (416, "range_not_satisfiable", "bytes */100") == (
        answer.status_code, answer.json()["code"], answer.headers["content-range"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "requested",
    ["bytes=-", "bytes=", "bytes=0-1,5-6", "bytes=a-b", "bytes=1", "items=0-1", "bytes = 0-1",
     "bytes=1000000000000000000-", "bytes=٣-"],
)  # fmt: skip
async def test_what_is_no_range_of_ours_is_answered_with_everything(served, requested):
    """Several ranges at once are no range of ours either."""
    answer = await served(range=requested.encode())

    assert (200, CONTENT) == (answer.status_code, answer.content)
    assert "content-range" not in answer.headers


async def test_a_range_of_the_version_that_is_here_is_served(served):
    etag = (await served()).headers["etag"]

    same = await served(range="bytes=0-1", if_range=etag)
    other = await served(range="bytes=0-1", if_range='"another"')
    dated = await served(range="bytes=0-1", if_range="Wed, 21 Oct 2026 07:28:00 GMT")

    assert [(206, 2), (200, 100), (200, 100)] == [
        (answer.status_code, len(answer.content)) for answer in (same, other, dated)
    ]
    assert etag.startswith('"')
    assert etag == same.headers["etag"]


async def test_a_range_that_cannot_be_served_of_another_version_is_answered_with_everything(served):
    assert 200 == (await served(range="bytes=100-", if_range='"another"')).status_code


@pytest.mark.parametrize("number", ["1", "x", "-1", "00000"])
async def test_there_is_no_other_output(client, painted, number):
    answer = await client.get(f"/v1/generations/{painted['id']}/outputs/{number}")

    assert (404, "no_such_output") == (answer.status_code, answer.json()["code"])


async def test_an_answer_in_words_is_served_as_text(client, context, upstream, ordered):
    sense = {"provider": "eachlabs", "model": "eachsense/beta", "input": {"prompt": "why?", "stream": False}}
    generation_id = (await ordered(**sense))["id"]
    upstream.answers.append((200, {"task_id": "t-1", "choices": [{"message": {"content": "Füchse"}}]}))
    await run_worker(context, "submit")

    answer = await client.get(f"/v1/generations/{generation_id}/outputs/0")

    assert ("Füchse", "text/plain;charset=utf-8") == (answer.text, answer.headers["content-type"])


async def test_a_media_type_that_was_stored_unseen_closes_no_connection(client, context, painted):
    """Older releases took such a type: a line break in it ended the answer before it began."""
    output = InlineOutput(content_type="text/html\r\nx-evil: 1", content=CONTENT)
    async with context.store.transaction() as tx:
        await outputs.keep(tx, painted["id"], 1, output)
        record = await generations.by_id(tx, painted["id"])
        (first,) = record.generation.outputs
        second = structs.replace(first, url=f"/v1/generations/{painted['id']}/outputs/1")
        twice = structs.replace(record.generation, outputs=(first, second))
        await generations.save(tx, [structs.replace(record, generation=twice)])

    answers = [
        await client.get(f"/v1/generations/{painted['id']}/outputs/1", headers=headers)
        for headers in ({}, {"range": "bytes=0-9"})
    ]

    assert [(200, CONTENT), (206, CONTENT[:10])] == [(answer.status_code, answer.content) for answer in answers]
    assert {"application/octet-stream"} == {answer.headers["content-type"] for answer in answers}
