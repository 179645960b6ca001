"""One generation's trouble is its own: the answers to its polls are kept, and cost no other generation a poll."""

import json
import random

import pytest

from arrivals.core.generation import GenerationKey, Origin
from arrivals.core.http import InboundWebhook
from arrivals.core.observation import Observation, Reading
from arrivals.flow.admin.timeline import timeline
from arrivals.flow.observation.poll import claim_one, poll
from arrivals.flow.observation.receive import receive
from arrivals.flow.settlement import unknown_statuses
from arrivals.flow.settlement.unknown_statuses import UnknownStatuses
from arrivals.flow.submission.order import stored
from arrivals.store import accounts, metrics
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED, POLLED, SUCCEEDED

RUNBLOB = {"provider": "runblob", "model": "gemini"}
WAITS = (200, {"task_uuid": "rb-1", "status": "processing"})
POLICY = (400, {"detail": "CONTENT_POLICY_VIOLATION"})
# Of one task; whoever answers so is there.
OF_ONE = {
    "unreadable": (200, b"<html>"),
    "empty": (200, {}),
    "content": POLICY,
    "validation": (422, {"detail": [{"loc": ["path", "id"], "msg": "no uuid"}]}),
    "own error": (500, {"detail": "Internal error of this task"}),
    "not found": (404, {"detail": "Task not found"}),
    "timeout": (200, {"success": False, "message": "TIMEOUT"}),
}
OF_ALL = {"page": (502, b"<html>"), "nothing": (500, b""), "key": (401, {"detail": "Invalid API key"})}


@pytest.fixture
def painted(context, upstream, ordered):
    """Submits a generation of RunBlob, whose polls and unsigned webhooks name it by this id; returns its own id."""

    async def place(task="rb-1", **changed):
        generation_id = await ordered(**{**RUNBLOB, **changed})
        upstream.answers.append((201, {"task_uuid": task, "status": "pending", "price": "0.05"}))
        assert await run_worker(context, "submit") == 1
        return generation_id

    return place


@pytest.fixture
def polled(context, clock, upstream):
    """Runs the poll worker some time later, with these answers; returns how many it polled."""

    async def ask(*answers, after_s=300):
        clock.advance(after_s)
        upstream.answers += answers
        return await run_worker(context, "poll")

    return ask


@pytest.fixture
def hinted(context):
    """Sends an unsigned webhook, which is read."""

    async def hint(generation_id, body):
        token = context.callback_urls.url("runblob", "default", generation_id).rpartition("/")[2]
        await receive(context, "runblob", token, InboundWebhook(body=body))
        await run_worker(context, "read")

    return hint


async def misses(context):
    async with context.store.reading() as tx:
        return (await accounts.ledger_seen(tx, ("runblob", "default"))).misses


async def calls(context, generation_id, what="poll"):
    data = (await timeline(context, generation_id))["data"]
    return [entry["details"] for entry in data if entry["type"] == what]


@pytest.mark.parametrize("answer", OF_ONE.values(), ids=OF_ONE)
async def test_trouble_of_one_is_no_miss_of_the_account(context, painted, polled, answer):
    await painted()

    assert 1 == await polled(answer)

    assert 0 == await misses(context)


@pytest.mark.parametrize("answer", OF_ALL.values(), ids=OF_ALL)
async def test_trouble_of_all_is_a_miss_of_the_account(context, painted, polled, answer):
    await painted()

    assert 1 == await polled(answer)

    assert 1 == await misses(context)


async def test_misses_of_one_moment_open_the_breaker_for_the_shortest_time(context, painted, polled):
    """A process that stood still misses as many as were in flight, though their provider is healthy."""
    for number in range(10):
        await painted(f"rb-{number}")
    assert 10 == await polled(*[(502, b"<html>")] * 10)

    assert 1 == await polled(WAITS, after_s=5.1)

    assert 0 == await misses(context)


@pytest.mark.parametrize("seed", range(8))
async def test_who_is_in_trouble_costs_its_neighbors_no_question(context, clock, upstream, painted, seed):
    """A healthy generation is polled as often as if it were alone, whatever a dozen others are answered."""
    rng = random.Random(seed)
    answers = {f"ill-{number}": rng.choice([*OF_ONE.values()]) for number in range(12)} | {"well": WAITS}
    for name in rng.sample([*answers], len(answers)):
        await painted(name, deadline_s=10_000)
    upstream.requests.clear()
    upstream.answer_by_path = lambda path: answers[path.rpartition("/")[2]]

    for _ in range(10):
        clock.advance(300)
        await run_worker(context, "poll")

    assert 10 == sum(request.path.endswith("/well") for request in upstream.requests)
    assert 0 == await misses(context)


async def test_hint_gets_its_question_though_the_breaker_is_open(context, clock, upstream, painted, polled, hinted):
    ids = [await painted(f"rb-{number}") for number in range(6)]
    assert 6 == await polled(*[(502, b"<html>")] * 6)
    assert 1 == await polled((502, b"<html>"), after_s=6)
    assert 6 == await misses(context)  # five to open the breaker, and the question whether it is over
    clock.advance(2)
    assert 0 == await run_worker(context, "poll")

    await hinted(ids[2], b'{"task_uuid": "rb-2", "status": "completed"}')
    done = {"task_uuid": "rb-2", "status": "completed", "result_image_url": "https://cdn.example/1.png"}

    assert 1 == await polled((200, done), after_s=3)
    assert "completed" == (await stored(context, ids[2])).status


async def test_verdict_that_is_told_twice_is_believed(context, painted, polled):
    generation_id = await painted()

    await polled((422, {"detail": "MODERATION_FAILED"}))
    assert "submitted" == (await stored(context, generation_id)).status
    await polled((422, {"detail": "MODERATION_FAILED"}))

    failure = (await stored(context, generation_id)).failure
    assert ("content_policy", "MODERATION_FAILED", 422, "poll") == (
        failure.code, failure.provider_code, failure.http_status, failure.origin,
    )  # fmt: skip


async def test_verdicts_that_differ_are_not_believed(context, painted, polled):
    generation_id = await painted()

    await polled((422, {"detail": "MODERATION_FAILED"}))
    await polled((400, {"detail": "INVALID_IMAGE"}))
    await polled(WAITS)
    await polled((400, {"detail": "INVALID_IMAGE"}))

    assert "processing" == (await stored(context, generation_id)).status


@pytest.mark.parametrize(
    "answer", [(422, {"detail": "oops"}), (500, {"detail": "TASK_FAILED"}), (429, {"detail": "slow"})]
)
async def test_what_says_nothing_of_the_work_is_never_believed(context, painted, polled, answer):
    generation_id = await painted(deadline_s=100_000)

    for _ in range(4):
        await polled(answer, after_s=400)

    assert "submitted" == (await stored(context, generation_id)).status


async def test_every_answer_but_that_it_goes_on_leaves_a_line(context, upstream, painted, polled):
    generation_id = await painted()

    await polled(WAITS)
    await polled((422, {"detail": "MODERATION_FAILED", "score": 0.9}))
    await polled((200, b"<html>busy</html>"))
    await polled((200, b"<html>busy</html>"))

    refused, unreadable = await calls(context, generation_id)
    url = f"GET {upstream.url}/v1/gemini/generations/rb-1"
    assert (url, 422, "refused", "content_policy") == (
        refused["request"], refused["http_status"], refused["outcome"], refused["failure"]["code"],
    )  # fmt: skip
    assert {"score": 0.9} == refused["failure"]["details"]
    assert '{"detail": "MODERATION_FAILED", "score": 0.9}' == refused["body"]
    assert ("unreadable", "<html>busy</html>", 17, 1) == (
        unreadable["outcome"], unreadable["body"], unreadable["bytes"], unreadable["repeats"],
    )  # fmt: skip
    assert unreadable["reason"].startswith("not JSON")
    assert 1 == (await stored(context, generation_id)).polls


async def test_the_last_of_many_answers_are_kept(context, painted, polled):
    generation_id = await painted(deadline_s=500_000)

    for number in range(60):
        await polled((200, f"<html>{number}".encode()), after_s=2000)

    kept = await calls(context, generation_id)
    assert [f"<html>{number}" for number in range(10, 60)] == [call["body"] for call in kept]


async def test_only_the_beginning_of_an_answer_is_kept_and_no_file_is_shown(context, painted, polled):
    generation_id = await painted()

    await polled((200, b"<" + b"x" * 100_000))
    await polled((200, b"\x00\x01" * 100))
    await polled((200, "é".encode() * 3000))

    large, file, cut = await calls(context, generation_id)
    assert (100_001, 2001, True) == (large["bytes"], len(large["body"]), large["body"].endswith("…"))
    assert (200, None) == (file["bytes"], file["body"])
    assert "é" * 2000 + "…" == cut["body"]


async def test_expiry_carries_the_last_refusal(context, clock, painted, polled, gives_up):
    generation_id = await painted(deadline_s=1000)
    await polled((422, {"detail": "oops", "request": "r-7"}))
    clock.advance(1000)

    await gives_up()

    failure = (await stored(context, generation_id)).failure
    assert ("deadline_passed", 422, {"request": "r-7"}) == (failure.code, failure.http_status, failure.details)
    assert failure.message.endswith("the last question was refused: oops")


async def test_submission_that_was_not_accepted_leaves_a_line(context, upstream, ordered):
    generation_id = await ordered()
    upstream.answers += [(503, b"<html>down"), (200, ACCEPTED)]

    await run_worker(context, "submit")

    (call,) = await calls(context, generation_id, "submission")
    assert (f"POST {upstream.url}/v1/prediction", 503, "refused", "<html>down") == (
        call["request"], call["http_status"], call["outcome"], call["body"],
    )  # fmt: skip


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_within_the_origin_is_followed(context, upstream, painted, polled, status):
    generation_id = await painted()
    done = {"task_uuid": "rb-1", "status": "completed", "result_image_url": "https://cdn.example/1.png"}

    await polled((status, b"", {"location": "/v1/gemini/generations/rb-1/"}), (200, done))

    assert "completed" == (await stored(context, generation_id)).status
    assert {"Bearer key-of-runblob"} == {request.headers["authorization"] for request in upstream.requests}


async def test_redirect_to_another_origin_is_not_followed_and_says_what_to_set(context, listener, painted, polled):
    generation_id = await painted()

    await polled((307, b"", {"location": f"{listener.url}/v1/gemini/generations/rb-1"}))

    (call,) = await calls(context, generation_id)
    assert f"a redirect to {listener.url}; set ARRIVALS_RUNBLOB_BASE_URL" in call["reason"]
    assert [] == listener.requests


async def test_endless_redirects_are_left(context, upstream, painted, polled):
    generation_id = await painted()

    await polled(*[(307, b"", {"location": "/again"})] * 9)

    assert "more than 5 redirects" == (await calls(context, generation_id))[0]["reason"]
    upstream.answers.clear()


async def test_answer_under_another_id_is_about_what_was_asked(context, painted, polled):
    generation_id = await painted()

    await polled((200, {"task_uuid": "upstream-9", "status": "processing"}))

    generation = await stored(context, generation_id)
    assert ("processing", "rb-1") == (generation.status, generation.external_id)


async def test_refusal_about_an_id_that_a_hint_lent_says_nothing(context, clock, upstream, ordered, polled, hinted):
    """A stranger who knows the callback URL may name anything."""
    generation_id = await ordered(**RUNBLOB)
    upstream.answers.append(504)
    await run_worker(context, "submit")
    await hinted(generation_id, b'{"task_uuid": "forged", "status": "completed"}')

    for _ in range(3):
        await polled((404, {"detail": "Task not found"}))

    assert "submitting" == (await stored(context, generation_id)).status


@pytest.mark.parametrize("location", ["http://[::1", "//["])
async def test_redirect_to_no_url_is_unreadable(context, painted, polled, location):
    generation_id = await painted()

    await polled((302, b"", {"location": location}))

    assert "a redirect to what is no URL" == (await calls(context, generation_id))[0]["reason"]


async def test_word_that_nobody_knows_is_counted_from_its_third_time_on(context, painted, polled):
    await painted()

    for word in ("warming_up", "warming_up", "other", "warming_up", "warming_up"):
        await polled((200, {"task_uuid": "rb-1", "status": word}))

    async with context.store.reading() as tx:
        assert {("runblob",): 2} == dict((await metrics.snapshot(tx, context.now())).unknown_statuses)


def test_words_are_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(unknown_statuses, "REMEMBERED", 1)
    words = UnknownStatuses()
    about = GenerationKey(id="gen_1", provider="runblob", account="default", route="gemini", model="gemini")

    def seen(word):
        reading = Reading(status=None, provider_status=word)
        return Observation(generation_id="gen_1", origin=Origin.POLL, at=0, reading=reading)

    assert [False, False, True] == [words.counts(about, seen("a")) for _ in range(3)]
    assert [False] * 4 == [words.counts(about, seen("b")) for _ in range(4)]


async def test_window_that_a_page_documents_holds_back_the_account(context, clock, upstream, ordered):
    """Every answer of each::sense tells when its window ends."""
    reset = str(context.now() // 1_000_000 + 30)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    upstream.answers.append((200, {"task_id": "t-1", "generations": ["https://cdn.example/1.png"]}, headers))
    await ordered(provider="eachlabs", model="eachsense/beta")
    await run_worker(context, "submit")
    await ordered()
    assert 0 == await run_worker(context, "submit")

    clock.advance(31)
    upstream.answers.append((200, ACCEPTED))

    assert 1 == await run_worker(context, "submit")


async def test_window_that_is_not_used_up_holds_nobody_back(context, upstream, ordered):
    headers = {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "30"}
    upstream.answers.append((200, {"task_id": "t-1", "generations": ["https://cdn.example/1.png"]}, headers))
    await ordered(provider="eachlabs", model="eachsense/beta")
    await run_worker(context, "submit")
    await ordered()
    upstream.answers.append((200, ACCEPTED))

    assert 1 == await run_worker(context, "submit")


@pytest.fixture
async def closed(context, submitted, calls_back):
    """A generation closed by a webhook that tells no cost."""
    generation_id = await submitted()
    await calls_back(generation_id, json.dumps(SUCCEEDED).encode())
    await run_worker(context, "read")
    return generation_id


async def test_cost_that_a_webhook_does_not_tell_is_asked_for_by_hand(context, clock, upstream, closed):
    clock.advance(3600)
    assert 0 == await run_worker(context, "poll")
    upstream.answers.append((200, {**POLLED, "metrics": {"cost": 0.05}}))

    await poll(context, await claim_one(context, closed))

    generation = await stored(context, closed)
    assert ("completed", "webhook", "0.05") == (generation.status, generation.learned_from, generation.cost.amount)


async def test_question_by_hand_about_what_is_closed_is_not_asked_again(context, clock, upstream, closed):
    upstream.answers.append((500, {"error": "no"}))

    await poll(context, await claim_one(context, closed))
    clock.advance(3600)

    assert 0 == await run_worker(context, "poll")
    assert "completed" == (await stored(context, closed)).status
