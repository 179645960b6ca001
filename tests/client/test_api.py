"""The client's calls, against the real service and against one that says what a test tells it to."""

import anyio
import pytest

from arrivals.client import Broken, Client, ServiceError, Unreachable, path
from arrivals.client import api as module
from tests.client.conftest import KEY, wired
from tests.conftest import run_worker

ORDER = ("eachlabs", "flux-1-1-pro", {"prompt": "a red fox"})
BULK = ("eachlabs", "workflows/wf-1/v1")
ANSWER = {"id": "gen_1", "status": "pending"}
ENDED = {"id": "gen_1", "status": "expired"}


@pytest.fixture
def scripted(listener, monkeypatch):
    """A client of a service that answers what it is told to."""
    monkeypatch.setattr(module, "RETRY_WAITS_S", (0.001, 0.001, 0.001))
    with Client(listener.url + "/", KEY, timeout_s=5) as client:
        yield client


async def test_order_is_stored_once_under_its_key_and_read(client, calling):
    options = {"metadata": {"order": "42"}, "deadline_s": 600, "idempotency_key": "one"}
    made = await calling(client.submit, *ORDER, **options)
    again = await calling(client.submit, *ORDER, **options)

    assert made == again
    assert made | {"input": ORDER[2]} == await calling(client.generation, made["id"])
    assert ("pending", {"order": "42"}) == (made["status"], made["metadata"])


async def test_several_orders_come_in_the_order_of_their_inputs(client, calling):
    made = await calling(client.submit_bulk, *BULK, [{"prompt": "a"}, {"prompt": "b"}], account="default")

    listed = await calling(client.get, path("generations"), {"limit": 5, "status": None})
    assert [generation["id"] for generation in made] == [generation["id"] for generation in reversed(listed["data"])]


async def test_generation_is_waited_for(client, calling, context, upstream):
    made = await calling(client.submit, *ORDER)
    assert "pending" == (await calling(client.wait, made["id"], 0.01))["status"]
    upstream.answers.append((400, {"error": "no"}))
    ended = []

    async def wait():
        ended.append(await calling(client.wait, made["id"]))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await run_worker(context, "submit")
    assert ["failed"] == [generation["status"] for generation in ended]
    assert "failed" == (await calling(client.wait, made["id"], 0))["status"]


async def test_order_is_answered_when_it_has_ended(client, calling, context, upstream):
    upstream.answers.append((400, {"error": "no"}))
    ended = []

    async def order():
        ended.append(await calling(client.submit, *ORDER, wait_s=20))

    async with anyio.create_task_group() as group:
        group.start_soon(order)
        while not upstream.requests:
            await run_worker(context, "submit")
    assert ["failed"] == [generation["status"] for generation in ended]


async def test_service_may_be_away_within_a_wait(scripted, listener, calling):
    listener.answers = [
        (200, ANSWER), (503, {"code": "store_unavailable", "detail": "away"}), "cut", (200, ENDED),
    ]  # fmt: skip
    assert "expired" == (await calling(scripted.wait, "gen_1", 30))["status"]


async def test_wait_ends_with_what_the_service_refuses(scripted, listener, calling):
    listener.answers = [(200, ANSWER), (404, {"code": "not_found", "detail": "nothing"})]
    with pytest.raises(ServiceError, match="nothing"):
        await calling(scripted.wait, "gen_1", 30)


async def test_order_with_a_key_is_sent_again_until_it_is_answered(scripted, listener, calling):
    listener.answers = ["cut", (503, {}), "cut", (202, ANSWER)]
    assert ANSWER == await calling(scripted.submit, *ORDER, idempotency_key="one")
    assert ["one"] * 4 == [request.headers["idempotency-key"] for request in listener.requests]


async def test_order_with_a_key_is_given_up_in_the_end(scripted, listener, calling):
    listener.answers = ["cut"] * 4
    with pytest.raises(Unreachable):
        await calling(scripted.submit_bulk, *ORDER[:2], [{}], idempotency_key="one")
    assert 4 == len(listener.requests)


async def test_order_with_a_key_that_is_refused_is_not_sent_again(scripted, listener, calling):
    listener.answers = [(422, {"code": "invalid_request", "detail": "input: no"})]
    with pytest.raises(ServiceError, match="input: no"):
        await calling(scripted.submit, *ORDER, idempotency_key="one")


async def test_order_without_a_key_is_sent_once(scripted, listener, calling):
    """It may have arrived, and a second one would be paid for too."""
    listener.answers = ["cut", (202, ANSWER)]
    with pytest.raises(Unreachable):
        await calling(scripted.submit, *ORDER)
    listener.answers = [(503, {"code": "store_unavailable", "detail": "away"}), (202, ANSWER)]
    with pytest.raises(ServiceError, match="away") as refused:
        await calling(scripted.submit, *ORDER, wait_s=5)
    assert (503, "store_unavailable") == (refused.value.status, refused.value.code)
    assert 2 == len(listener.requests)


async def test_error_has_the_words_of_the_service(client, calling):
    with pytest.raises(ServiceError, match="no generation has the id") as refused:
        await calling(client.generation, "gen_1?x#y")
    assert (404, "not_found") == (refused.value.status, refused.value.code)
    assert {
        "type": "urn:arrivals:problem:not_found",
        "status": 404,
        "errors": [],
    }.items() <= refused.value.problem.items()


def whole_output(client, generation_id):
    """The content type and the bytes of its first output."""
    with client.output(generation_id) as (content_type, pieces):
        return content_type, b"".join(pieces)


async def test_output_comes_with_its_type(scripted, listener, calling):
    picture = b"\x89PNG" * 50_000
    listener.answers = [(200, picture, {"content-type": "image/png"})]
    assert ("image/png", picture) == await calling(whole_output, scripted, "gen_1")
    assert "/v1/generations/gen_1/outputs/0" == listener.requests[0].path


async def test_output_that_is_not_there_has_the_words_of_the_service(client, calling):
    made = await calling(client.submit, *ORDER)
    with pytest.raises(ServiceError, match="has no output 0"):
        await calling(whole_output, client, made["id"])


async def test_output_that_breaks_off_is_not_taken_for_whole(listener, calling):
    listener.answers = [(200, b"\x89PNG" * 500_000, {"content-type": "image/png"})]
    async with wired(int(listener.url.rpartition(":")[2])) as wire:
        wire.allowances = [100_000]
        with Client(wire.url, KEY, timeout_s=5) as client, pytest.raises(Broken, match="broke off"):
            await calling(whole_output, client, "gen_1")


async def test_subscriber_is_made_changed_and_deleted(client, calling):
    made = await calling(client.post, path("subscribers"), {"url": "https://example.com/hook"})
    changed = await calling(client.patch, path("subscribers", made["id"]), {"description": "mine"})
    assert "mine" == changed["description"]
    assert await calling(client.delete, path("subscribers", made["id"])) is None


@pytest.mark.parametrize(
    "answer", [(200, b"{", {}), (200, b"text", {"content-type": "text/plain"}), (502, b"<html>", {})]
)
async def test_answer_that_is_not_json_is_told(scripted, listener, calling, answer):
    listener.answers = [answer]
    with pytest.raises(ServiceError, match=f"HTTP {answer[0]}; is this the URL of an Arrivals service"):
        await calling(scripted.get, "/v1/generations")


@pytest.mark.parametrize("key", ["other", "é"])
async def test_key_that_is_wrong_is_told(base_url, calling, key):
    with Client(base_url, key) as stranger, pytest.raises((ServiceError, Unreachable)):
        await calling(stranger.get, "/v1/generations")


@pytest.mark.parametrize("url", ["", "no url", "http://[", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_url_that_leads_nowhere_is_told(url):
    with Client(url, KEY) as client, pytest.raises(Unreachable, match="nothing answers at"):
        client.get("/v1/generations")


async def test_redirect_is_not_followed_with_the_key(scripted, listener, calling):
    listener.answers = [(302, b"", {"location": f"{listener.url}/elsewhere"})]
    with pytest.raises(ServiceError, match="HTTP 302"):
        await calling(scripted.get, "/v1/generations")
    assert 1 == len(listener.requests)


async def test_silence_is_told(port, calling):
    async with wired(port) as wire:
        wire.allowances = [1]
        with Client(wire.url, KEY, timeout_s=5) as client, pytest.raises(Unreachable):
            await calling(client.get, "/v1/generations")


async def test_changes_begin_with_a_snapshot_and_go_on_with_what_changed(client, calling):
    made = await calling(client.submit, *ORDER)

    with await calling(client.changes, provider="eachlabs", generations=[made["id"]]) as changes:
        assert {"type": "snapshot", "data": [made]} == await calling(next, changes)
        await calling(client.post, f"/v1/generations/{made['id']}/cancel")
        change = await calling(next, changes)

    assert ("generation", made["id"], "canceled") == (change["type"], change["data"]["id"], change["data"]["status"])


async def test_blanks_and_line_ends_around_url_and_key_are_trimmed(base_url, calling):
    with Client(f" {base_url}/\n", f"\t{KEY}\r\n", timeout_s=5) as client:
        assert base_url == client.url
        assert [] == (await calling(client.get, path("generations")))["data"]


def test_a_key_with_a_line_end_within_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match=r"^the API key has a line end within, or another control character$"):
        Client("http://127.0.0.1:1", "one\nother")
