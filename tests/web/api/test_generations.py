from dataclasses import replace
import gc
import json
import weakref

import anyio
import pytest

from arrivals.core.generation import Origin, Status
from arrivals.core.observation import Observation, Reading
from arrivals.core.wire import rfc3339
from arrivals.flow.settlement.settle import settle
from arrivals.flow.submission.order import stored
from arrivals.store import accounts, generations
from arrivals.store.engine.base import Unavailable
from arrivals.web import endpoint
from arrivals.web.api import generations as web_generations
from tests.conftest import run_worker
from tests.support.eventually import until

DONE = {"id": "el-1", "status": "success", "output": "https://storage.example.com/1.jpg", "metrics": {"cost": 0.05}}
BODY = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}


async def test_an_order_is_answered_202_with_where_to_look(client):
    answer = await client.post("/v1/generations", json={**BODY, "metadata": {"order": "42"}})

    payload = answer.json()
    assert (202, f"/v1/generations/{payload['id']}") == (answer.status_code, answer.headers["location"])
    assert ("pending", {"order": "42"}, None) == (payload["status"], payload["metadata"], payload["failure"])


async def test_the_same_idempotency_key_is_one_order(client):
    headers = {"idempotency-key": "order-42"}
    first = await client.post("/v1/generations", json=BODY, headers=headers)
    second = await client.post("/v1/generations", json=BODY, headers=headers)
    other = await client.post("/v1/generations", json={**BODY, "model": "another"}, headers=headers)

    assert first.json()["id"] == second.json()["id"]
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])


async def test_parallel_requests_with_one_key_make_one_order(client):
    ids = set()

    async def send():
        answer = await client.post("/v1/generations", json=BODY, headers={"idempotency-key": "k"})
        ids.add(answer.json()["id"])

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(send)

    assert 1 == len(ids)


async def test_prefer_wait_answers_200_when_it_closes_within_the_wait(client, context, upstream):
    upstream.answers += [(400, {"error": "Invalid input for model"})]
    answers = []

    async def send():
        answers.append(await client.post("/v1/generations", json=BODY, headers={"prefer": "respond-async, wait=5"}))

    async with anyio.create_task_group() as group:
        group.start_soon(send)
        with anyio.fail_after(3):
            while not await run_worker(context, "submit"):
                await anyio.lowlevel.checkpoint()

    (answer,) = answers
    assert (200, "wait=5", "failed") == (
        answer.status_code, answer.headers["preference-applied"], answer.json()["status"],
    )  # fmt: skip


async def test_who_waits_is_answered_when_the_service_is_told_to_end(client, context, ordered):
    """The answer is the same as if the wait had ended."""
    generation_id = (await ordered())["id"]
    answers = []

    async def wait():
        answers.append(await client.get(f"/v1/generations/{generation_id}?wait=300"))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        while not context.store.awaited:
            await anyio.lowlevel.checkpoint()
        context.end_waits()
        answers.append(await client.post("/v1/generations", json=BODY, headers={"prefer": "wait=300"}))

    assert {(200, "pending"), (202, "pending")} == {(answer.status_code, answer.json()["status"]) for answer in answers}


async def test_a_read_waits_until_it_closes_and_no_longer(client, context, upstream, submitted):
    generation_id = await submitted()
    upstream.answers.append((200, DONE))
    payloads = []

    async def read():
        payloads.append((await client.get(f"/v1/generations/{generation_id}?wait=5")).json())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await until(lambda: context.process.waiters.ids)
        assert 200 == (await client.post(f"/v1/generations/{generation_id}/poll")).status_code

    assert "completed" == payloads[0]["status"]
    assert {"amount": "0.05", "currency": "USD"} == payloads[0]["cost"]
    assert "submitted" == (await client.get(f"/v1/generations/{await submitted()}?wait=0.01")).json()["status"]


async def test_lists_are_newest_first_filtered_and_paged_without_gap_or_repeat(client, ordered):
    ids = [(await ordered())["id"] for _ in range(5)]
    await ordered(model="another")

    pages, after = [], None
    while True:
        query = {"limit": "2", "model": "flux-1-1-pro", **({"after": after} if after else {})}
        page = (await client.get("/v1/generations", params=query)).json()
        pages += [generation["id"] for generation in page["data"]]
        after = page["next"]
        if after is None:
            break

    assert ids[::-1] == pages
    assert [] == (await client.get("/v1/generations?status=completed")).json()["data"]
    assert 6 == len((await client.get("/v1/generations?provider=eachlabs&since=2026-01-01T00:00:00Z")).json()["data"])
    assert [] == (await client.get("/v1/generations?until=2026-01-01T00:00:00Z")).json()["data"]
    assert 6 == len((await client.get("/v1/generations?until=2286-11-20T00:00:00Z")).json()["data"])
    assert [] == (await client.get("/v1/generations?since=2286-11-20T00:00:00Z")).json()["data"]


async def test_a_poll_asks_now_and_a_closed_generation_is_not_asked_about(client, upstream, submitted):
    generation_id = await submitted()
    upstream.answers.append((200, DONE))
    await client.post(f"/v1/generations/{generation_id}/poll")
    count = len(upstream.requests)

    answer = await client.post(f"/v1/generations/{generation_id}/poll")

    assert (200, "completed", count) == (answer.status_code, answer.json()["status"], len(upstream.requests))


async def test_what_the_provider_has_not_named_cannot_be_polled(client, ordered):
    answer = await client.post(f"/v1/generations/{(await ordered())['id']}/poll")

    assert (409, "not_pollable") == (answer.status_code, answer.json()["code"])


async def test_what_cannot_be_asked_about_cannot_be_polled(client, context, upstream, ordered):
    """The provider has named it, and documents no way to ask."""
    generation_id = (await ordered(provider="aihubmix", model="gpt-image-1"))["id"]
    upstream.answers.append((200, {"output": [{"taskId": "t-1"}]}))
    await run_worker(context, "submit")
    count = len(upstream.requests)

    answer = await client.post(f"/v1/generations/{generation_id}/poll")

    assert (409, "not_pollable") == (answer.status_code, answer.json()["code"])
    assert "aihubmix documents no way" in answer.json()["detail"]
    assert count == len(upstream.requests)


async def test_what_waits_can_be_canceled_once(client, ordered):
    generation_id = (await ordered())["id"]

    first = await client.post(f"/v1/generations/{generation_id}/cancel")
    second = await client.post(f"/v1/generations/{generation_id}/cancel")

    assert (200, "canceled") == (first.status_code, first.json()["status"])
    assert (409, "not_cancelable") == (second.status_code, second.json()["code"])


async def test_the_timeline_tells_everything(client, submitted):
    timeline = (await client.get(f"/v1/generations/{await submitted()}/timeline")).json()

    assert ["observation"] == [entry["type"] for entry in timeline["data"]]
    assert "advanced" == timeline["data"][0]["details"]["finding"]


@pytest.fixture
async def with_output(client, upstream, submitted):
    """A completed generation whose output is on the provider's own origin."""
    generation_id = await submitted()
    upstream.answers.append((200, {**DONE, "output": f"{upstream.url}/content.mp4"}))
    await client.post(f"/v1/generations/{generation_id}/poll")
    upstream.requests.clear()
    return generation_id


async def test_outputs_are_streamed_through_us_with_the_key(client, upstream, with_output):
    media = {"content-type": "video/mp4", "etag": '"1"', "set-cookie": "a=b", "x-secret": "internal"}
    upstream.answers.append((200, b"x" * 100_000, media))

    answer = await client.get(f"/v1/generations/{with_output}/outputs/0")

    assert (200, 100_000, "video/mp4") == (answer.status_code, len(answer.content), answer.headers["content-type"])
    assert "Bearer key-of-eachlabs" == upstream.requests[0].headers["authorization"]
    assert not {"set-cookie", "x-secret"} & set(answer.headers)
    assert "nosniff" == answer.headers["x-content-type-options"]


async def test_a_range_is_passed_on(client, upstream, with_output):
    upstream.answers.append((206, b"yz", {"content-range": "bytes 1-2/4"}))

    answer = await client.get(f"/v1/generations/{with_output}/outputs/0", headers={"range": "bytes=1-2"})

    assert (206, b"yz", "bytes 1-2/4") == (answer.status_code, answer.content, answer.headers["content-range"])
    assert "bytes=1-2" == upstream.requests[0].headers["range"]


async def test_an_output_the_provider_does_not_hand_out_is_a_clear_error(client, upstream, with_output):
    upstream.answers.append((404, {"error": "expired"}))

    gone = await client.get(f"/v1/generations/{with_output}/outputs/0")
    missing = [await client.get(f"/v1/generations/{with_output}/outputs/{n}") for n in ("1", "x")]

    assert (502, "output_unavailable") == (gone.status_code, gone.json()["code"])
    assert [404, 404] == [answer.status_code for answer in missing]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "m", "input": {}}, "provider"),
        ({**BODY, "provider": "nobody"}, "provider"),
        ({**BODY, "provider": "runblob", "model": "m"}, "model"),
        ({**BODY, "input": "text"}, "input"),
        ({**BODY, "account": "other"}, "account"),
        ({**BODY, "deadline_s": -1}, "deadline_s"),
        ({**BODY, "callback_url": "not a url"}, "callback_url"),
        ({**BODY, "prompt": "not here"}, "prompt"),
        ({**BODY, "metadata": []}, "metadata"),
    ],
    ids=range(9),
)
async def test_a_bad_order_names_the_field(client, body, field):
    answer = await client.post("/v1/generations", json=body)

    assert 422 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert [field] == [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("status=done", "status"),
        ("since=yesterday", "since"),
        ("color=red", "color"),
    ],
)
async def test_a_bad_query_names_the_field(client, query, field):
    answer = await client.get(f"/v1/generations?{query}")

    assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b"[" * 100_000, json.dumps({"a": float("nan")}).encode()], ids=range(5)
)
async def test_a_body_that_is_not_ours_is_a_clear_error(client, body):
    answer = await client.post("/v1/generations", content=body)

    assert answer.status_code in {400, 422}
    assert answer.json()["errors"]


async def test_an_idempotency_key_has_a_length(client):
    answer = await client.post("/v1/generations", json=BODY, headers={"idempotency-key": "k" * 256})

    assert (422, "Idempotency-Key") == (answer.status_code, answer.json()["errors"][0]["field"])


async def test_nothing_is_found_under_an_unknown_id(client):
    for path in ("", "/timeline", "/outputs/0"):
        answer = await client.get(f"/v1/generations/gen_nobody{path}")
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_what_is_nested_too_deeply_is_refused_before_it_is_stored(client):
    deep = json.loads("[" * 70 + "]" * 70)

    refused = await client.post("/v1/generations", json={**BODY, "metadata": {"deep": deep}})
    text = await client.post("/v1/generations", json={**BODY, "metadata": {"text": "[" * 100 + '\\"{{{'}})

    assert (400, 202) == (refused.status_code, text.status_code)
    assert 200 == (await client.get("/v1/generations")).status_code


@pytest.mark.parametrize(
    "body", [b'{"provider": "\xff"}', b'{"input": {"\xff": 1}}', b"\xff\xfe{\x00}\x00", b"{", b"NaN"]
)
async def test_a_body_that_is_no_json_or_no_text_is_refused(client, body):
    answer = await client.post("/v1/generations", content=body)

    assert (400, "invalid_json", "$") == (
        answer.status_code, answer.json()["code"], answer.json()["errors"][0]["field"],
    )  # fmt: skip


async def test_a_name_with_control_characters_is_refused(client):
    answer = await client.post("/v1/generations", json={**BODY, "model": "a\0b"})

    assert (422, "model") == (answer.status_code, answer.json()["errors"][0]["field"])


async def test_a_wrong_method_is_told_all_the_right_ones(client):
    answer = await client.put("/v1/generations", json={})

    assert (405, {"GET", "HEAD", "POST"}) == (answer.status_code, set(answer.headers["allow"].split(", ")))


async def test_a_header_that_is_not_ascii_is_left_out(client, upstream, with_output):
    upstream.answers.append((200, b"x", {"etag": "\xfc"}))

    answer = await client.get(f"/v1/generations/{with_output}/outputs/0")

    assert (200, b"x") == (answer.status_code, answer.content)
    assert "etag" not in answer.headers


async def test_a_database_that_is_away_is_503(client, context, monkeypatch):
    async def away(*_):
        raise Unavailable

    monkeypatch.setattr(generations, "insert", away)

    answer = await client.post("/v1/generations", json=BODY)

    assert (503, "store_unavailable", "5") == (answer.status_code, answer.json()["code"], answer.headers["retry-after"])


async def test_an_order_may_carry_files_and_little_else(client, store):
    """Long strings are files; what is large without them is refused."""
    picture = "data:image/png;base64," + "A" * 3_000_000
    body = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a fox", "image": picture}}
    many = body | {"input": {"prompt": "a fox", "words": ["a word of some length" * 2] * 40_000}}

    taken = await client.post("/v1/generations", json=body, headers={"idempotency-key": "large"})
    again = await client.post("/v1/generations", json=body, headers={"idempotency-key": "large"})
    refused = await client.post("/v1/generations", json=many)

    assert [202, 202, 413] == [taken.status_code, again.status_code, refused.status_code]
    assert taken.json()["id"] == again.json()["id"]
    assert "long strings" in refused.json()["detail"]
    async with store.reading() as tx:
        assert body["input"] == await generations.order_input(tx, taken.json()["id"])


@pytest.mark.parametrize("body", [b"]" * 2_000_000, b'"' * 2_000_000, b"[" * 2_000_000, b'{"a":' * 200_000])
async def test_what_is_hardly_json_is_refused(client, body):
    answer = await client.post("/v1/generations", content=body)

    assert answer.status_code in {400, 413}
    assert answer.json()["code"] in {"invalid_json", "too_large"}


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({f"{number}": 1 for number in range(65)}, "metadata"),
        ({"a": "x" * 16_384}, "metadata: is 16392 bytes of JSON; at most 16384 are kept"),
    ],
    ids=["keys", "bytes"],
)
async def test_metadata_has_a_bound(client, metadata, says):
    answer = await client.post("/v1/generations", json={**BODY, "metadata": metadata})

    assert (422, "metadata") == (answer.status_code, answer.json()["errors"][0]["field"])
    assert says in answer.json()["detail"]


async def test_a_timeline_is_paged(client, submitted):
    where = f"/v1/generations/{await submitted()}/timeline"
    whole = (await client.get(where)).json()

    assert whole["next"] is None
    answer = await client.get(f"{where}?after=nonsense")
    assert (422, "after") == (answer.status_code, answer.json()["errors"][0]["field"])
    assert [] == (await client.get(f"{where}?after={10**17}.0.0.x")).json()["data"]


async def test_a_poll_by_hand_beyond_the_budget_is_429_and_one_too_soon_tells_what_is_known(
    client, context, clock, upstream, submitted
):
    generation_id = await submitted()
    upstream.answers.append((200, {"id": "el-1", "status": "processing"}))
    where = f"/v1/generations/{generation_id}/poll"
    assert "processing" == (await client.post(where)).json()["status"]
    count = len(upstream.requests)

    again = await client.post(where)
    clock.advance(2)
    async with context.store.transaction() as tx:
        ledger = await accounts.ledger_of(tx, ("eachlabs", "default"))
        await accounts.save_ledger(tx, replace(ledger, spent_until=clock.at + 60_000_000))
    refused = await client.post(where)

    assert (200, "processing") == (again.status_code, again.json()["status"])
    assert (429, "over_budget") == (refused.status_code, refused.json()["code"])
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert count == len(upstream.requests)


async def test_who_waits_is_not_woken_by_what_it_does_not_wait_for(client, context, submitted, monkeypatch):
    """A waiting request reads the generation when it begins to wait, and when the wait has ended."""
    mine, others = await submitted(), [await submitted() for _ in range(5)]
    reads, payloads = [], []

    async def counted(some_tools, generation_id):
        reads.append(generation_id)
        return await stored(some_tools, generation_id)

    monkeypatch.setattr(web_generations, "stored", counted)

    async def wait():
        payloads.append((await client.get(f"/v1/generations/{mine}?wait=20")).json())

    def canceled(generation_id):
        reading = Reading(status=Status.CANCELED)
        return Observation(generation_id=generation_id, origin=Origin.POLL, at=context.now(), reading=reading)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        with anyio.fail_after(10):
            while not reads:
                await anyio.lowlevel.checkpoint()
        for other in others:
            await settle(context, [canceled(other)])
        await settle(context, [canceled(mine)])

    assert "canceled" == payloads[0]["status"]
    assert [mine, mine] == reads


async def test_a_body_that_was_refused_is_forgotten_at_once(client, monkeypatch):
    """Errors and the frames that raised them keep each other until garbage is collected, which is seldom."""
    kept = []

    class Content(bytearray):
        """Bytes that can be watched."""

    async def body_of(*_):
        content = Content(b'"' * 2_000_000)
        kept.append(weakref.ref(content))
        return content

    monkeypatch.setattr(endpoint, "body_of", body_of)
    gc.disable()
    try:
        for _ in range(3):
            assert 400 == (await client.post("/v1/generations", content=b"{}")).status_code
        assert [None] * 2 == [reference() for reference in kept[:-1]]  # a thread holds its last work until the next
    finally:
        gc.enable()


async def test_the_timeline_says_when_such_work_is_usually_done_and_when_is_asked_next(client, context, submitted):
    generation_id = await submitted()
    path = f"/v1/generations/{generation_id}/timeline"

    expected = (await client.get(path)).json()["expected"]
    async with context.store.reading() as tx:
        scheduled = await generations.by_id(tx, generation_id)
    assert rfc3339(scheduled.schedule.poll_at) == expected["next_poll_at"]
    assert rfc3339(scheduled.generation.submitted_at) < expected["usually_done_from"] < expected["usually_done_until"]


async def test_nothing_is_expected_of_what_was_not_submitted_or_has_ended(client, ordered):
    path = f"/v1/generations/{(await ordered())['id']}/timeline"
    assert (await client.get(path)).json()["expected"] is None

    await client.post(path.replace("timeline", "cancel"))
    assert (await client.get(path)).json()["expected"] is None
