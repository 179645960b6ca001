"""Inputs that a submission carries as a file are fetched without any key, for as long as there is hope."""

from dataclasses import replace

import anyio
from anyio.lowlevel import checkpoint
import pytest
from starlette.responses import JSONResponse, Response

from arrivals.core.generation import Status
from arrivals.core.wire import SECOND
from arrivals.flow.exchange import fetch
from arrivals.flow.submission.order import stored
from arrivals.flow.submission.submit import INPUT_PATIENCE
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import Transport
from tests.conftest import run_worker
from tests.support.upstream import CUT

PNG = b"\x89PNG\r\n\x1a\n a photo"
PHOTO = (200, PNG, {"content-type": "image/png; charset=binary"})
ACCEPTED = (200, {"id": "lz-1", "status": "queued", "created_at": 1_790_000_000})


@pytest.fixture
def referring(context, ordered):
    """Orders a film that begins with the photo at this URL; returns its id."""

    async def place(url, **changed):
        order_input = {"prompt": "it runs", "input_reference": url}
        return await ordered(provider="laozhang", model="sora-2", input=order_input, **changed)

    return place


@pytest.fixture
def submitted_with(context, referring):
    """Orders a film and gives the submit worker its turn; returns the generation afterwards."""

    async def submit(url, *, over=context):
        generation_id = await referring(url)
        assert await run_worker(over, "submit") == 1
        return await stored(context, generation_id)

    return submit


def unreachable(generation):
    failure = generation.failure
    return (generation.status, failure.code, failure.origin, failure.billed) == (
        Status.FAILED, "input_unreachable", "preflight", False,
    )  # fmt: skip


async def test_the_file_is_fetched_and_goes_along(upstream, listener, submitted_with):
    listener.answers.append(PHOTO)
    upstream.answers.append(ACCEPTED)

    generation = await submitted_with(f"{listener.url}/photo.png")

    assert (Status.SUBMITTED, "lz-1") == (generation.status, generation.external_id)
    (request,) = upstream.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="input_reference"; filename="reference.png"\r\ncontent-type: image/png\r\n\r\n' + PNG in request.body


async def test_a_file_of_no_known_type_goes_along_as_bytes(upstream, listener, submitted_with):
    listener.answers.append((200, b"bytes", {"content-type": ""}))
    upstream.answers.append(ACCEPTED)

    await submitted_with(f"{listener.url}/photo")

    assert b"content-type: application/octet-stream\r\n\r\nbytes" in upstream.requests[0].body


async def test_no_key_of_ours_goes_with_the_question(upstream, listener, submitted_with):
    """The key goes neither elsewhere nor to the provider's own origin, because the caller chose the URL."""
    listener.answers.append((302, b"", {"location": f"{upstream.url}/photo.png"}))
    upstream.answers += [PHOTO, ACCEPTED]

    await submitted_with(f"{listener.url}/photo")

    (first,), (second, _) = listener.requests, upstream.requests
    assert [("GET", "identity", False), ("GET", "identity", False)] == [
        (request.method, request.headers["accept-encoding"], "authorization" in request.headers)
        for request in (first, second)
    ]


async def test_redirects_are_followed(upstream, listener, submitted_with):
    listener.answers += [(307, b"", {"location": "/moved"}), (303, b"", {"location": "again?x=1"}), PHOTO]
    upstream.answers.append(ACCEPTED)

    generation = await submitted_with(f"{listener.url}/photo")

    assert Status.SUBMITTED == generation.status
    assert ["/photo", "/moved", "/again"] == [request.path for request in listener.requests]


async def test_redirects_without_end_are_of_no_use(upstream, listener, submitted_with):
    listener.answers += [(302, b"", {"location": "/again"})] * 10

    generation = await submitted_with(f"{listener.url}/photo")

    assert unreachable(generation)
    assert (6, 0) == (len(listener.requests), len(upstream.requests))


@pytest.mark.parametrize("http_status", [404, 403, 410])
async def test_what_is_not_there_is_of_no_use(upstream, listener, submitted_with, http_status):
    listener.answers.append(http_status)

    generation = await submitted_with(f"{listener.url}/photo.png")

    assert unreachable(generation)
    assert f"answered HTTP {http_status}" in generation.failure.message
    assert [] == upstream.requests


@pytest.mark.parametrize("answer", [500, 503, CUT], ids=str)
async def test_what_may_be_there_yet_is_asked_for_again(context, clock, upstream, listener, submitted_with, answer):
    listener.answers.append(answer)
    generation = await submitted_with(f"{listener.url}/photo.png")
    assert (Status.PENDING, "input_unreachable") == (generation.status, generation.failure.code)
    assert 0 == await run_worker(context, "submit")
    clock.advance(10)
    listener.answers.append(PHOTO)
    upstream.answers.append(ACCEPTED)

    assert 1 == await run_worker(context, "submit")

    generation = await stored(context, generation.id)
    assert (Status.SUBMITTED, None) == (generation.status, generation.failure)
    assert 1 == len(upstream.requests)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/photo.png", None], ids=["refused", "failing"])
async def test_after_two_minutes_there_is_no_hope(context, clock, upstream, listener, submitted_with, url):
    listener.answers += [503] * 10

    generation = await submitted_with(url or f"{listener.url}/photo.png")
    clock.advance(INPUT_PATIENCE / SECOND - 60)
    assert 1 == await run_worker(context, "submit")
    assert Status.PENDING == (await stored(context, generation.id)).status
    clock.advance(61)
    assert 1 == await run_worker(context, "submit")

    generation = await stored(context, generation.id)
    assert unreachable(generation)
    assert generation.failure.message.startswith("an input cannot be fetched: ")
    assert ([], 0 if url else 3) == (upstream.requests, len(listener.requests))


@pytest.mark.parametrize("redirected", [False, True])
async def test_a_destination_that_is_not_public_is_of_no_use(context, upstream, listener, submitted_with, redirected):
    """A blocked address stays blocked, so it is not tried again."""
    listener.answers.append((302, b"", {"location": "http://169.254.169.254/latest/meta-data"}))
    open_to = context.transport if redirected else Transport(OutboundPolicy())

    generation = await submitted_with(f"{listener.url}/photo.png", over=replace(context, transport=open_to))

    if not redirected:
        await open_to.close()
    assert unreachable(generation)
    assert "blocked_destination" in generation.failure.message
    assert ([], int(redirected)) == (upstream.requests, len(listener.requests))


@pytest.mark.parametrize("size", [10, 11])
async def test_a_file_has_a_largest_size(upstream, listener, submitted_with, monkeypatch, size):
    monkeypatch.setattr(fetch, "INPUT_MAX_BYTES", 10)
    listener.answers.append((200, b"x" * size, {"content-type": "image/png"}))
    upstream.answers.append(ACCEPTED)

    generation = await submitted_with(f"{listener.url}/photo.png")

    if size == 10:
        assert Status.SUBMITTED == generation.status
    else:
        assert (Status.FAILED, "invalid_input", "preflight", False) == (
            generation.status, generation.failure.code, generation.failure.origin, generation.failure.billed,
        )  # fmt: skip
        assert "larger than 10 bytes" in generation.failure.message
        assert [] == upstream.requests


async def test_every_try_fetches_the_file_anew(context, clock, upstream, listener, submitted_with):
    """The provider had no time; the file may have another address by then, so none is kept."""
    listener.answers += [PHOTO, PHOTO]
    upstream.answers += [(429, {"error": {"message": "Too many requests"}}), ACCEPTED]
    generation = await submitted_with(f"{listener.url}/photo.png")
    clock.advance(60)

    await run_worker(context, "submit")

    assert Status.SUBMITTED == (await stored(context, generation.id)).status
    assert 2 == len(listener.requests)


async def test_a_file_that_the_order_holds_itself_is_not_fetched(upstream, listener, submitted_with):
    upstream.answers.append(ACCEPTED)

    generation = await submitted_with("data:image/png;base64,iVBORw0KGgo=")

    assert Status.SUBMITTED == generation.status
    assert b"\x89PNG\r\n\x1a\n\r\n--" in upstream.requests[0].body


class _Dripping:
    """A body that comes byte by byte, for as long as anybody listens."""

    async def __call__(self, scope, receive, send):
        """Answers as an ASGI application."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        left = anyio.Event()

        async def leave():
            while (await receive())["type"] != "http.disconnect":
                pass
            left.set()

        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            while not left.is_set():
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await checkpoint()


async def test_a_file_that_takes_for_ever_is_given_up_for_now(context, upstream, listener, referring, monkeypatch):
    """Its host answers a little all the time; meanwhile the clock would say that the submission is unknown."""
    monkeypatch.setattr(fetch, "INPUT_TIMEOUT_S", 0.05)
    listener.answers.append(_Dripping())
    generation_id = await referring(f"{listener.url}/photo.png")

    with anyio.move_on_after(1):
        await run_worker(context, "submit")

    assert Status.PENDING == (await stored(context, generation_id)).status
    assert [] == upstream.requests


async def test_an_order_that_ended_while_its_input_was_fetched_is_not_sent(
    context, clock, upstream, listener, referring
):
    """The clock has said that nothing came of it; what is sent now would be paid for in vain."""
    generation_id = await referring(f"{listener.url}/photo.png", deadline_s=60.0)

    class Late:
        async def __call__(self, scope, receive, send):
            clock.advance(61)
            await run_worker(context, "expire")
            await Response(PNG, media_type="image/png")(scope, receive, send)

    listener.answers.append(Late())

    await run_worker(context, "submit")

    generation = await stored(context, generation_id)
    assert (Status.EXPIRED, []) == (generation.status, upstream.requests)


async def test_the_answer_is_waited_for_from_when_the_input_was_there(context, clock, upstream, listener, referring):
    """The time that the input took does not count."""
    generation_id = await referring(f"{listener.url}/photo.png")

    class Slow:
        async def __call__(self, scope, receive, send):
            clock.advance(80)
            await Response(PNG, media_type="image/png")(scope, receive, send)

    class Dying:
        async def __call__(self, scope, receive, send):
            clock.advance(80)
            overdue.append(await run_worker(context, "expire"))
            await JSONResponse(ACCEPTED[1])(scope, receive, send)

    overdue = []
    listener.answers.append(Slow())
    upstream.answers.append(Dying())

    await run_worker(context, "submit")

    assert [0] == overdue
    assert Status.SUBMITTED == (await stored(context, generation_id)).status


async def test_an_input_whose_url_is_too_long_is_refused(submitted_with):
    generation = await submitted_with("https://cdn.example/" + "x" * 8192)

    assert unreachable(generation)
    assert "the URL is longer than 8192 characters" in generation.failure.message
